"""serve(): the same app as ks-serve runs, as copies on Ray Serve, as many as the open streams need.

A WebSocket stays with its copy; so what the copy knows of a stream needs no store. If a copy dies, its streams end, and
their clients come back, to another copy: a new stream.
"""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib import import_module
from typing import Any

from starlette.types import ASGIApp

from knowledge_spreader.engines.bundled import bundled_model
from knowledge_spreader.engines.ks_file.model_file import open_model
from knowledge_spreader.errors import DataError, one_line
from knowledge_spreader.realtime.options import Options
from knowledge_spreader.realtime.ray_start import check_ray, ray_session
from knowledge_spreader.realtime.serve.app import make_app
from knowledge_spreader.realtime.serve.guard import check_token
from knowledge_spreader.realtime.serve.limits import STREAMS_PER_CORE, Limits

NAME = "ks-serve"
_FULL_AT = 0.75  # of the streams of all copies open: another copy
_COUNT_S = 20.0  # over which open streams are counted
_GROW_S = 10.0  # how long there must be too many
_SHRINK_S = 600.0  # how long there must be too few
_DRAIN_S = 5.0  # streams of a copy that is given up end after that
_TELL_S = 1.0  # for the last messages to leave a copy
_GPU_DEVICES = ("cuda", "tensorrt")
_COPY, _NAMESPACE = f"SERVE_REPLICA::{NAME}#", "serve"  # how Ray Serve names the actors of the copies

_leaves = threading.Event()  # of this process, if it is a copy


def serve(
    options: Options,
    limits: Limits,
    token: str,
    *,
    host: str,
    port: int,
    address: str,
    replicas: tuple[int, int],
    ready: Callable[[str], None],
) -> None:
    """Blocks until SIGINT or SIGTERM, which end all copies. ready: called with the address when they answer.

    address: "" starts Ray here, "auto" or HOST:PORT joins a cluster. replicas: least and most copies.
    Raises KSError if the model, the cluster or the address cannot be used.
    """
    check_ray()
    check_token(token)
    open_model(options.model or bundled_model())  # a line here, rather than in the log of a copy
    if not port:
        raise DataError("--ray needs a --port; 0 is for one machine, where any free one will do")
    cores = max(options.threads, 1)
    limits = replace(limits, streams=limits.streams or STREAMS_PER_CORE * cores)
    local_cpus = max(os.cpu_count() or 1, cores * replicas[1])
    with ray_session(address, cpus=local_cpus) as ray, _stopped() as stop:
        ray_serve = import_module("ray.serve")
        logging.getLogger("ray.serve").setLevel(logging.ERROR)
        _check_free(ray_serve, address)
        try:
            ray_serve.start(proxy_location="EveryNode", http_options={"host": host, "port": port})
            deployment = _deployment(ray_serve, options, limits, token, cores, replicas)
            ray_serve.run(deployment, name=NAME, route_prefix="/", logging_config={"enable_access_log": False})
            ready(f"http://{host}:{port}")
            stop.wait()
            _tell_copies(ray)
        except (ray.exceptions.RayError, RuntimeError, ValueError) as exc:
            raise DataError(f"Ray Serve could not start ({one_line(exc)}); see /tmp/ray/session_latest/logs") from exc
        finally:
            with suppress(Exception):  # a cluster that has gone
                ray_serve.shutdown()


def _deployment(
    ray_serve: Any, options: Options, limits: Limits, token: str, cores: int, replicas: tuple[int, int]
) -> Any:
    """What Ray Serve makes copies of. An open stream is an ongoing request."""

    def build() -> ASGIApp:  # in each copy
        return _app(options, limits, token)

    least, most = replicas
    return ray_serve.deployment(
        ray_serve.ingress(build)(),
        name="streams",
        autoscaling_config={
            "min_replicas": least,
            "max_replicas": most,
            "target_ongoing_requests": max(_FULL_AT * limits.streams, 1.0),
            "look_back_period_s": _COUNT_S,
            "upscale_delay_s": _GROW_S,
            "downscale_delay_s": _SHRINK_S,
        },
        # more than the app takes: it is the app that says 503, at once; Ray would let them wait
        max_ongoing_requests=2 * limits.streams + limits.images + limits.images_waiting + 16,
        graceful_shutdown_timeout_s=_DRAIN_S,
        ray_actor_options={"num_cpus": cores, "num_gpus": 1 if options.device in _GPU_DEVICES else 0},
    ).bind()


def _app(options: Options, limits: Limits, token: str) -> ASGIApp:
    """By its name in the copy's own module, whose event cannot travel."""
    return make_app(options, limits, token, broke=_end_copy, leaves=_leaves)


def _tell_copies(ray: Any) -> None:
    """All streams end with 1012. Ray Serve itself would cut them without a word."""
    with suppress(Exception):  # then they are cut
        names = [found["name"] for found in ray.util.list_named_actors(all_namespaces=True)]
        copies = [ray.get_actor(name, _NAMESPACE) for name in names if name.startswith(_COPY)]
        ray.get([copy.__ray_call__.remote(_leave) for copy in copies], timeout=_DRAIN_S)
        time.sleep(_TELL_S)


def _leave(copy: object) -> None:
    """In a copy."""
    _leaves.set()


def _end_copy() -> None:
    """Its engine has stopped: Ray starts another one."""
    time.sleep(_TELL_S)
    os._exit(1)


def _check_free(ray_serve: Any, address: str) -> None:
    """Raises DataError if Ray Serve runs on this cluster already: it would keep its own address."""
    status = ray_serve.status()
    if status.applications or status.proxies:
        raise DataError(
            f"--ray {address}: Ray Serve runs on this cluster already; end it with `serve shutdown`, or serve with "
            "uvicorn there: ks-serve without --ray"
        )


@contextmanager
def _stopped() -> Iterator[threading.Event]:
    """An event that the first SIGINT or SIGTERM sets."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
