"""The plan store: what it gives back, what it refuses, and who may touch it."""

import hashlib
import json
import multiprocessing
import os
import subprocess
import sys
import time
from dataclasses import asdict, fields, replace
from pathlib import Path

import pytest

from knowledge_spreader.engines.trt.plan_cache import PlanError, PlanFor, PlanStore, read_foreign_plan
from knowledge_spreader.engines.trt.private_folder import PrivacyError
from knowledge_spreader.errors import ModelError
from tests.paths import ROOT

WANTED = PlanFor(
    part="encoder",
    onnx_sha256="0" * 64,
    precision="fp16",
    profiles=("1/2/8", "1/32/64"),
    gpu="NVIDIA H200",
    compute_capability="9.0",
    driver="13.2",
    tensorrt="11.4.0.106",
    spec='{"aus": [1, 2]}',
    system="Linux x86_64",
)
PLAN = b"a plan" * 1000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "plans"


@pytest.fixture
def store(folder: Path) -> PlanStore:
    return PlanStore(folder)


def no_build() -> bytes:
    raise AssertionError("nothing was to be built")


def test_a_plan_comes_back_as_it_was_saved(store: PlanStore) -> None:
    store.save(WANTED, PLAN)
    assert store.load(WANTED) == PLAN
    assert store.load_or_build(WANTED, no_build, pytest.fail) == PLAN


def test_the_json_beside_a_plan_says_what_it_was_built_from_and_for(store: PlanStore) -> None:
    store.save(WANTED, PLAN)
    described = json.loads((store.path / f"{WANTED.name}.json").read_text())
    assert described.pop("plan_sha256") == hashlib.sha256(PLAN).hexdigest()
    assert described.pop("format") == "knowledge-spreader plan 1"
    assert described == {**asdict(WANTED), "profiles": ["1/2/8", "1/32/64"]}


def test_the_folder_and_its_files_are_their_users_alone(store: PlanStore) -> None:
    old = os.umask(0)  # the widest there is
    try:
        store.load_or_build(WANTED, lambda: PLAN, lambda line: None)
        store.save_timing_cache(WANTED, b"times")
    finally:
        os.umask(old)
    assert store.path.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in store.path.iterdir()} == {0o600}


@pytest.mark.parametrize("field", [field.name for field in fields(PlanFor)])
def test_a_plan_is_refused_when_anything_that_it_depends_on_is_another(store: PlanStore, field: str) -> None:
    store.save(WANTED, PLAN)
    other = ("1/1/1",) if field == "profiles" else "another"
    changed = replace(WANTED, **{field: other})
    for suffix in ("plan", "json"):  # also when the files lie under the name of the other one
        (store.path / f"{WANTED.name}.{suffix}").rename(store.path / f"{changed.name}.{suffix}")
    with pytest.raises(PlanError, match=f"built for {field} .* now it is .*(another|1/1/1)"):
        store.load(changed)


def test_a_new_tensorrt_builds_anew_and_says_why_and_replaces_the_old_plan(store: PlanStore) -> None:
    store.save(WANTED, PLAN)
    newer, lines = replace(WANTED, tensorrt="11.5.0.1"), []
    assert store.load_or_build(newer, lambda: b"new", lines.append) == b"new"
    assert lines == [
        "the plan was built for tensorrt '11.4.0.106', now it is '11.5.0.1'; "
        "building the encoder in fp16 for NVIDIA H200; takes minutes, once"
    ]
    assert len(list(store.path.glob("*.plan"))) == 1
    assert store.load_or_build(newer, no_build, pytest.fail) == b"new"


def test_two_gpus_in_one_machine_have_a_plan_each(store: PlanStore) -> None:
    other = replace(WANTED, gpu="NVIDIA L4", compute_capability="8.9")
    store.save(WANTED, PLAN)
    store.save(other, b"l4")
    assert (store.load(WANTED), store.load(other)) == (PLAN, b"l4")


