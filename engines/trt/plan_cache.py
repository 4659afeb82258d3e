"""Stores compiled plans on disk with everything they depend on, and refuses plans from elsewhere.

A plan is a program that TensorRT loads into the process, so whoever can write a plan can run code. Plans are therefore
built on the machine that runs them, and only read from a private folder of the user (0700). Each `.plan` has a `.json`
with its checksum and everything that it depends on; on any mismatch the plan is built again. This module does not use
TensorRT.
"""

import hashlib
import json
import logging
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from platformdirs import user_cache_path

from knowledge_spreader.engines.trt.private_folder import PrivacyError, PrivateFolder
from knowledge_spreader.errors import ModelError, one_line

log = logging.getLogger(__name__)

FORMAT = "knowledge-spreader plan 1"  # increase it when the same ONNX graph gives a different plan
_JSON_BYTES = 1 << 16


class PlanError(ModelError):
    """A plan in the store cannot be used; the message gives the reason."""


@dataclass(frozen=True, slots=True)
class PlanFor:
    """Everything that a plan depends on. A plan is only used if all fields are equal."""

    part: str  # "encoder" or "head"
    onnx_sha256: str  # of the graph in the model file
    precision: str  # fp32, fp16 or int8
    profiles: tuple[str, ...]  # "1/2/8": smallest, best and largest batch
    gpu: str  # "NVIDIA H200"
    compute_capability: str  # "9.0"
    driver: str  # "13.2"
    tensorrt: str  # "11.4.0.106"
    spec: str  # ModelSpec.to_json()
    system: str = f"{platform.system()} {platform.machine()}"

    @property
    def name(self) -> str:
        """File name without suffix. A new TensorRT or driver replaces the old plan; another GPU has its own."""
        own = (self.onnx_sha256, self.precision, self.profiles, self.gpu, self.compute_capability)
        return f"{self.part}-{self.precision}-{_sha256(repr(own).encode())[:16]}"

    @property
    def timing_name(self) -> str:
        """Name of the file with kernel times, shared by all plans of this GPU, TensorRT and driver."""
        return f"timing-{_sha256(repr((self.tensorrt, self.gpu, self.driver)).encode())[:16]}.cache"


class PlanStore:
    """The plans of one user. folder: None = `plans` in the user's cache. Raises PrivacyError, ModelError."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = PrivateFolder(folder or user_cache_path("knowledge-spreader") / "plans")

    @property
    def path(self) -> Path:
        return self._folder.path

    def load(self, wanted: PlanFor) -> bytes:
        """The plan built for exactly this. Raises PlanError with the reason if there is none."""
        described = self._describe(wanted)
        plan = self._read(f"{wanted.name}.plan")
        if _sha256(plan) != described["plan_sha256"]:
            raise PlanError(f"{wanted.name}.plan was changed (it has another checksum)")
        return plan

    def load_or_build(self, wanted: PlanFor, build: Callable[[], bytes], say: Callable[[str], None]) -> bytes:
        """The plan from the store; if there is none, builds and stores it. `say` gets a line before each long wait.

        If several processes start at once, one builds and the others wait.
        """
        try:
            return self.load(wanted)
        except PlanError:
            pass  # perhaps another process is writing it
        with self._folder.lock(
            wanted.name, lambda: say(f"another process is building the {wanted.part}'s plan; waiting")
        ):
            try:
                return self.load(wanted)
            except PlanError as exc:
                say(f"{exc}; building the {wanted.part} in {wanted.precision} for {wanted.gpu}; takes minutes, once")
            plan = build()
            try:
                self.save(wanted, plan)
            except OSError as exc:
                say(f"{self.path}: the plan cannot be saved ({one_line(exc)}); the next start builds it again")
            return plan

    def save(self, wanted: PlanFor, plan: bytes) -> None:
        """Writes both files. Raises OSError."""
        described = {"format": FORMAT, "plan_sha256": _sha256(plan), **asdict(wanted)}
        self._folder.write(f"{wanted.name}.plan", plan)
        self._folder.write(f"{wanted.name}.json", json.dumps(described, indent=1).encode())

    def timing_cache(self, wanted: PlanFor) -> bytes:
        """Kernel times of earlier builds, empty when there are none."""
        try:
            return self._folder.read(wanted.timing_name)
        except (FileNotFoundError, PrivacyError):
            return b""

    def save_timing_cache(self, wanted: PlanFor, data: bytes) -> None:
        """Saves the kernel times for later builds. A failure is only logged: it just makes the next build slower."""
        try:
            self._folder.write(wanted.timing_name, data)
        except OSError as exc:
            log.info("%s: kernel times cannot be saved (%s)", self.path, one_line(exc))

    def _describe(self, wanted: PlanFor) -> dict[str, object]:
        """The `.json`, checked field by field. Raises PlanError."""
        text = self._read(f"{wanted.name}.json")
        try:
            found = json.loads(text[:_JSON_BYTES])
        except (ValueError, RecursionError) as exc:  # not JSON, not text, or nested too deep
            raise PlanError(f"{wanted.name}.json is damaged") from exc
        names = {"format", "plan_sha256", *(field.name for field in fields(PlanFor))}
        if not isinstance(found, dict) or set(found) != names:
            raise PlanError(f"{wanted.name}.json does not describe a plan")
        for name, value in {"format": FORMAT, **json.loads(json.dumps(asdict(wanted)))}.items():
            if found[name] != value:
                raise PlanError(f"the plan was built for {name} {found[name]!r:.60}, now it is {value!r:.60}")
        return found

    def _read(self, name: str) -> bytes:
        try:
            return self._folder.read(name)
        except FileNotFoundError as exc:
            raise PlanError("no plan yet") from exc
        except PrivacyError as exc:
            raise PlanError(str(exc)) from exc
        except OSError as exc:
            raise PlanError(f"{name} cannot be read ({one_line(exc)})") from exc


def read_foreign_plan(path: Path, trust_plan: bool) -> bytes:
    """A plan from outside the store. Raises ModelError unless the user trusts its source."""
    if not trust_plan:
        raise ModelError(
            f"{path} was not built on this machine, and a plan can run any code; give only the .ks model to build it "
            "here or, if you trust its source, add --trust-plan"
        )
    try:
        plan = path.read_bytes()
    except OSError as exc:
        raise ModelError(f"{path} cannot be read ({one_line(exc)}); check --plans") from exc
    if not plan:
        raise ModelError(f"{path} is empty; check --plans")
    return plan


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def onnx_sha256(onnx: bytes) -> str:
    """The checksum of a graph for PlanFor."""
    return _sha256(onnx)
