"""The network: shapes, sizes, the cut where time enters, and its refusals."""

import pytest
import torch
from torch import Tensor

from knowledge_spreader.errors import MissingError, ModelError
from knowledge_spreader.evaluation.model_cost import flops, parameters
from knowledge_spreader.method.backbone import make_backbone
from knowledge_spreader.method.network import KSModel, make_model
from knowledge_spreader.spec import ModelSpec

BP4D = (1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24)


def clip_of(b: int, n: int, side: int = 32) -> Tensor:
    return torch.randint(0, 256, (b, n, side, side, 3), dtype=torch.uint8)


@pytest.mark.parametrize("n", range(2, 10))
def test_every_clip_length_from_2_to_9_gives_the_shapes_of_figure_2(n: int) -> None:
    spec = ModelSpec(aus=(1, 12, 43), n_frames=n, side_px=32, backbone="tiny", token_width=16, heads=2)
    clip = clip_of(2, n)
    out = make_model(spec).eval()(clip[:, 0], clip)
    assert [tuple(x.shape) for x in out] == [(2, 3), (2, n, 3), (2, n, 16), (2, 3), (2,), (2, 3)]


def test_the_whole_has_about_25_million_parameters() -> None:
    # section 6.7; two ResNet-18 without classifier are 2 x 11,176,512
    model = make_model(ModelSpec(aus=BP4D))
    assert parameters(model.base_a) == 11_176_512
    assert 23.5e6 < parameters(model) < 26e6


def test_the_two_backbones_share_no_weights(tiny_model: KSModel) -> None:
    ours = {p.data_ptr() for p in tiny_model.base_a.parameters()}
    assert not ours & {p.data_ptr() for p in tiny_model.base_b.parameters()}


def test_encode_once_then_predict_is_the_whole_clip_forward_bit_by_bit(tiny_model: KSModel) -> None:
    clip = clip_of(1, 5)
    with torch.no_grad():
        whole = tiny_model(clip[:, 4], clip)
        frames = [tiny_model.encode(clip[:, i]) for i in range(5)]
        streamed = tiny_model.predict(frames[4].o_a, torch.stack([f.feature for f in frames], 1))
    torch.testing.assert_close(streamed.output, whole.output, rtol=0, atol=1e-6)
    # one frame at a time through the same kernels: the clip as a loop over its frames is exact
    by_frame = torch.stack([tiny_model.pooled_b(clip[:, i]) for i in range(5)], 1)
    assert torch.equal(by_frame, torch.stack([f.feature for f in frames], 1))


def test_branch_b_looks_at_one_frame_at_a_time(tiny_model: KSModel) -> None:
    clip = clip_of(1, 5)
    other = clip.clone()
    other[:, 3] = 255 - other[:, 3]
    with torch.no_grad():
        same = (tiny_model.features(clip) == tiny_model.features(other)).all(2)[0]
    assert same.tolist() == [True, True, True, False, True]