@pytest.mark.parametrize(
    ("tamper", "reason"),
    [
        (lambda plan, about: plan.write_bytes(PLAN[:-1] + b"!"), "another checksum"),
        (lambda plan, about: plan.write_bytes(PLAN[:100]), "another checksum"),
        (lambda plan, about: plan.write_bytes(b""), "another checksum"),
        (lambda plan, about: about.write_text(about.read_text().replace("H200", "H100")), "built for gpu"),
        (lambda plan, about: about.write_text(about.read_text()[:50]), "damaged"),
        (lambda plan, about: about.write_bytes(b"\xff\xfe\x00"), "damaged"),
        (lambda plan, about: about.write_text("[" * 60_000), "damaged"),
        (lambda plan, about: about.write_text("[]"), "does not describe"),
        (lambda plan, about: about.write_text('{"format": "knowledge-spreader plan 1"}'), "does not describe"),
        (lambda plan, about: about.unlink(), "no plan yet"),
        (lambda plan, about: plan.unlink(), "no plan yet"),
        (lambda plan, about: plan.chmod(0o640), "permissions 640"),
        (lambda plan, about: plan.chmod(0o602), "permissions 602"),
        (lambda plan, about: about.chmod(0o666), "permissions 666"),
        (lambda plan, about: (plan.rename(plan.parent / "x"), plan.symlink_to("x")), "plain file"),
        (lambda plan, about: (plan.unlink(), plan.mkdir()), "plain file"),
        (lambda plan, about: (plan.unlink(), os.mkfifo(plan, 0o600)), "plain file"),
    ],
)
def test_a_tampered_plan_is_refused_with_the_reason_and_built_anew(
    store: PlanStore, tamper: object, reason: str
) -> None:
    store.save(WANTED, PLAN)
    plan, about = (store.path / f"{WANTED.name}.{suffix}" for suffix in ("plan", "json"))
    tamper(plan, about)  # type: ignore[operator]
    with pytest.raises(PlanError, match=reason) as refusal:
        store.load(WANTED)
    assert "\n" not in str(refusal.value)
    lines: list[str] = []
    if plan.is_dir() and not plan.is_symlink():
        plan.rmdir()  # nobody replaces a folder by a file
    assert store.load_or_build(WANTED, lambda: b"new", lines.append) == b"new"
    assert store.load(WANTED) == b"new"
    assert len(lines) == 1


def test_a_folder_that_others_could_write_loses_its_plans(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    PlanStore(folder).save(WANTED, PLAN)
    folder.chmod(0o770)
    with pytest.raises(PlanError, match="no plan yet"):
        PlanStore(folder).load(WANTED)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert "could be written by others" in caplog.text


def test_a_folder_that_others_could_read_is_closed_and_keeps_its_plans(folder: Path) -> None:
    PlanStore(folder).save(WANTED, PLAN)
    folder.chmod(0o755)
    assert PlanStore(folder).load(WANTED) == PLAN
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_link_in_place_of_the_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    folder.parent.mkdir()
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PrivacyError, match="is a link"):
        PlanStore(folder)


def test_a_file_in_place_of_the_folder_is_refused(folder: Path) -> None:
    folder.parent.mkdir()
    folder.write_text("")
    with pytest.raises(ModelError, match="cannot make a private folder"):
        PlanStore(folder)


