"""ModelSpec: describes a model besides its weights. Trainer, engines and live pipeline share it; it needs no torch."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from knowledge_spreader.errors import ModelError

UNKNOWN = -1  # no label; masked everywhere, never counted as absent

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
CHOSEN_LATER = (  # fields fitted after training; they do not change the network
    "thresholds",
    "person_weight",
    "person_mean",
    "person_quantile",
    "person_rest_s",
    "person_memory_s",
)


def au_label(au: int) -> str:
    """'AU12', the name of columns and tiers, as in other tools."""
    return f"AU{au}"


def experimental_note(aus: Sequence[int]) -> str:
    """'AU7, AU14 experimental: not shown to work on real faces'; "" if there is none."""
    return f"{', '.join(map(au_label, aus))} {EXPERIMENTAL}" if aus else ""


def au_meaning(au: int, experimental: Sequence[int] = ()) -> str:
    """'lid tightener'; for an experimental AU with a warning in brackets."""
    name = AU_NAMES.get(au, "")
    return f"{name} ({EXPERIMENTAL})".lstrip() if au in experimental else name


def parse_aus(text: str) -> tuple[int, ...]:
    """'1,2, AU12' -> (1, 2, 12). Raises ModelError on anything but AU numbers."""
    try:
        return tuple(int(part.strip().upper().removeprefix("AU")) for part in text.split(",") if part.strip())
    except ValueError as exc:
        raise ModelError(f"AUs must be numbers separated by commas, e.g. 1,2,4,12; got {text!r}") from exc


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """All that is needed, besides the weights, to run a KS model and to read its output.

    Raises ModelError on an impossible value.
    """

    aus: tuple[int, ...]  # in the order of the outputs
    n_frames: int = 5  # N, frames in a clip (section 4.2)
    side_px: int = 224  # side of the square crop (section 4.2)
    fps: float = 25.0  # frame rate of training; neighbouring frames of a clip are 1 / fps seconds apart
    crop_version: int = 1  # CROP_VERSION (ks/face/alignment.py) of the training crops; 0 = crops made by the user
    backbone: str = "resnet18"  # "resnet18-half", "-quarter": half and a quarter of the channels; "tiny": for tests
    correlation: str = "transformer"  # "mlp": no attention (table 3, without SIL)
    spatial_pooling: str = "mean"  # in S_a; "attention": a learned map per AU
    frame_pooling: str = "mean"  # in branch B; "attention": a token per AU, as in S_a
    mark_key: bool = False  # a learned embedding marks the key frame's token in T_b
    token_width: int = 128  # D; gives about 25 M parameters in all (section 6.7)
    layers: int = 2
    heads: int = 4
    thresholds: tuple[float, ...] = ()  # an AU is present if its probability reaches this; () = 0.5 for all
    experimental: tuple[int, ...] = ()  # AUs not shown to work on real faces; every output says so
    person_weight: tuple[float, ...] = ()  # per AU, 0 to 1: weight of the person baseline; () = not used
    person_mean: tuple[float, ...] = ()  # baseline logit per AU of an average person
    person_quantile: float = 0.2  # this quantile of a person's logits is their baseline
    person_rest_s: float = 5.0  # weight of the average person's baseline, as seconds of video
    person_memory_s: float = 120.0  # time constant of forgetting; see ks/calibration/person_baseline.py

    def __post_init__(self) -> None:
        if not self.aus or len(set(self.aus)) != len(self.aus) or any(au not in AU_NAMES for au in self.aus):
            known = ", ".join(map(str, AU_NAMES))
            raise ModelError(f"AUs must be one or more different numbers of {known}; got {list(self.aus)}")
        if not 2 <= self.n_frames <= 9:
            raise ModelError(f"a clip must have 2 to 9 frames; got {self.n_frames}")
        if not 32 <= self.side_px <= 512:
            raise ModelError(f"the crop's side must be 32 to 512 px; got {self.side_px}")
        if not 1.0 <= self.fps <= 240.0:
            raise ModelError(f"the frame rate must be 1 to 240 per second; got {self.fps}")
        if self.backbone not in BACKBONES:
            raise ModelError(f"the backbone must be one of {', '.join(BACKBONES)}; got {self.backbone!r}")
        if self.correlation not in CORRELATIONS:
            raise ModelError(
                f"the correlation model must be one of {', '.join(CORRELATIONS)}; got {self.correlation!r}"
            )
        if self.spatial_pooling not in POOLINGS:
            raise ModelError(f"the spatial pooling must be one of {', '.join(POOLINGS)}; got {self.spatial_pooling!r}")
        if self.frame_pooling not in POOLINGS:
            raise ModelError(f"the frame pooling must be one of {', '.join(POOLINGS)}; got {self.frame_pooling!r}")
        if not isinstance(self.mark_key, bool):  # from JSON, the string "false" would count as true
            raise ModelError(f"mark_key must be true or false; got {self.mark_key!r}")
        if self.token_width % self.heads:
            raise ModelError(f"token width {self.token_width} must be a multiple of the {self.heads} heads")
        if self.thresholds and len(self.thresholds) != len(self.aus):
            raise ModelError(f"{len(self.aus)} AUs need as many thresholds; got {len(self.thresholds)}")
        if len(set(self.experimental)) != len(self.experimental) or set(self.experimental) - set(self.aus):
            got = f"{list(self.experimental)} of {list(self.aus)}"
            raise ModelError(f"experimental AUs must be AUs of the model, each once; got {got}")
        self._check_person()

    def _check_person(self) -> None:
        weight, mean = self.person_weight, self.person_mean
        if len(weight) != len(mean) or len(weight) not in (0, len(self.aus)):
            raise ModelError(
                f"{len(self.aus)} AUs need as many person weights and means; got {len(weight)} and {len(mean)}"
            )
        if not all(0 <= w <= 1 for w in weight):
            raise ModelError(f"person weights must be 0 to 1; got {list(weight)}")
        if not all(math.isfinite(m) for m in mean):
            raise ModelError(f"person means must be finite logits; got {list(mean)}")
        if not 0 < self.person_quantile < 1:
            raise ModelError(f"the person's quantile must lie between 0 and 1; got {self.person_quantile}")
        if not (0 < self.person_rest_s < math.inf and 1 <= self.person_memory_s < math.inf):
            raise ModelError(
                "person_rest_s must be above 0 s and person_memory_s 1 s or more; "
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
        """Inverse of to_json. Raises ModelError if the text is not a spec of this version."""
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
        """'n_frames 5 != 7' for each field that differs, without the fields in `ignore`.

        `experimental` is always ignored: it does not change what the model computes.
        """
        mine, theirs = asdict(replace(self, experimental=())), asdict(replace(other, experimental=()))
        return [
            f"{name} {mine[name]} != {theirs[name]}"
            for name in mine
            if name not in ignore and mine[name] != theirs[name]
        ]