def test_normalisation_is_inside_and_is_imagenets(tiny_model: KSModel) -> None:
    # mean colour in, zeros to the first layer
    layers = tiny_model.base_a.layers
    seen: list[Tensor] = []
    layers.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    grey = torch.tensor([0.485, 0.456, 0.406]).mul(255).round().to(torch.uint8).expand(1, 32, 32, 3)
    tiny_model.base_a(grey)
    assert seen[0].abs().max() < 0.01
    tiny_model.base_a(torch.full((1, 32, 32, 3), 255, dtype=torch.uint8))
    torch.testing.assert_close(
        seen[1][0, :, 0, 0], torch.tensor([(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225])
    )


def test_dropout_touches_the_students_logits_but_not_what_the_teacher_sees(tiny_model: KSModel) -> None:
    clip, keep = clip_of(2, 5), torch.zeros(2, 5, 16)
    with torch.no_grad():
        plain, dropped = tiny_model(clip[:, 0], clip), tiny_model(clip[:, 0], clip, keep)
    assert torch.equal(plain.o_b, dropped.o_b)
    assert not torch.equal(plain.o_s, dropped.o_s)


def test_the_answer_is_the_mean_of_both_branches(tiny_model: KSModel) -> None:
    clip = clip_of(2, 5)
    out = tiny_model(clip[:, 0], clip)
    torch.testing.assert_close(out.output, (out.o_a + out.o_b) / 2)


def test_without_sil_no_token_sees_another() -> None:
    spec = ModelSpec(aus=(1, 4), side_px=32, backbone="tiny", token_width=16, heads=2, correlation="mlp")
    model = make_model(spec).eval()
    tokens = torch.randn(1, 5, 16)
    other = tokens.clone()
    other[0, 2] += 1
    changed = (model.temporal_teacher.correlation(tokens) != model.temporal_teacher.correlation(other)).any(2)[0]
    assert changed.tolist() == [False, False, True, False, False]
    with_sil = make_model(ModelSpec(aus=(1, 4), side_px=32, backbone="tiny", token_width=16, heads=2)).eval()
    mixed = with_sil.temporal_teacher.correlation
    assert (mixed(tokens) != mixed(other)).any(2).all()


def test_a_stream_costs_a_third_of_whole_clips_at_five_frames() -> None:
    # 2 backbone passes against N + 1 = 6
    spec = ModelSpec(aus=BP4D, side_px=64)
    streamed, whole = flops(make_model(spec).eval(), spec)
    assert 2.7 < whole / streamed < 3.0


@pytest.mark.parametrize(
    ("frames", "came"),
    [(torch.zeros(1, 32, 32, 3), "torch.float32"), (torch.zeros(1, 3, 32, 32, dtype=torch.uint8), r"\(1, 3, 32, 32\)")],
)
def test_frames_that_are_not_uint8_rgb_are_refused(tiny_model: KSModel, frames: Tensor, came: str) -> None:
    with pytest.raises(ModelError, match=came):
        tiny_model.encode(frames)


def test_a_window_of_another_length_is_refused(tiny_model: KSModel) -> None:
    with pytest.raises(ModelError, match="5 frames; got 4"):
        tiny_model.predict(torch.zeros(1, 4), torch.zeros(1, 4, 64))


def test_imagenet_weights_that_cannot_be_had_are_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    # a home without the file, and an address that no network answers
    from torchvision.models import ResNet18_Weights

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(
        type(ResNet18_Weights.IMAGENET1K_V1), "url", "http://127.0.0.1:9/resnet18-f37072fd.pth", raising=False
    )
    with pytest.raises(MissingError, match="--init random"):
        make_backbone("resnet18", "imagenet")


def test_imagenet_weights_in_the_users_cache_are_loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    # the file that torchvision looks for, made here from random weights: the loading code is the real one
    from pathlib import Path

    from torchvision.models import resnet18
    from torchvision.models._api import WeightsEnum

    folder = Path(str(tmp_path)) / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    network = resnet18(weights=None)
    torch.save(network.state_dict(), folder / "resnet18-f37072fd.pth")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    original = WeightsEnum.get_state_dict
    monkeypatch.setattr(
        WeightsEnum, "get_state_dict", lambda self, *a, **k: original(self, *a, **{**k, "check_hash": False})
    )
    backbone, width = make_backbone("resnet18", "imagenet")
    assert width == 512
    assert torch.equal(backbone.layers[0].weight, network.conv1.weight)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"aus": ()}, "one or more"),
        ({"aus": (1, 1)}, "different"),
        ({"aus": (3,)}, r"\[3\]"),
        ({"aus": (1,), "n_frames": 1}, "2 to 9 frames; got 1"),
        ({"aus": (1,), "n_frames": 10}, "got 10"),
        ({"aus": (1,), "backbone": "vgg"}, "got 'vgg'"),
        ({"aus": (1,), "heads": 3}, "3 heads"),
        ({"aus": (1,), "spatial_pooling": "max"}, "mean, attention; got 'max'"),
        ({"aus": (1,), "frame_pooling": "max"}, "mean, attention; got 'max'"),
        ({"aus": (1,), "mark_key": "false"}, "true or false; got 'false'"),
        ({"aus": (1,), "thresholds": (0.5, 0.5)}, "1 AUs"),
    ],
)
def test_an_impossible_spec_is_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        ModelSpec(**values)  # type: ignore[arg-type]


def test_a_spec_survives_json() -> None:
    spec = ModelSpec(aus=(1, 12), n_frames=7, thresholds=(0.25, 0.75))
    assert ModelSpec.from_json(spec.to_json()) == spec
    switched = ModelSpec(aus=(1, 12), spatial_pooling="attention", frame_pooling="attention", mark_key=True)
    assert ModelSpec.from_json(switched.to_json()) == switched
    for text in ("{", "[]", '{"aus": [1], "colour": 3}', "null"):
        with pytest.raises(ModelError, match="model spec"):
            ModelSpec.from_json(text)


def test_a_spec_from_before_pooling_and_mark_were_choices_means_the_mean_and_no_mark() -> None:
    text = '{"aus": [1, 12], "n_frames": 5, "side_px": 32, "backbone": "tiny", "correlation": "mlp", "token_width": 16}'
    spec = ModelSpec.from_json(text)
    assert (spec.spatial_pooling, spec.frame_pooling, spec.mark_key) == ("mean", "mean", False)
    added = [name for name in make_model(spec).state_dict() if "pool" in name or "key_mark" in name]
    assert not added, "older weights would not fit"
