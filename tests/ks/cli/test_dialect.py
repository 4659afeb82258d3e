"""All commands speak one dialect: parsers, help, names of settings, exit codes, --json, no path from elsewhere."""

import argparse
import json
from dataclasses import fields
from pathlib import Path

import pytest

from knowledge_spreader.config import TrainConfig, option_of
from knowledge_spreader.engines.compile.compile_model import CompileConfig
from knowledge_spreader.realtime.options import Options
from tests.commands import SCRIPTS, module_of, parsers
from tests.paths import ROOT

OF_A_RUN = {  # options of ks-live that say what to watch, or where results go; the rest are fields of Options
    *(
        "camera",
        "source",
        "demo",
        "duration",
        "csv",
        "jsonl",
        "parquet",
        "events",
        "save",
        "overwrite",
        "sound",
        "draw_face",
        "show",
        "lsl",
        "stats",
    ),
    *("report", "progress", "finish", "help", "version"),
}


def options(parser: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    return {action.dest: action for action in parser._actions if action.option_strings}


@pytest.mark.parametrize("command", SCRIPTS)
class TestEveryCommand:
    def test_each_option_has_a_help_and_a_readable_placeholder(self, command: str) -> None:
        for parser in parsers(command):
            for action in parser._actions:
                assert action.help or isinstance(action, argparse._SubParsersAction), (command, action.dest)
                assert "_" not in str(action.metavar or ""), (command, action.dest)

    def test_the_help_can_be_shown_and_names_the_command(self, command: str) -> None:
        for parser in parsers(command):
            shown = parser.format_help()
            assert shown.startswith(f"usage: {command}")
            assert "python -m" not in shown

    def test_no_default_lies_outside_the_checkout(self, command: str) -> None:
        for parser in parsers(command):
            for action in parser._actions:
                if isinstance(action.default, Path):
                    path = action.default.resolve()
                    assert not action.default.is_absolute() or path.is_relative_to(ROOT), (command, action.dest)
                    assert ".." not in action.default.parts
            assert str(ROOT) not in parser.format_help(), "a path of this machine stands in the help"

    def test_an_unknown_option_is_one_line_and_exit_code_2(
        self, command: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert module_of(command).main(["--no-such-option"]) == 2
        said = capsys.readouterr().err
        assert said.startswith("error: ")
        assert said.count("\n") == 1
        assert f"see {command} --help" in said

    def test_version_is_told(self, command: str, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as ended:
            module_of(command).main(["--version"])
        assert ended.value.code == 0
        assert capsys.readouterr().out.startswith(f"{command} ")


def test_one_setting_has_one_name_in_every_command() -> None:
    """The same option means the same: same kind of value and, but for subjects and outputs, the same help."""
    helps: dict[str, set[str | None]] = {}
    for command in SCRIPTS:
        for parser in parsers(command):
            for name in ("face_model", "threads", "progress"):
                if name in options(parser) and command != "ks-train":  # whose help stands beside its fields
                    helps.setdefault(name, set()).add(options(parser)[name].help)
    assert all(len(texts) == 1 for texts in helps.values()), helps


def test_each_option_of_ks_train_is_a_field_of_its_config_and_the_other_way_round() -> None:
    (parser,) = parsers("ks-train")
    found = options(parser)
    of_run = {"help", "version", "resume", "describe", "json", "progress"}
    assert set(found) - of_run == {field.name for field in fields(TrainConfig)}
    for field in fields(TrainConfig):
        assert option_of(field.name) in found[field.name].option_strings


def test_each_option_of_ks_live_is_a_field_of_options_by_the_same_name() -> None:
    (parser,) = parsers("ks-live")
    by_field = {field.name.removesuffix("_px").removesuffix("_s"): field.name for field in fields(Options)}
    assert set(options(parser)) - OF_A_RUN == set(by_field) - {
        "audio",
        "features",
    }  # audio follows from --save; features are for those who learn
    for dest, action in options(parser).items():
        assert "--" + dest.replace("_", "-") in action.option_strings


def test_each_option_of_ks_compile_is_a_field_of_its_config() -> None:
    (parser,) = parsers("ks-compile")
    asked = {action.dest for action in parser._actions} - {"help", "version", "json"}
    assert asked == {field.name for field in fields(CompileConfig)}


def test_commands_that_find_numbers_write_them_as_json() -> None:
    finding = {"ks-train", "ks-eval", "ks-calibrate", "ks-fit-person", "ks-compile", "ks-bench", "ks-real", "ks-synth"}
    for command in finding:
        assert any("json" in options(parser) for parser in parsers(command)), command


def test_a_value_of_the_wrong_kind_names_the_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert module_of("ks-bench").main(["engine", "--batches", "1,x"]) == 2
    said = capsys.readouterr().err
    assert "--batches" in said
    assert "whole numbers separated by commas, e.g. 1,8" in said
    assert said.count("\n") == 1


def test_describe_writes_nothing_and_a_json_in_no_folder_is_told_before_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "no" / "x.json"
    words = ["--data", "manifest", "--root", str(tmp_path / "m.csv"), "--out", str(tmp_path / "run")]
    assert module_of("ks-train").main([*words, "--json", str(place)]) == 2
    assert f"there is no folder {place.parent}; create it first" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_json_of_compare_is_whole(tmp_path: Path) -> None:
    place = ROOT / "benchmarks" / "results" / "cpu-epyc-2core.json"
    out = tmp_path / "ratios.json"
    assert module_of("ks-bench").main(["compare", str(place), str(place), "--json", str(out)]) == 0
    changes = json.loads(out.read_text())["changes"]
    assert changes
    assert all(change["p50"] == 1 for change in changes)
