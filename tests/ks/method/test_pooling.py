"""Pooling of either branch: attention begins as the mean, looks where its weights say, and learns."""

from dataclasses import replace

import torch
from torch import Tensor

from knowledge_spreader.config import TrainConfig
from knowledge_spreader.engines.base import feature_width
from knowledge_spreader.method.algorithm import ks_step
from knowledge_spreader.method.augment import draw_noise
from knowledge_spreader.method.batch import Batch, Clips
from knowledge_spreader.method.network import KSModel, make_model
from knowledge_spreader.method.pooling import AttentionPooling, AUTokens, MeanPooling
from knowledge_spreader.spec import ModelSpec

U, D, C = 4, 16, 64


def with_attention(spec: ModelSpec) -> KSModel:
    torch.manual_seed(0)
    return make_model(replace(spec, spatial_pooling="attention")).eval()


def pictures(*shape: int) -> Tensor:
    return torch.randint(0, 256, (*shape, 32, 32, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))


def test_attention_begins_as_the_mean() -> None:
    projected, feature_map = torch.randn(3, U * D, 7, 7), torch.randn(3, C, 7, 7)
    mean = MeanPooling()(projected, feature_map)
    torch.testing.assert_close(AttentionPooling(C, U)(projected, feature_map), mean, rtol=0, atol=1e-6)


def test_a_model_begins_with_the_same_weights_and_answers_with_either_pooling(
    tiny_model: KSModel, tiny_spec: ModelSpec
) -> None:
    model = with_attention(tiny_spec)  # the seed of tiny_model
    own, plain = model.state_dict(), tiny_model.state_dict()
    assert own.keys() - plain.keys() == {"spatial_teacher.pool.look"}
    assert all(torch.equal(own[name], plain[name]) for name in plain)
    faces = pictures(3)
    with torch.no_grad():
        torch.testing.assert_close(model.encode(faces).o_a, tiny_model.encode(faces).o_a, rtol=0, atol=1e-5)


def test_each_au_takes_what_lies_where_it_looks() -> None:
    # channel u of the map is lit at place (u, 2 u) alone, and AU u looks for that channel with all its weight
    pooling = AttentionPooling(C, U)
    with torch.no_grad():
        pooling.look[:, :U] = 1000 * torch.eye(U)
    feature_map = torch.zeros(1, C, 7, 7)
    projected = torch.randn(1, U * D, 7, 7)
    for u in range(U):
        feature_map[0, u, u, 2 * u] = 1
    found = pooling(projected, feature_map).view(U, D)
    for u in range(U):
        torch.testing.assert_close(found[u], projected[0, u * D : (u + 1) * D, u, 2 * u])
    torch.testing.assert_close(pooling.weights(feature_map).sum(2), torch.ones(1, U))


def test_training_moves_where_each_au_looks(tiny_spec: ModelSpec) -> None:
    model = with_attention(replace(tiny_spec, frame_pooling="attention"))
    truth = torch.randint(0, 2, (6, 5, 4), dtype=torch.int8)
    clips = Clips(pictures(6, 5), truth, draw_noise((1, 0, 2), 6, 5, 16, 0.5), None)
    config = TrainConfig(data="manifest", root="x", out="y", spatial_pooling="attention")
    ks_step(model, Batch(0, 5, 2, clips, None), config, torch.ones(4)).total.backward()
    for branch in ("spatial_teacher", "pool_b"):
        gradient = model.get_parameter(f"{branch}.pool.look").grad
        assert gradient is not None
        assert (gradient.abs().sum(1) > 0).all()


def test_a_frame_is_a_token_per_au_for_branch_b(tiny_spec: ModelSpec) -> None:
    spec = replace(tiny_spec, frame_pooling="attention")
    model = with_attention(spec)
    assert isinstance(model.pool_b, AUTokens)
    torch.nn.init.normal_(model.get_parameter("pool_b.pool.look"))
    faces = pictures(3)
    with torch.no_grad():
        feature, feature_map = model.encode(faces).feature, model.base_b(faces)
        au = 2
        its = slice(au * spec.token_width, (au + 1) * spec.token_width)
        projected = model.pool_b.project(feature_map).relu()[:, its].flatten(2)
        looked = (model.get_parameter("pool_b.pool.look")[au] @ feature_map.flatten(2)).softmax(1)
    assert feature.shape == (3, feature_width(spec)) == (3, U * spec.token_width)
    wanted = (projected * looked[:, None]).sum(2)
    torch.testing.assert_close(feature[:, its], wanted, rtol=0, atol=1e-5)
