"""The ks-* commands that pyproject.toml installs, and their parsers."""

import argparse
import tomllib
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from tests.paths import ROOT

SCRIPTS: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]


def module_of(command: str) -> Any:
    return import_module(SCRIPTS[command].partition(":")[0])


def parsers(command: str) -> Iterator[argparse.ArgumentParser]:
    """The command's parser and those of its subcommands."""
    parser = module_of(command).parser()
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.values()
