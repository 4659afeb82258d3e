"""What a coder looks for in each AU: one plain line, the key on the page, its place, and what the picture shows badly.

The lines are our own words; for the rules of scoring there is the FACS manual (Ekman, Friesen & Hager 2002).
"""

from collections.abc import Iterable

from knowledge_spreader.spec import AU_NAMES
from knowledge_spreader.synth.au_recipes import AUS as DRAWN

ROWS: dict[
    str, tuple[str, tuple[int, ...]]
] = {  # part of the face -> a row of keys, and its AUs as the page lists them
    "upper": ("qwertyuio", (1, 2, 4, 5, 6, 7, 43, 45, 46)),
    "middle": ("asdfghjkl", (9, 10, 12, 14, 15, 17, 20, 11, 13, 38, 39, 33, 34, 35)),
    "lower": ("xcvbnm", (23, 24, 25, 26, 16, 18, 22, 28, 27, 19, 29, 30, 31, 32, 36, 37)),  # z is undo
}

LOOK: dict[int, str] = {  # what moves, and what it is easily taken for
    1: (
        "The inner ends of the brows go up, often with short folds in mid-forehead. If the whole brow goes up, it "
        "is 1 and 2."
    ),
    2: (
        "The outer ends of the brows go up and arch, with folds above them. If the inner ends go up as far, 1 is "
        "there, too."
    ),
    4: (
        "The brows go down or together, often with upright folds between them. Low brows at rest are none; folds at "
        "the root of the nose belong to 9."
    ),
    5: (
        "The upper lid goes up: more of the iris' top, then white above it. Look whether the lid moved, and not "
        "only the brow (1, 2)."
    ),
    6: (
        "The cheeks go up, the skin below the eyes bags, folds spread from the outer corners. If only the lower lid "
        "tightens, it is 7. A broad smile (12) lifts the cheeks, too."
    ),
    7: (
        "The lids tighten and the eye narrows, the lower lid straightens. Cheeks that go up with it are 6; a lid "
        "that just sinks is 43."
    ),
    43: (
        "The upper lid sinks until the eye is shut, without tightening. Eyes that look down also lower it: follow "
        "the gaze. A short one is a blink."
    ),
    45: "A blink: both eyes shut and open again within half a second. If they stay shut, it is 43.",
    46: "A wink: one eye alone shuts on purpose, for less than 2 s.",
    9: (
        "The skin beside the root of the nose goes up and wrinkles; brows sink and wings of the nose rise. If the "
        "root stays smooth, it is 10."
    ),
    10: (
        "The middle of the upper lip goes straight up, the fold beside the nose deepens and bends. With wrinkles at "
        "the root of the nose it is 9; with corners going up, 12."
    ),
    12: (
        "The corners of the mouth go up and back, the fold beside the nose deepens. Corners that go straight back "
        "are 20; corners that are tucked in, 14."
    ),
    14: (
        "The corners of the mouth tighten and are pulled in, with a small dimple or fold beside them. If they "
        "clearly go up, it is 12."
    ),
    15: (
        "The corners of the mouth go down. If the chin pushes the lower lip up, the mouth is bent as well: that is "
        "17, and often both."
    ),
    17: (
        "The chin boss goes up and wrinkles, and pushes the lower lip up. If the lips are thinned by pressing "
        "together, it is 24."
    ),
    20: (
        "The corners of the mouth go straight back, lips stretch and flatten. Corners that go up are 12, corners "
        "that go down 15."
    ),
    11: (
        "The middle part of the fold beside the nose deepens, the cheek above fills. In 10 the upper lip goes up, "
        "in 12 the corners."
    ),
    13: "The corners of the mouth go up steeply and the cheeks puff above them. In 12 they go back as well.",
    38: "The nostrils widen. In 9 and 10 the wings of the nose go up as a whole.",
    39: "The nostrils narrow, the wings of the nose press in.",
    33: "The cheeks fill while air is blown out through the lips. If the air stays in, it is 34.",
    34: "The cheeks puff out with air, lips shut. If air leaves, it is 33.",
    35: "The cheeks are sucked in between the teeth.",
    23: (
        "The lips tighten: narrower, rolled in or tense, with fine lines; the jaw may be down. If they are pressed "
        "on each other, it is 24."
    ),
    24: (
        "The lips are pressed on each other, thinner, with bulges above or below. Thin lips without pressing are "
        "23; lips sucked over the teeth, 28."
    ),
    25: (
        "The lips are apart: teeth, tongue or the dark mouth show, however little. If the jaw has sunk as well, 26 "
        "is there, too."
    ),
    26: (
        "The jaw sinks by relaxing, and the chin gets lower. Lips that part over shut teeth are 25 alone; a jaw "
        "pulled wide open is 27."
    ),
    16: "The lower lip goes down, and the lower teeth may show. If the jaw takes it along, it is 26.",
    18: (
        "The lips are drawn together and forward, the opening gets small, with lines around it. In 22 they turn out "
        "like a funnel."
    ),
    22: "The lips turn out like a funnel, and gums or teeth may show. In 18 they are drawn together.",
    28: "The lips are sucked in over the teeth, and the red vanishes. In 24 they press and part of it stays.",
    27: "The mouth is pulled wide open and gets tall. A jaw that just hangs is 26.",
    19: "The tongue shows beyond the teeth.",
    29: "The jaw is pushed forward, lower teeth before the upper. In 17 only the chin's skin moves.",
    30: "The jaw is pushed to one side. Look at the middle of the lower teeth, and not at the lips.",
    31: "The teeth are clenched: a muscle bulges at the angle of the jaw.",
    32: "The teeth bite on a lip. Lips that are only sucked in are 28.",
    36: "The tongue bulges a cheek or a lip from within. Air that does so is 34.",
    37: "The tongue wipes over the lips. If it only shows, it is 19.",
}

PICTURE: dict[int, str] = {  # what the picture in page/references shows badly; the others show theirs well
    2: "The inner ends rise a little as well.",
    6: "The cheeks hardly rise; the folds and the narrower eye are what shows.",
    7: "Much like 6, without the folds at the outer corners.",
    43: "Level B is an eye half shut.",
    9: "The lips part, which they need not.",
    10: "The lips part, which they need not.",
    12: "Dark points in the corners are the renderer's.",
    14: "The dimples are drawn as dark folds.",
    20: "The corners sink more than on a real face.",
    23: "Only narrower and thinner lips show, no fine lines.",
    24: "At level D the lips go in, close to 28.",
    26: "The lips part with it (25).",
}


def guide(au: int) -> dict[str, int | str | None]:
    """What the page says of an AU. key: "" if only with the mouse; reference: the picture's address, or None."""
    ((region, keys, place),) = ((name, keys, aus.index(au)) for name, (keys, aus) in ROWS.items() if au in aus)
    return {
        "au": au,
        "name": AU_NAMES[au],
        "region": region,
        "key": keys[place : place + 1],
        "look": LOOK[au],
        "reference": f"/page/references/{au}.jpg" if au in DRAWN else None,
        "picture": PICTURE.get(au, ""),
    }


def page_order(aus: Iterable[int]) -> list[int]:
    """The AUs of a model as the page lists them: upper face, middle, lower; the usual AUs of each first."""
    every = [au for _, row in ROWS.values() for au in row]
    return sorted(aus, key=every.index)
