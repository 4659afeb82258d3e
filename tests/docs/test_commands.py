"""Every command line of README and docs: its options exist, its values can be read, and the short ones are run."""

import argparse
import ast
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import pytest

from knowledge_spreader import KSError, TrainConfig
from knowledge_spreader.realtime.cli.arguments import options_of
from tests.commands import SCRIPTS, module_of, parsers
from tests.docs.pages import PAGES, Found, code_blocks, command_lines, name_of, options_named
from tests.paths import ROOT

LINES = command_lines()
WRITES = ("--csv", "--jsonl", "--parquet", "--events", "--save", "--report")
OF_OTHERS = {"--nproc-per-node", "--durations"}  # of torchrun, pytest
NOT_RUN = {  # pages whose Python needs what is not here: only its imports are run
    "docs/training.md": "trains on a CSV of one's own",
    "docs/your-own-labels.md": "adapts to recordings of one's own",
    "docs/rendered-people.md": "reads rendered sets that take hours to draw",
    "docs/scale.md": "speaks to a server",
    "docs/results.md": "reads portraits that are no part of the repository",
}


def known_options(command: str) -> set[str]:
    return {option for parser in parsers(command) for option in parser._option_string_actions}


def settings_named(args: argparse.Namespace) -> set[str]:
    return {setting.partition("=")[0] for setting in getattr(args, "set", [])}


def test_there_are_command_lines_and_every_command_is_in_one() -> None:
    assert len([line for line in LINES if line.whole]) > 40
    assert {line.words[0] for line in LINES} == set(SCRIPTS)


@pytest.mark.parametrize("line", [line for line in LINES if line.whole], ids=str)
def test_a_line_to_be_copied_can_be_parsed_by_its_command(line: Found) -> None:
    command, *words = line.words
    if asks_for_help(words):
        return
    args = module_of(command).parser().parse_args(words)
    if command == "ks-train":
        TrainConfig(**{setting.name: getattr(args, setting.name) for setting in fields(TrainConfig)})
    if command == "ks-live":
        options_of(args)
    assert settings_named(args) <= {setting.name for setting in fields(TrainConfig)}


@pytest.mark.parametrize("line", [line for line in LINES if not line.whole], ids=str)
def test_a_command_in_a_sentence_names_options_that_exist_and_values_that_can_be_read(line: Found) -> None:
    command, *words = line.words
    assert command in SCRIPTS
    assert {word.partition("=")[0] for word in words if word.startswith("--")} <= known_options(command)
    if not asks_for_help(words) and not missing(command, words):
        module_of(command).parser().parse_args(words)


def asks_for_help(words: Sequence[str]) -> bool:
    return bool({"--help", "--version"} & set(words))


def missing(command: str, words: Sequence[str]) -> bool:
    """Whether a sentence leaves out what the command needs, because it is not about that."""
    try:
        module_of(command).parser().parse_args(words)
    except KSError as exc:
        return "required" in str(exc)
    return False


def test_each_option_that_a_page_names_is_one_of_some_command() -> None:
    known = OF_OTHERS.union(*map(known_options, SCRIPTS))
    assert not [(page, option) for page, option in options_named() if option not in known]


def is_short(line: Found) -> bool:
    """Whether it ends within seconds, writes where it is told, and needs nothing but a talk.mp4."""
    command, *words = line.words
    if {"--help", "--version", "--describe"} & set(words):
        return True
    if (command, words[:1]) == ("ks-study", ["table"]):
        return all((ROOT / word).exists() for word in words if word.endswith(".jsonl"))
    given = {words[i + 1] for i, word in enumerate(words[:-1]) if word in ("--source", "--model")}
    return command == "ks-live" and bool({*words} & {*WRITES}) and ("--demo" in words or given == {"talk.mp4"})


SHORT = list({line.words: line for line in LINES if is_short(line)}.values())


@pytest.mark.slow
@pytest.mark.parametrize("line", SHORT, ids=str)
def test_a_short_line_runs(line: Found, desk: Path) -> None:
    command, *words = line.words
    more = ["--no-progress"] if command == "ks-live" else []
    more += ["--duration", "0.6s"] if "--demo" in words else []  # the clip is as long as talk.mp4 then
    try:
        code = module_of(command).main([*words, *more])
    except SystemExit as ended:
        code = ended.code
    assert code == 0
    for word in (words[i + 1] for i, word in enumerate(words[:-1]) if word in WRITES):
        assert word == "-" or (desk / word).stat().st_size > 0, word


def test_some_lines_are_short() -> None:
    """Lest the rule above drops them all in silence."""
    assert len([line for line in SHORT if line.words[0] == "ks-live"]) >= 4


PYTHON = [(name_of(page), i, code) for page in PAGES for i, code in enumerate(code_blocks(page, "python"))]


@pytest.mark.slow
@pytest.mark.parametrize(("page", "i", "code"), PYTHON, ids=[f"{page} {i}" for page, i, _ in PYTHON])
def test_python_on_a_page_runs(page: str, i: int, code: str, desk: Path) -> None:
    tree = ast.parse(code)
    if page in NOT_RUN:
        tree.body = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    exec(compile(tree, f"{page} {i}", "exec"), {"__name__": "page"})


def test_the_readme_shows_python() -> None:
    assert any(page == "README.md" for page, _, _ in PYTHON)
