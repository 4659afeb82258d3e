"""Compiled plans on disk: what they were built from and for; foreign ones are refused.

A plan is a program that TensorRT loads into the process: whoever can write it can run code. So plans are built on the
machine that runs them, lie in a folder of the user's own (0700), and are read from nowhere else. Beside each `.plan`
lies a `.json` with its checksum and everything that it depends on; on any mismatch it is built anew. No TensorRT here.
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

FORMAT = "knowledge-spreader plan 1"  # raised when the same ONNX would make another plan
_JSON_BYTES = 1 << 16


class PlanError(ModelError):
    """A plan in the store cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class PlanFor:
    """What a plan is built from and for. Another value of any field wants another plan."""

    part: str  # "encoder" or "head"
    onnx_sha256: str  # of the graph as the model file holds it
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
        """Of its files, without suffix. A new TensorRT or driver replaces the old plan; another GPU has its own."""
        own = (self.onnx_sha256, self.precision, self.profiles, self.gpu, self.compute_capability)
        return f"{self.part}-{self.precision}-{_sha256(repr(own).encode())[:16]}"

    @property
    def timing_name(self) -> str:
        """Of the file with measured kernel times, which all plans of this GPU, TensorRT and driver share."""
        return f"timing-{_sha256(repr((self.tensorrt, self.gpu, self.driver)).encode())[:16]}.cache"


class PlanStore:
    """The plans of one user. folder: None = `plans` in the user's cache. Raises PrivacyError, ModelError."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = PrivateFolder(folder or user_cache_path("knowledge-spreader") / "plans")

    @property
    def path(self) -> Path:
        return self._folder.path

    def load(self, wanted: PlanFor) -> bytes:
        """The plan, whole and built for exactly this. Raises PlanError with the reason."""
        described = self._describe(wanted)
        plan = self._read(f"{wanted.name}.plan")
        if _sha256(plan) != described["plan_sha256"]:
            raise PlanError(f"{wanted.name}.plan is not the file that was written (another checksum)")
        return plan

    def load_or_build(self, wanted: PlanFor, build: Callable[[], bytes], say: Callable[[str], None]) -> bytes:
        """The plan from the store, else from `build`, which is then kept. `say` gets a line for each long wait.

        Several processes at once build once: the others wait for the first.
        """
        try:
            return self.load(wanted)
        except PlanError:
            pass  # perhaps another process is writing it
        with self._folder.lock(wanted.name, lambda: say(f"another process builds the {wanted.part}'s plan; waiting")):
            try:
                return self.load(wanted)
            except PlanError as exc:
                say(f"{exc}: building the {wanted.part} in {wanted.precision} for {wanted.gpu}, once; takes minutes")
            plan = build()
            try:
                self.save(wanted, plan)
            except OSError as exc:
                say(f"{self.path}: the plan works but cannot be kept ({one_line(exc)}); the next start builds it again")
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
        """Whoever writes last wins; without it the next build only takes longer."""
        try:
            self._folder.write(wanted.timing_name, data)
        except OSError as exc:
            log.info("%s: kernel times cannot be kept (%s)", self.path, one_line(exc))

    def _describe(self, wanted: PlanFor) -> dict[str, object]:
        """The `.json`, checked field by field. Raises PlanError."""
        text = self._read(f"{wanted.name}.json")
        try:
            found = json.loads(text[:_JSON_BYTES])
        except (ValueError, RecursionError) as exc:  # not JSON, not text, or brackets without end
            raise PlanError(f"{wanted.name}.json is damaged") from exc
        names = {"format", "plan_sha256", *(field.name for field in fields(PlanFor))}
        if not isinstance(found, dict) or set(found) != names:
            raise PlanError(f"{wanted.name}.json does not describe a plan")
        for name, value in {"format": FORMAT, **json.loads(json.dumps(asdict(wanted)))}.items():
            if found[name] != value:
                raise PlanError(f"the plan was built for {name} {found[name]!r:.60}, this is {value!r:.60}")
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
    """A plan from outside the store. Raises ModelError unless the user says that its origin is trusted."""
    if not trust_plan:
        raise ModelError(
            f"{path} was not built here, and a plan can run any code; give the .ks model, of which a plan is built "
            "here, or, if you know who made the plan, --trust-plan"
        )
    try:
        plan = path.read_bytes()
    except OSError as exc:
        raise ModelError(f"{path} cannot be read ({one_line(exc)})") from exc
    if not plan:
        raise ModelError(f"{path} is empty, no plan")
    return plan


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def onnx_sha256(onnx: bytes) -> str:
    """As PlanFor wants it."""
    return _sha256(onnx)
