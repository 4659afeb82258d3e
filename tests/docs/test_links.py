"""Pages: links, anchors, pictures and the files they name exist; lines are short; README is one page."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, name_of, prose, text_of
from tests.paths import ROOT

_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_FILE = re.compile(r"`((?:ks|engines|realtime|benchmarks|tests|docs|examples)/[\w./-]+)`")


def anchors(page: Path) -> set[str]:
    """The ids that GitHub gives the headings of a page."""
    headings = re.findall(r"^#{1,6} +(.+?) *$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def leads_somewhere(page: Path, link: str) -> bool:
    """A link into the web is not followed."""
    if re.match(r"https?://|mailto:", link):
        return True
    file, _, anchor = link.partition("#")
    target = (page.parent / file).resolve() if file else page
    is_there = target.exists() and target.is_relative_to(ROOT)
    return is_there and (not anchor or anchor in anchors(target))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
class TestEveryPage:
    def test_its_links_lead_somewhere(self, page: Path) -> None:
        assert not [link for link in _LINK.findall(prose(page)) if not leads_somewhere(page, link)]

    def test_the_files_of_the_repository_that_it_names_are_there(self, page: Path) -> None:
        assert not [name for name in _FILE.findall(prose(page)) if not (ROOT / name).exists()]

    def test_its_lines_are_short_but_in_tables(self, page: Path) -> None:
        lines = text_of(page).splitlines()
        assert not [line for line in lines if len(line) > 120 and not line.lstrip().startswith(("|", "!["))]


def test_the_readme_is_one_page() -> None:
    assert (ROOT / "README.md").stat().st_size <= 8_000


def test_every_page_of_the_docs_is_reached_from_the_readme() -> None:
    links = {link.partition("#")[0] for link in _LINK.findall(text_of(ROOT / "README.md"))}
    assert not [page.name for page in (ROOT / "docs").glob("*.md") if f"docs/{page.name}" not in links]
