"""realtime/studio/au_guide.py: every AU has its line, its key and its place."""

from knowledge_spreader.realtime.studio.au_guide import LOOK, PICTURE, ROWS, guide, page_order
from knowledge_spreader.spec import AU_NAMES
from knowledge_spreader.synth.au_recipes import AUS
from tests.paths import ROOT

PAGE = ROOT / "realtime" / "studio"


def test_each_au_of_facs_that_a_model_may_have_is_in_one_row_and_has_one_line():
    placed = [au for _, aus in ROWS.values() for au in aus]
    assert sorted(placed) == sorted(AU_NAMES) == sorted(LOOK)
    assert all(20 < len(line) < 200 and "\n" not in line for line in LOOK.values())


def test_the_keys_are_those_of_the_contract_and_none_is_used_twice():
    keys = {au: str(guide(au)["key"]) for au in AU_NAMES}
    assert "".join(keys[au] for au in (1, 2, 4, 5, 6, 7, 43)) == "qwertyu"
    assert "".join(keys[au] for au in (9, 10, 12, 14, 15, 17, 20)) == "asdfghj"
    assert "".join(keys[au] for au in (23, 24, 25, 26)) == "xcvb"
    used = [key for key in keys.values() if key]
    assert len(used) == len(set(used))
    assert "z" not in used  # undo


def test_aus_are_listed_from_the_brows_down():
    assert page_order([26, 12, 43, 1]) == [1, 43, 12, 26]
    assert guide(12) == {
        "au": 12,
        "name": "lip corner puller",
        "region": "middle",
        "key": "d",
        "look": LOOK[12],
        "reference": "/page/references/12.jpg",
        "picture": PICTURE[12],
    }


def test_each_au_that_the_renderer_draws_has_its_picture_and_no_other_claims_one():
    drawn = {au for au in AU_NAMES if guide(au)["reference"]}
    assert drawn == set(AUS) == {int(path.stem) for path in (PAGE / "page" / "references").glob("*.jpg")}
    assert all((PAGE / str(guide(au)["reference"]).lstrip("/")).is_file() for au in drawn)
    assert set(PICTURE) <= drawn
