"""Two hosts on this machine, each with a network, processes, a name and shared memory of its own: Linux namespaces.

They see the same files, but for one folder that each has for itself.
"""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.paths import ROOT
from tests.realtime.ray_cluster import until

_TOOLS = ("ip", "unshare", "nsenter", "mount")
_NET = "10.213.77"  # of the bridge between them, which is this machine


@dataclass(frozen=True)
class Host:
    name: str
    address: str
    link: str  # its end of the cable, here
    pid: int

    def command(self, words: Sequence[object]) -> list[str]:
        """The same command on this host."""
        return ["nsenter", f"--target={self.pid}", "-n", "-m", "-p", "-u", f"--wd={ROOT}", *map(str, words)]

    def cut(self) -> None:
        """Pulls the cable: nothing is ended, and nothing is said."""
        _run("ip", "link", "set", self.link, "down")


@contextmanager
def two_hosts(own: Path) -> Iterator[tuple[Host, Host]]:
    """own: the folder that each has for itself. Skips where this cannot be done."""
    bridge = f"ks{os.getpid()}"
    if missing := [tool for tool in _TOOLS if shutil.which(tool) is None]:
        pytest.skip(f"no {missing[0]} here: apt install iproute2 util-linux")
    made = subprocess.run(["ip", "link", "add", bridge, "type", "bridge"], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("no right to make a network")
    inits: list[subprocess.Popen[bytes]] = []
    hosts: list[Host] = []
    try:
        _run("ip", "addr", "add", f"{_NET}.254/24", "dev", bridge)
        _run("ip", "link", "set", bridge, "up")
        for number, name in enumerate("ab", 1):
            hosts.append(_host(name, number, bridge, own, inits))
        yield hosts[0], hosts[1]
    finally:
        for host in hosts:
            _run("ip", "link", "del", host.link)
        for init in inits:
            init.kill()  # and with it all that runs there
            init.wait()
        _run("ip", "link", "del", bridge)


def _host(name: str, number: int, bridge: str, own: Path, inits: "list[subprocess.Popen[bytes]]") -> Host:
    inside = (
        f"mount -t tmpfs none {own} && mount -t tmpfs -o size=1g none /dev/shm && hostname {name} && sleep infinity"
    )
    space = ["unshare", "-n", "-m", "-p", "-u", "--fork", "--mount-proc", "--kill-child", "sh", "-c", inside]
    inits.append(subprocess.Popen(space, stdin=subprocess.DEVNULL))
    children = Path(f"/proc/{inits[-1].pid}/task/{inits[-1].pid}/children")
    until(lambda: children.read_text().split(), f"host {name} starts")
    pid = int(children.read_text().split()[0])
    host = Host(name, f"{_NET}.{number}", f"{bridge}{name}", pid)
    until(lambda: subprocess.check_output(host.command(["hostname"]), text=True).strip() == name, f"host {name} is up")
    assert socket.gethostname() != name
    _run("ip", "link", "add", host.link, "type", "veth", "peer", "name", "eth0", "netns", str(pid))
    _run("ip", "link", "set", host.link, "master", bridge)
    _run("ip", "link", "set", host.link, "up")
    for words in (("addr", "add", f"{host.address}/24", "dev", "eth0"), ("link", "set", "eth0", "up")):
        _run("nsenter", f"--target={pid}", "-n", "ip", *words)
    _run("nsenter", f"--target={pid}", "-n", "ip", "link", "set", "lo", "up")
    return host


def _run(*words: str) -> None:
    subprocess.run(words, check=True)
