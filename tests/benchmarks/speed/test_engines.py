"""ks-bench: statistics and counts by hand, the file's format, the comparison, and a real run on the tiny model."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper
from rich.console import Console

from knowledge_spreader.benchmarks.cli import main
from knowledge_spreader.benchmarks.speed.compare import compare
from knowledge_spreader.benchmarks.speed.engine_worker import STREAM, noise, stages
from knowledge_spreader.benchmarks.speed.report import (
    NEEDED_IN_ROW,
    findings,
    print_result,
    read_json,
    warnings,
)
from knowledge_spreader.benchmarks.speed.roofline import (
    Peak,
    Work,
    attainable_flop_per_s,
    best_of,
    count,
    share_of_roof,
)
from knowledge_spreader.benchmarks.speed.subject import make_subject
from knowledge_spreader.benchmarks.speed.timing import latency, percentile, take
from knowledge_spreader.benchmarks.speed.whole_clip import whole_clip_model
from knowledge_spreader.benchmarks.speed.workers import Worker, WorkerError
from knowledge_spreader.engines.backends.gpu_timing import Stages
from knowledge_spreader.engines.backends.onnx_engine import OnnxEngine
from knowledge_spreader.engines.ks_file.model_file import ModelFile
from knowledge_spreader.errors import KSError
from knowledge_spreader.files import write_json
from knowledge_spreader.method.network import KSModel
from knowledge_spreader.spec import ModelSpec

Row = dict[str, Any]


def row(**changes: Any) -> Row:
    """A row as a result has it."""
    base: Row = {"backend": "onnxruntime", "precision": "fp32", "batch": 1, "what": "frame"}
    return {**base, "p50_ms": 10.0, "p95_ms": 11.0, "p99_ms": 12.0, "cov": 0.01, "per_s": 100.0, **changes}


def result(*rows: Row, **changes: Any) -> Row:
    machine = {"cpu": "A", "cores": 2, "gpu": None, "system": "Linux", "versions": {"onnxruntime": "1"}, "load_1min": 3}
    flags = {"threads": 2, "n_frames": 5, "side_px": 224, "backbone": "resnet18", "int8": "", "skipped": {}}
    return {"machine": machine, "commit": "c", "weights": "random", "flags": flags, "rows": list(rows), **changes}


class TestTiming:
    def test_percentiles_lie_on_the_line_between_neighbours(self) -> None:
        # five calls: place of p90 is 0.9 * 4 = 3.6, so 40 + 0.6 * (50 - 40)
        told = latency([30.0, 10.0, 50.0, 20.0, 40.0], batch=4)
        assert (told.n, told.min_ms, told.p50_ms, told.max_ms) == (5, 10.0, 30.0, 50.0)
        assert (told.p90_ms, told.p95_ms, told.p99_ms) == pytest.approx((46.0, 48.0, 49.6))
        assert told.cov == pytest.approx(math.sqrt(1000 / 4) / 30)  # squares 400 + 100 + 0 + 100 + 400, over n - 1
        assert told.per_s == pytest.approx(4 / 0.030)  # four faces in the mean call

    def test_one_call_is_all_of_its_percentiles(self) -> None:
        told = latency([7.0], batch=1)
        assert {told.min_ms, told.p50_ms, told.p99_ms, told.max_ms} == {7.0}
        assert told.cov == 0.0

    @given(st.lists(st.floats(0.01, 1e4), min_size=1), st.floats(0, 1))
    def test_a_percentile_is_what_numpy_says(self, values: list[float], share: float) -> None:
        assert percentile(sorted(values), share) == pytest.approx(float(np.quantile(values, share)))

    def test_slow_calls_are_still_taken_so_many_times_and_the_warm_up_is_not_told(self) -> None:
        calls = iter(range(100))
        assert take(lambda: [next(calls)], seconds=0.0, least=3, warm_up_s=0.0) == [[1], [2], [3]]


class TestRoofline:
    def test_a_convolution_and_a_product_are_counted_as_by_hand(self) -> None:
        weight = helper.make_tensor("w", TensorProto.FLOAT, [8, 3, 3, 3], np.zeros(216))
        matrix = helper.make_tensor("m", TensorProto.FLOAT, [4, 5], np.zeros(20))
        nodes = [
            helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1]),
            helper.make_node("MatMul", ["y", "m"], ["z"]),
        ]
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3, 4, 4])
        z = helper.make_tensor_value_info("z", TensorProto.FLOAT, ["batch", 8, 4, 5])
        graph = helper.make_graph(nodes, "g", [x], [z], [weight, matrix])
        told = count(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)]).SerializeToString())
        # Conv: 8 * 4 * 4 outputs of 27 products; MatMul: 8 * 4 * 5 outputs of 4
        assert told.flop == 2 * (128 * 27 + 160 * 4)
        assert told.weights == 216 + 20
        assert told.moved == (48 + 128) + (128 + 160)  # read and written

    def test_the_tiny_model_is_counted_as_torch_counts_it(self, tiny_file: ModelFile, tiny: KSModel) -> None:
        from knowledge_spreader.evaluation.model_cost import flops

        streamed, _ = flops(tiny, tiny_file.spec)
        ours = count(tiny_file.graph("encoder")) + count(tiny_file.graph("head"))
        assert ours.flop == pytest.approx(streamed, rel=0.05)  # torch counts the students' logits, fusions differ

    def test_the_roof_is_the_lower_of_arithmetic_and_memory(self) -> None:
        work, peak = Work(flop=1000, moved=10, weights=240), Peak(100.0, 20.0, "")
        # batch 1: 1000 FLOP over 4 * 250 bytes = 1 FLOP per byte, times 20 bytes/s
        assert attainable_flop_per_s(work, 1, "fp32", peak) == pytest.approx(20.0)
        # batch 96: 96000 over 4 * (960 + 240) = 20 FLOP per byte: arithmetic is the bound
        assert attainable_flop_per_s(work, 96, "fp32", peak) == 100.0
        assert share_of_roof(work, 1, "fp32", 100.0, peak) == pytest.approx(0.5)

    def test_the_better_look_at_a_peak_counts(self) -> None:
        assert best_of([Peak(1.0, 9.0, "a"), Peak(2.0, 8.0, "a")]) == Peak(2.0, 9.0, "a")


class TestNaive:
    def test_the_whole_clip_graph_answers_like_the_whole_torch_model(
        self, tiny_file: ModelFile, tiny: KSModel, tmp_path: Path
    ) -> None:
        spec = tiny_file.spec
        clips = noise(3 * spec.n_frames, spec).reshape(3, spec.n_frames, spec.side_px, spec.side_px, 3)
        engine = OnnxEngine(whole_clip_model(tiny_file, tmp_path / "whole.ks"), threads=1)
        encoded = engine.encode(clips.reshape(-1, *clips.shape[2:]))
        assert encoded.o_a.shape == (3, len(spec.aus))
        ours = engine.predict(encoded.o_a, encoded.feature.reshape(3, spec.n_frames, -1)).probability
        with torch.inference_mode():
            theirs = tiny(torch.from_numpy(clips[:, -1].copy()), torch.from_numpy(clips)).output.sigmoid()
        np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-5)
        engine.close()

    def test_branch_a_sees_one_frame_of_each_clip_only(self, tiny_file: ModelFile, tmp_path: Path) -> None:
        whole = onnx.load_model_from_string(whole_clip_model(tiny_file, tmp_path / "whole.ks").graph("encoder"))
        readers = [node.op_type for node in whole.graph.node if "newest_of_each_clip" in node.input]
        faces = [node.op_type for node in whole.graph.node if "faces" in node.input]
        assert len(readers) == 1  # branch A's own way from pixels to logits
        assert sorted(faces) == sorted(["Slice", *readers])


class TestFile:
    def test_a_result_is_read_back_as_it_was_written(self, tmp_path: Path) -> None:
        told = result(row())
        write_json(tmp_path / "deep" / "a.json", told)
        assert read_json(tmp_path / "deep" / "a.json") == told

    @pytest.mark.parametrize("text", ["{", "[]", '{"rows": []}', json.dumps(result({"backend": "torch"}))])
    def test_another_file_is_refused_in_one_line(
        self, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "a.json").write_text(text)
        assert main(["compare", str(tmp_path / "a.json"), str(tmp_path / "a.json")]) == 2
        assert capsys.readouterr().err.count("\n") == 1

    def test_a_missing_file_is_refused(self, tmp_path: Path) -> None:
        assert main(["compare", str(tmp_path / "no.json"), str(tmp_path / "no.json")]) == 2


class TestCompare:
    def test_ratios_are_b_over_a_of_the_same_row(self) -> None:
        before = result(row(), row(batch=8, p50_ms=40.0))
        after = result(row(p50_ms=5.0, p99_ms=18.0, per_s=200.0), row(batch=2))
        (change,), told = compare(before, after)
        assert (change.key, change.p50, change.p99, change.per_s) == (
            ("onnxruntime", "fp32", 1, "frame"),
            0.5,
            1.5,
            2.0,
        )
        assert told == ["1 rows of A are not in B", "1 rows of B are not in A"]

    def test_another_machine_flag_or_weights_is_warned_of_and_load_is_not(self) -> None:
        before, after = result(row()), result(row(), weights="abc")
        after["machine"] = {**after["machine"], "cores": 16, "load_1min": 9}
        after["flags"] = {**after["flags"], "threads": 16, "skipped": {"torch": "-"}}
        _, told = compare(before, after)
        assert told == [
            "another machine: cores 2 -> 16",
            "other weights: random -> abc",
            "another flag: threads 2 -> 16",
        ]

    def test_the_command_prints_the_rows_and_the_warnings(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write_json(tmp_path / "a.json", result(row()))
        write_json(tmp_path / "b.json", result(row(p50_ms=5.0), weights="abc"))
        assert main(["compare", str(tmp_path / "a.json"), str(tmp_path / "b.json")]) == 0
        said = capsys.readouterr().out
        assert "0.50" in said
        assert "warning: other weights" in said


class TestWarnings:
    def test_a_steady_row_on_a_cpu_is_not_warned_of(self) -> None:
        assert warnings(result(row(cov=0.025))) == []

    def test_an_unsteady_row_is(self) -> None:
        (told,) = warnings(result(row(), row(what="head", cov=0.3)))
        assert "1 of 2 rows (highest: 30 %, onnxruntime fp32 head at batch 1)" in told

    def test_copies_that_take_longer_than_computing_are_the_bound(self) -> None:
        (told,) = warnings(result(row(p50_ms=3.0, h2d_ms=1.0, compute_ms=1.1, d2h_ms=0.5)))
        assert "bound by transfers: 1.500 ms of copies, 1.100 computing" in told

    def test_a_host_that_takes_longer_than_computing_is_the_bound(self) -> None:
        (told,) = warnings(result(row(p50_ms=3.0, h2d_ms=0.1, compute_ms=1.0, d2h_ms=0.1)))
        assert "bound by the host: 1.800 ms there, 1.000 computing" in told

    def test_the_table_fits_a_hundred_columns(self, tmp_path: Path) -> None:
        wide = row(what="whole_clip", batch=64, p50_ms=12345.6, p95_ms=12345.6, p99_ms=12345.6, cov=1.123, per_s=12345)
        with (tmp_path / "table.txt").open("w+") as file:
            print_result(
                result({**wide, "to_ort_fp32": 12.34, "rss_mb": 12345.0, "roof_share": 2.5}),
                Console(file=file, width=100),
            )
            file.seek(0)
            said = file.read()
        for cell in ("onnxruntime fp32", "whole_clip", "12345.6", "112.3", "12345", "12.34", "250"):
            assert cell in said
        assert "…" not in said

    def test_stages_have_a_table_that_says_what_they_are(self, tmp_path: Path) -> None:
        told = {"backend": "torch-cuda", "precision": "fp16", "p50_ms": 1234.5, "p95_ms": 1234.5, "p99_ms": 1234.5}
        slow = row(**told, what="encoder", batch=64, per_s=123456, h2d_ms=12.3, compute_ms=1234.5, d2h_ms=0.012)
        with (tmp_path / "table.txt").open("w+") as file:
            wide = {"to_ort_fp32": 0.12, "gpu_mb": 12345.0, "roof_share": 0.25}
            print_result(result({**slow, **wide}, row(what="frame")), Console(file=file, width=100))
            file.seek(0)
            said = file.read()
        for cell in ("H2D ms", "compute ms", "D2H ms", "12.3", "1234.5", "0.012", "without a CUDA graph"):
            assert cell in said
        assert "…" not in said

    def test_without_stages_there_is_no_table_of_them(self, tmp_path: Path) -> None:
        with (tmp_path / "table.txt").open("w+") as file:
            print_result(result(row(h2d_ms=None, compute_ms=None, d2h_ms=None)), Console(file=file, width=100))
            file.seek(0)
            assert "H2D" not in file.read()


class Fixed:
    """An engine whose stages are known."""

    spec = ModelSpec(aus=(1, 4, 12, 25), side_px=32, backbone="tiny", token_width=16, heads=2)

    def __init__(self) -> None:
        self.asked: list[int] = []

    def stages_ms(self, faces: np.ndarray) -> Stages:
        self.asked.append(len(faces))
        return Stages(0.1, float(len(self.asked)), 0.2)


class TestStages:
    def test_a_worker_tells_medians_and_leaves_the_first_call_out(self) -> None:
        engine: Any = Fixed()
        # calls 2 to 21 take 2 to 21 ms: the middle is between 11 and 12
        assert stages(engine, 3) == {"h2d_ms": 0.1, "compute_ms": 11.5, "d2h_ms": 0.2}
        assert set(engine.asked) == {3}

    def test_an_engine_without_stages_says_so(self, tiny_file: ModelFile) -> None:
        with (
            Worker(STREAM, "onnxruntime", "fp32", tiny_file.path, 1) as worker,
            pytest.raises(WorkerError, match="cannot measure copying and computing separately"),
        ):
            worker.ask(op="stages", batch=1)


class TestWorker:
    def test_an_engine_that_cannot_be_opened_says_why(self, tiny_file: ModelFile) -> None:
        with pytest.raises(WorkerError, match="onnxruntime computes in fp32, int8"):
            Worker(STREAM, "onnxruntime", "fp16", tiny_file.path, 1)

    def test_a_process_that_dies_is_an_error_with_its_last_words(self, tiny_file: ModelFile) -> None:
        with (
            Worker(STREAM, "onnxruntime", "fp32", tiny_file.path, 1) as worker,
            pytest.raises(WorkerError, match="batch"),
        ):
            worker.ask(op="run")  # a request without a batch: KeyError in the process


@pytest.fixture
def said(tiny_file: ModelFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[Row, str, Path]:
    """A quick run of ONNX Runtime on the tiny model."""
    json_path, png_path = tmp_path / "a.json", tmp_path / "a.png"
    options = ["--backends", "onnxruntime", "--batches", "1,2", "--quick", "--threads", "1", "--no-progress"]
    command = ["engine", "--model", str(tiny_file.path), *options, "--json", str(json_path), "--plot", str(png_path)]
    assert main(command) == 0
    return read_json(json_path), capsys.readouterr().out, png_path


@pytest.mark.slow
def test_a_quick_run_measures_all_parts_and_writes_all_files(said: tuple[Row, str, Path]) -> None:
    told, text, png = said
    measured = [(row["precision"], row["batch"], row["what"]) for row in told["rows"]]
    parts = ["encoder", "head", "frame"]
    assert measured == [("fp32", 1, part) for part in (*parts, "whole_clip")] + [("fp32", 2, part) for part in parts]
    assert list(told) == ["machine", "commit", "weights", "flags", "rows"]
    by_part = {row["what"]: row for row in told["rows"] if row["batch"] == 1}
    for each in told["rows"]:
        assert set(NEEDED_IN_ROW) <= set(each)
        assert (
            0 < each["min_ms"] <= each["p50_ms"] <= each["p90_ms"] <= each["p95_ms"] <= each["p99_ms"] <= each["max_ms"]
        )
        assert each["to_ort_fp32"] == 1.0
        assert 20 < each["rss_mb"] < 500  # an interpreter with ONNX Runtime, and not this test's torch
    assert by_part["frame"]["p50_ms"] >= by_part["encoder"]["p50_ms"]
    assert by_part["whole_clip"]["naive"] == "6 backbone passes on this backend"
    assert by_part["frame"]["gflop"] > 0
    assert told["flags"]["threads"] == 1
    assert (
        "int8" in told["flags"]["skipped"]["onnxruntime int8"]
        or "--quick" in told["flags"]["skipped"]["onnxruntime int8"]
    )
    assert any("cached features are" in line for line in findings(told))
    assert "peak memory of onnxruntime fp32" in text
    assert png.read_bytes().startswith(b"\x89PNG")


def test_int8_is_made_of_random_crops_and_says_so(tiny_file: ModelFile, tmp_path: Path) -> None:
    subject = make_subject(str(tiny_file.path), ["onnxruntime"], tmp_path)
    assert subject.weights == tiny_file.weights_id
    assert "random crops" in subject.int8
    with Worker(STREAM, "onnxruntime", "int8", subject.model.path, 1) as worker:
        reply = worker.ask(op="run", batch=1, seconds=0.0, least=2, warm_up_s=0.0)
    assert [len(reply["ms"][part]) for part in ("encoder", "head", "frame")] == [2, 2, 2]


@pytest.mark.parametrize(
    "options",
    [
        ["--backends", "abacus"],
        ["--precisions", "fp13"],
        ["--batches", "0"],
        ["--threads", "-1"],
        ["--model", "no-such.ks"],
        ["--model", "picture.jpg"],
        ["--backends", "tensorrt"],
        ["--json", "."],
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_code_2(
    options: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("knowledge_spreader.engines.open.installed", lambda backend: backend != "tensorrt")
    assert main(["engine", *options, "--no-progress"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert told.count("\n") == 1


def test_a_result_that_cannot_be_written_is_an_error_of_the_users(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(KSError, match="choose another path"):
        write_json(tmp_path / "file" / "a.json", result(row()))