@pytest.mark.parametrize("what", ["folder", "plan"])
def test_what_belongs_to_somebody_else_is_refused(store: PlanStore, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store.save(WANTED, PLAN)
    me = os.geteuid()
    monkeypatch.setattr("os.geteuid", lambda: me + 1)  # the files are of another user than the process
    if what == "folder":
        with pytest.raises(PrivacyError, match=f"of user number {me}"):
            PlanStore(store.path)
    else:
        with pytest.raises(PlanError, match="not a plain file of its user"):
            store.load(WANTED)


def test_a_plan_that_cannot_be_kept_is_used_all_the_same(store: PlanStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    lines: list[str] = []
    assert store.load_or_build(WANTED, lambda: PLAN, lines.append) == PLAN
    assert "cannot be saved (No space left on device)" in lines[1]
    assert [path.suffix for path in store.path.iterdir()] == [".lock"]  # no half-written file stays


def test_a_build_that_fails_leaves_the_store_usable(store: PlanStore) -> None:
    def broken() -> bytes:
        raise ModelError("cannot be built")

    with pytest.raises(ModelError, match="cannot be built"):
        store.load_or_build(WANTED, broken, lambda line: None)
    assert store.load_or_build(WANTED, lambda: PLAN, lambda line: None) == PLAN


def test_kernel_times_are_kept_for_each_tensorrt_gpu_and_driver(store: PlanStore) -> None:
    assert store.timing_cache(WANTED) == b""
    store.save_timing_cache(WANTED, b"times")
    assert store.timing_cache(replace(WANTED, part="head", precision="int8", onnx_sha256="1")) == b"times"
    for other in ({"tensorrt": "11.5"}, {"gpu": "NVIDIA L4"}, {"driver": "13.3"}):
        assert store.timing_cache(replace(WANTED, **other)) == b""
    (store.path / WANTED.timing_name).chmod(0o664)
    assert store.timing_cache(WANTED) == b""


def test_a_plan_from_elsewhere_is_read_only_by_who_trusts_it(tmp_path: Path) -> None:
    plan = tmp_path / "foreign.plan"
    plan.write_bytes(PLAN)
    with pytest.raises(ModelError, match=r"can run any code.*--trust-plan"):
        read_foreign_plan(plan, trust_plan=False)
    assert read_foreign_plan(plan, trust_plan=True) == PLAN


@pytest.mark.parametrize("content", [None, b""])
def test_a_missing_or_empty_foreign_plan_is_one_line(tmp_path: Path, content: bytes | None) -> None:
    plan = tmp_path / "foreign.plan"
    if content is not None:
        plan.write_bytes(content)
    with pytest.raises(ModelError, match=r"cannot be read|empty") as refusal:
        read_foreign_plan(plan, trust_plan=True)
    assert "\n" not in str(refusal.value)


def build_slowly(folder: Path, number: int, begin: object, built: object) -> None:
    """A process of the test below: builds a plan of its own unless another one was faster."""

    def build() -> bytes:
        with built.get_lock():  # type: ignore[attr-defined]
            built.value += 1  # type: ignore[attr-defined]
        time.sleep(0.05)  # a build takes time; the others arrive meanwhile
        return bytes([number]) * 300_000

    begin.wait()  # type: ignore[attr-defined]
    plan = PlanStore(folder).load_or_build(WANTED, build, lambda line: None)
    assert len(set(plan)) == 1
    assert len(plan) == 300_000


def test_processes_that_build_at_once_build_once_and_all_get_a_whole_plan(store: PlanStore) -> None:
    context = multiprocessing.get_context("fork")
    begin, built = context.Barrier(4), context.Value("i", 0)
    processes = [context.Process(target=build_slowly, args=(store.path, i, begin, built)) for i in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
    assert [process.exitcode for process in processes] == [0] * 4
    assert built.value == 1
    assert len(set(store.load(WANTED))) == 1


def test_the_lock_of_a_killed_builder_is_free(store: PlanStore) -> None:
    program = f"""
import os, sys
from tests.engines.trt.test_plan_cache import PlanStore, WANTED, Path
PlanStore(Path({str(store.path)!r})).load_or_build(WANTED, lambda: os.kill(os.getpid(), 9), lambda line: None)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False)
    assert done.returncode == -9
    assert store.load_or_build(WANTED, lambda: PLAN, lambda line: None) == PLAN


def test_the_store_needs_no_tensorrt_and_no_torch() -> None:
    program = (
        "import sys\nfor name in ('torch', 'tensorrt', 'cuda', 'onnx', 'onnxruntime'): sys.modules[name] = None\n"
        "from knowledge_spreader.engines.trt import graph, plan_cache, tensorrt_engine"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
