"""A person as plain numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from knowledge_spreader.synth.assets.formats import Colour
from knowledge_spreader.synth.motion.pose import Folding
from knowledge_spreader.synth.person.brows import Brows
from knowledge_spreader.synth.person.glasses import Glasses
from knowledge_spreader.synth.person.mouth import Mouth


@dataclass(frozen=True, slots=True)
class Person:
    """Everything that distinguishes one face from another. synth.person.sampling draws one from a seed."""

    shape: Mapping[str, float]  # weights of shapes on the base mesh
    races: Mapping[str, float]  # MakeHuman's three ancestries; sums to 1
    wears: Mapping[str, str]  # layer -> asset
    skin: str
    iris: str
    tone: Colour = (0.60, 0.27, 0.19)  # mean albedo of the face
    resting: Mapping[int, float] = field(default_factory=dict)  # AU intensities of the resting face; not labelled
    smile_lift: float = 0.3  # how far a smile with teeth raises the upper lip, as a share of AU 10
    smile_drop: float = 0.0  # how far it lowers the lower lip, as a share of AU 16
    lid_height: float | None = None  # upper lid above the pupil, in eye distances; None: as the shapes leave it
    mouth: Mouth = field(default_factory=Mouth)
    age_years: float = 25.0
    roughness: float = 0.48
    oil: float = 1.0
    lip_tint: float = 0.0
    blush: float = 0.3
    freckles: float = 0.0
    stubble: float = 0.0
    beard: float = 0.0  # density, 0 to 1
    beard_dm: float = 0.05  # its length
    shorn: float = 0.0  # density of short hair on the scalp, 0 to 1
    hair_colour: Colour = (0.05, 0.03, 0.02)
    brow_colour: Colour = (0.04, 0.025, 0.018)
    brow_density: float = 1.3
    brows: Brows = field(default_factory=Brows)
    hairline_dm: float = 0.0
    roots: float = 1.0  # how densely hair roots are painted on the scalp
    iris_tint: Colour = (1.0, 1.0, 1.0)
    iris_size: float = 0.84  # relative to the texture's iris, which is a fifth too large
    eye_white: float = 1.0
    teeth_tint: Colour = (1.0, 0.97, 0.9)
    cloth_colour: Colour = (0.10, 0.14, 0.22)
    trim_colour: Colour = (0.09, 0.12, 0.19)
    neck: tuple[float, float, float] = (5.42, 0.48, 0.09)  # neckline: height in front, rise to the back, hem; dm
    vee: float = 0.0  # depth of a V-neck
    weave: float = 0.5
    folding: Folding = field(default_factory=Folding)
    glasses: Glasses | None = None
