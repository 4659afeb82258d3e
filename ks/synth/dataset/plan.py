"""The plan of a data set, made before anything is drawn. It depends only on seed, counts, assets and CODE."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from knowledge_spreader.errors import DataError, one_line
from knowledge_spreader.synth.assets.library import Assets
from knowledge_spreader.synth.motion.scripts import KINDS

CODE = 8  # raise it whenever the same plan would give other pictures or labels
PARTS = 3  # folds of cross-validation
FRAMES_AS = ("mp4", "jpg")


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that decides what a set holds. Sets of equal plans differ only by the driver's rounding."""

    seed: int
    people: int
    clips: int  # of each person
    frames: int  # of each clip
    size_px: int  # side of the square picture
    fps: str  # as a fraction: "25", "30000/1001"
    frames_as: str  # mp4 or jpg
    samples: int  # per pixel side
    shadow_px: int  # side of the shadow map
    assets: str  # digest of all asset files
    code: int = CODE
    only: str = ""  # the kind of all clips; "": every kind, in the shares of KINDS

    def __post_init__(self) -> None:
        lowest = {"seed": 0, "people": 1, "clips": 1, "frames": 2, "size_px": 48, "samples": 1, "shadow_px": 64}
        for name, least in lowest.items():
            if getattr(self, name) < least:
                raise DataError(f"--{name.removesuffix('_px')} must be at least {least}; got {getattr(self, name)}")
        if self.size_px % 2:
            raise DataError(f"--size must be even, because H.264 needs it; got {self.size_px}")
        if self.frames_as not in FRAMES_AS:
            raise DataError(f"--frames-as must be {' or '.join(FRAMES_AS)}; got {self.frames_as!r}")
        if self.only and self.only not in KINDS:
            raise DataError(f"--only must be one of {', '.join(KINDS)}; got {self.only!r}")
        if Fraction(self.fps) <= 0:
            raise DataError(f"--fps must be above 0; got {self.fps}")

    def facts(self) -> dict[str, object]:
        """The plan as in set.json. An empty `only` is left out, so that sets made without it can be resumed."""
        found = dataclasses.asdict(self)
        return {name: value for name, value in found.items() if value or name != "only"}

    def text(self) -> str:
        return json.dumps(self.facts(), sort_keys=True)


@dataclass(frozen=True, slots=True)
class Take:
    """One clip of a set."""

    name: str  # p0012_1 is the second clip of person 12
    subject: str
    part: int  # from 1; the fold in which this person is tested
    kind: str  # one of synth.motion.scripts.KINDS
    person: int  # seed for synth.person.sampling
    seed: int  # of scene, camera and performance


def takes(plan: Plan) -> list[list[Take]]:
    """The clips of each person. Kinds have their shares over the whole set; people take the parts in turn."""
    total = plan.people * plan.clips
    kinds = [plan.only] * total if plan.only else _dealt(plan.seed, total)
    digits = max(4, len(str(plan.people - 1)))
    found = []
    for i in range(plan.people):
        subject = f"p{i:0{digits}}"
        person = _number(plan.seed, 0xFACE, i)
        found.append(
            [
                Take(
                    f"{subject}_{k}",
                    subject,
                    1 + i % PARTS,
                    kinds[i * plan.clips + k],
                    person,
                    _number(plan.seed, 0xC11B, i, k),
                )
                for k in range(plan.clips)
            ]
        )
    return found


def _dealt(seed: int, total: int) -> list[str]:
    """The kinds of all clips, shuffled. Each kind's count is its share to within one."""
    shares = np.array(list(KINDS.values())) * total / sum(KINDS.values())
    counts = np.floor(shares).astype(int)
    for k in np.argsort(counts - shares, kind="stable")[: total - counts.sum()]:
        counts[k] += 1
    deck = np.repeat(list(KINDS), counts)
    return [str(kind) for kind in np.random.default_rng([0xDECC, seed]).permutation(deck)]


def _number(*key: int) -> int:
    return int(np.random.SeedSequence(key).generate_state(1)[0])


def assets_digest(assets: Assets) -> str:
    """Digest of all asset files: shapes (already in assets.digest), pictures, lights and motion captures."""
    pictures: Mapping[str, Path] = {
        **{f"skin/{name}": path for name, path in assets.skins.items()},
        **{f"iris/{name}": path for name, path in assets.irises.items()},
        **{f"light/{name}": path for name, path in assets.lights.items()},
        **{f"wear/{name}": wear.picture for name, wear in assets.wear.items() if wear.picture is not None},
        **{f"mocap/{path.name}": path for path in (assets.folder / "mocap").glob("*.csv*")},
    }
    digest = hashlib.sha256(assets.digest.encode())
    for name, path in sorted(pictures.items()):
        try:
            digest.update(name.encode() + hashlib.sha256(path.read_bytes()).digest())
        except OSError as exc:
            raise DataError(f"{path}: cannot be read ({one_line(exc)}); copy the asset folder again") from exc
    return digest.hexdigest()[:16]


def benchmark_plan(assets: str, *, small: bool = False) -> Plan:
    """The set on which methods are compared: 150 people, 300 videos, 60,000 frames, three folds.

    small: a set for tests. Its seed was chosen so that every part has AUs, so scores on it mean nothing.
    """
    if small:
        return Plan(798, 9, 8, 24, 128, "25", "mp4", 1, 512, assets)
    return Plan(5, 150, 2, 200, 192, "25", "mp4", 1, 512, assets)
