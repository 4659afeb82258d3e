"""What stands in the pages: command lines, code blocks, links. Read as GitHub reads them, as far as we use it."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.paths import ROOT

PAGES = (
    *sorted(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "ks/weights/README.md")),
    ROOT / "realtime/demo/README.md",
    ROOT / "benchmarks/real_dev/README.md",
    *sorted((ROOT / "docs").glob("*.md")),
)
OF_TODAY = tuple(page for page in PAGES if page.name != "CHANGELOG.md")  # which names what was before, too
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:^(?: {4}.*)?\n)+", re.MULTILINE)
_INLINE = re.compile(r"`([^`\n]+)`")
_ENDS = {"|", "&&", "||", ";", ">", "2>", "<"}


@dataclass(frozen=True, slots=True)
class Found:
    """A command line, or a piece of one, and the page where it stands."""

    page: str
    words: tuple[str, ...]
    whole: bool  # in a block, to be copied as it is; else within a sentence or a table

    def __str__(self) -> str:
        return f"{self.page}: {shlex.join(self.words)}"


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def code_blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return [code for named, code in _FENCE.findall(text_of(page)) if named == language]


def prose(page: Path) -> str:
    """The page without its blocks of code."""
    return _INDENTED.sub("\n", _FENCE.sub("", text_of(page)))


def _shell_lines(page: Path) -> Iterator[str]:
    text = text_of(page)
    blocks = [code for named, code in _FENCE.findall(text) if named in ("", "sh", "bash", "console")]
    blocks += _INDENTED.findall(_FENCE.sub("", text))
    for block in blocks:
        for line in re.sub(r"\\\n", " ", block).splitlines():
            yield line.strip().removeprefix("$ ")


def _commands_of(line: str) -> Iterator[tuple[str, ...]]:
    """The commands of a line of shell, without pipes, redirections and comments."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|;<>&")
    lexer.commenters, lexer.whitespace_split = "#", True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if word not in _ENDS:
            words.append(word)
            continue
        if words and words[0].startswith("ks-"):
            yield tuple(words)
        elif words[:1] == ["torchrun"]:  # takes the command as a module
            yield ("ks-train", *words[words.index("-m") + 2 :])
        words = []


def command_lines() -> list[Found]:
    """Each command of ours in the pages, once."""
    found: dict[Found, None] = {}
    for page in OF_TODAY:
        for line in _shell_lines(page):
            if line.startswith(("ks-", "torchrun", "export ")) or "| ks-" in line:
                found |= dict.fromkeys(Found(name_of(page), words, True) for words in _commands_of(line))
        for code in _INLINE.findall(prose(page)):
            if code.startswith("ks-"):
                found |= dict.fromkeys(
                    Found(name_of(page), words, False) for words in _commands_of(code.replace("\\|", "|"))
                )
    return list(found)


def options_named() -> list[tuple[str, str]]:
    """(page, option) for each `--option` that a page names by itself."""
    return [
        (name_of(page), option)
        for page in OF_TODAY
        for code in _INLINE.findall(prose(page))
        if code.startswith("--")
        for option in re.findall(r"(?:^|\s)(--[a-z][\w-]*)", code)
    ]
