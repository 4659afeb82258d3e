"""ModelSpec: what a set of KS weights computes, shared by trainer, engines and live pipeline (no torch here)."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from knowledge_spreader.errors import ModelError

UNKNOWN = -1  # a label nobody gave; masked everywhere, never counted as absent

AU_NAMES: dict[int, str] = {  # Facial Action Coding System, Ekman, Friesen & Hager 2002
    1: "inner brow raiser",
    2: "outer brow raiser",
    4: "brow lowerer",
    5: "upper lid raiser",
    6: "cheek raiser",
    7: "lid tightener",
    9: "nose wrinkler",
    10: "upper lip raiser",
    11: "nasolabial deepener",
    12: "lip corner puller",
    13: "sharp lip puller",
    14: "dimpler",
    15: "lip corner depressor",
    16: "lower lip depressor",
    17: "chin raiser",
    18: "lip pucker",
    19: "tongue show",
    20: "lip stretcher",
    22: "lip funneler",
    23: "lip tightener",
    24: "lip pressor",
    25: "lips part",
    26: "jaw drop",
    27: "mouth stretch",
    28: "lip suck",
    29: "jaw thrust",
    30: "jaw sideways",
    31: "jaw clencher",
    32: "lip bite",
    33: "cheek blow",
    34: "cheek puff",
    35: "cheek suck",
    36: "tongue bulge",
    37: "lip wipe",
    38: "nostril dilator",
    39: "nostril compressor",
    43: "eye closure",
    45: "blink",
    46: "wink",
}

EXPERIMENTAL = "experimental: not shown to work on real faces"  # of an AU in ModelSpec.experimental

BACKBONES = ("resnet18", "resnet18-half", "resnet18-quarter", "tiny")
CORRELATIONS = ("transformer", "mlp")
POOLINGS = ("mean", "attention")
CHOSEN_LATER = (  # fields that are fitted to a trained model: two models that differ in them alone have the same parts
    "thresholds",
    "person_weight",
    "person_mean",
    "person_quantile",
    "person_rest_s",
    "person_memory_s",
)


def au_label(au: int) -> str:
    """'AU12', the column and tier name that other tools use."""
    return f"AU{au}"


def experimental_note(aus: Sequence[int]) -> str:
    """'AU7, AU14 experimental: not shown to work on real faces'; "" where there is none."""
    return f"{', '.join(map(au_label, aus))} {EXPERIMENTAL}" if aus else ""


def au_meaning(au: int, experimental: Sequence[int] = ()) -> str:
    """'lid tightener', with what must be known of an experimental one behind it in brackets."""
    name = AU_NAMES.get(au, "")
    return f"{name} ({EXPERIMENTAL})".lstrip() if au in experimental else name


def parse_aus(text: str) -> tuple[int, ...]:
    """'1,2, AU12' -> (1, 2, 12). Raises ModelError on anything but AU numbers."""
    try:
        return tuple(int(part.strip().upper().removeprefix("AU")) for part in text.split(",") if part.strip())
    except ValueError as exc:
        raise ModelError(f"AUs come as numbers with commas between, like 1,2,4,12; got {text!r}") from exc


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Everything besides the weights that is needed to feed a KS model and to read its answer.

    Raises ModelError at birth when a value is impossible.
    """

    aus: tuple[int, ...]  # one output each, in this order
    n_frames: int = 5  # N, frames in a clip (section 4.2)
    side_px: int = 224  # side of the square crop (section 4.2)
    fps: float = 25.0  # rate of the training videos; neighbours in a clip are 1 / fps seconds apart
    crop_version: int = 1  # CROP_VERSION of ks/face/alignment.py for the training crops; 0 = crops that the user made
    backbone: str = "resnet18"  # "resnet18-half", "-quarter": so much narrower; "tiny" is for tests
    correlation: str = "transformer"  # "mlp": table 3 without SIL
    spatial_pooling: str = "mean"  # of S_a; "attention": each AU learns where to look
    frame_pooling: str = "mean"  # of base_b; "attention": a token per AU, as S_a has them
    mark_key: bool = False  # T_b is told which token is the key frame's
    token_width: int = 128  # D; brings the whole to about 25 M parameters (section 6.7)
    layers: int = 2
    heads: int = 4
    thresholds: tuple[float, ...] = ()  # probability from which an AU counts as present; () = 0.5 for all
    experimental: tuple[int, ...] = ()  # AUs not shown to work on real faces; every output says so
    person_weight: tuple[float, ...] = ()  # per AU, 0 to 1: how much of a person's own rest is taken off; () = nothing
    person_mean: tuple[float, ...] = ()  # logit of each AU of an average person at rest
    person_quantile: float = 0.2  # of a person's logits: their rest
    person_rest_s: float = 5.0  # so many seconds of an average person stand before what is seen of a face
    person_memory_s: float = 120.0  # time constant of forgetting; more in ks/calibration/person_baseline.py

    def __post_init__(self) -> None:
        if not self.aus or len(set(self.aus)) != len(self.aus) or any(au not in AU_NAMES for au in self.aus):
            known = ", ".join(map(str, AU_NAMES))
            raise ModelError(f"AUs must be one or more different numbers of {known}; got {list(self.aus)}")
        if not 2 <= self.n_frames <= 9:
            raise ModelError(f"a clip has 2 to 9 frames; got {self.n_frames}")
        if not 32 <= self.side_px <= 512:
            raise ModelError(f"the crop's side is 32 to 512 px; got {self.side_px}")
        if not 1.0 <= self.fps <= 240.0:
            raise ModelError(f"the frame rate is 1 to 240 per second; got {self.fps}")
        if self.backbone not in BACKBONES:
            raise ModelError(f"the backbone is one of {', '.join(BACKBONES)}; got {self.backbone!r}")
        if self.correlation not in CORRELATIONS:
            raise ModelError(f"the correlation model is one of {', '.join(CORRELATIONS)}; got {self.correlation!r}")
        if self.spatial_pooling not in POOLINGS:
            raise ModelError(f"the spatial pooling is one of {', '.join(POOLINGS)}; got {self.spatial_pooling!r}")
        if self.frame_pooling not in POOLINGS:
            raise ModelError(f"the frame pooling is one of {', '.join(POOLINGS)}; got {self.frame_pooling!r}")
        if not isinstance(self.mark_key, bool):  # it comes from JSON, where "false" would count as true
            raise ModelError(f"mark_key is true or false; got {self.mark_key!r}")
        if self.token_width % self.heads:
            raise ModelError(f"token width {self.token_width} cannot be split over {self.heads} heads")
        if self.thresholds and len(self.thresholds) != len(self.aus):
            raise ModelError(f"{len(self.aus)} AUs need as many thresholds; got {len(self.thresholds)}")
        if len(set(self.experimental)) != len(self.experimental) or set(self.experimental) - set(self.aus):
            got = f"{list(self.experimental)} of {list(self.aus)}"
            raise ModelError(f"experimental AUs are some of the model's, each once; got {got}")
        self._check_person()

    def _check_person(self) -> None:
        weight, mean = self.person_weight, self.person_mean
        if len(weight) != len(mean) or len(weight) not in (0, len(self.aus)):
            raise ModelError(
                f"{len(self.aus)} AUs need as many person weights and means; got {len(weight)} and {len(mean)}"
            )
        if not all(0 <= w <= 1 for w in weight):
            raise ModelError(f"person weights are 0 to 1; got {list(weight)}")
        if not all(math.isfinite(m) for m in mean):
            raise ModelError(f"person means are finite logits; got {list(mean)}")
        if not 0 < self.person_quantile < 1:
            raise ModelError(f"the person's quantile lies between 0 and 1; got {self.person_quantile}")
        if not (0 < self.person_rest_s < math.inf and 1 <= self.person_memory_s < math.inf):
            raise ModelError(
                "a person's rest counts more than 0 s and is remembered for 1 s or more; "
                f"got {self.person_rest_s} and {self.person_memory_s}"
            )

    @property
    def frame_interval_s(self) -> float:
        """Seconds between neighbouring frames of a clip."""
        return 1.0 / self.fps

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "ModelSpec":
        """Inverse of to_json. Raises ModelError when the text is not a spec of this version."""
        try:
            values: dict[str, Any] = json.loads(text)
        except (json.JSONDecodeError, TypeError) as exc:
            raise ModelError(f"a model spec must be JSON; got {str(text)[:60]!r}") from exc
        names = {field.name for field in fields(cls)}
        if not isinstance(values, dict) or set(values) - names or "aus" not in values:
            raise ModelError(f"a model spec has the fields {sorted(names)}; got {str(text)[:80]!r}")
        lists = ("aus", "thresholds", "experimental", "person_weight", "person_mean")
        as_tuples: dict[str, Any] = {name: tuple(value) if name in lists else value for name, value in values.items()}
        return cls(**as_tuples)

    def differences(self, other: "ModelSpec", ignore: Sequence[str] = CHOSEN_LATER) -> list[str]:
        """'n_frames 5 != 7' for each field that makes two models incompatible; what is chosen later is none.

        `experimental` never is one: it says how much the answers are worth, not what they are.
        """
        mine, theirs = asdict(replace(self, experimental=())), asdict(replace(other, experimental=()))
        return [
            f"{name} {mine[name]} != {theirs[name]}"
            for name in mine
            if name not in ignore and mine[name] != theirs[name]
        ]
