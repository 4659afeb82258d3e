"""The site of the pages: `make docs`. Sphinx reads README and docs as they lie, so their links hold in both places."""

import re
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).parents[1]

project = "Knowledge-Spreader"
author = "The Knowledge-Spreader contributors"
extensions = ["myst_parser"]
html_theme = "furo"
html_title = "Knowledge-Spreader"
root_doc = "README"
include_patterns = [
    "*.md",
    "docs/*.md",
    "ks/weights/README.md",
    "realtime/demo/README.md",
    "benchmarks/real_dev/README.md",
]
exclude_patterns = [".*", "build", "runs", "study", "demo"]
myst_heading_anchors = 4
highlight_language = "text"  # of indented lines: commands
suppress_warnings = ["myst.header"]


def add_contents(app: Sphinx, page: str, source: list[str]) -> None:
    """The side bar: the pages that README links to, in its order. The card's data folders come after them."""
    if page == "README":
        linked = re.findall(r"\]\(((?!http)[\w/.-]+\.md)\)", source[0])
        pages = dict.fromkeys([*linked, "realtime/demo/README.md", "benchmarks/real_dev/README.md"])
        source[0] += "\n```{toctree}\n:hidden:\n" + "\n".join(name.removesuffix(".md") for name in pages) + "\n```\n"


def add_index(app: Sphinx, exception: Exception | None) -> None:
    """A web server looks for index.html."""
    (Path(app.outdir) / "index.html").write_text('<meta http-equiv="refresh" content="0; url=README.html">\n')


def setup(app: Sphinx) -> None:
    app.connect("source-read", add_contents)
    app.connect("build-finished", add_index)
