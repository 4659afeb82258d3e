"""The KS network (figures 2 and 7). `encode` is the part per frame, `predict` the part per window of frames."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from knowledge_spreader.errors import ModelError
from knowledge_spreader.method.backbone import make_backbone
from knowledge_spreader.method.pooling import AUTokens, FrameMean, make_pooling
from knowledge_spreader.spec import ModelSpec


class KSOutput(NamedTuple):
    """The outputs that the losses use; all AU outputs are logits."""

    o_a: Tensor  # (B, U) branch A
    o_s: Tensor  # (B, N, U) spatial students
    p_b: Tensor  # (B, N, D) features of the students, input of T_b
    o_b: Tensor  # (B, U) temporal teacher
    in_order: Tensor  # (B,) logit; > 0: T_b predicts that the frames are in order
    output: Tensor  # (B, U) final logits


class Encoded(NamedTuple):
    """The output of `encode`; depends on one frame."""

    o_a: Tensor  # (F, U) branch A's logits
    feature: Tensor  # (F, C) branch B's backbone, pooled


class Predicted(NamedTuple):
    """The output of `predict`; depends on a window of frames."""

    output: Tensor  # (F, U) logits, the mean of o_a and o_b
    o_b: Tensor  # (F, U)
    in_order: Tensor  # (F,)


class KSModel(nn.Module):
    """Figure 2: branch A uses the key frame, branch B the clip; the output is the mean of their logits."""

    def __init__(
        self,
        base_a: nn.Module,
        spatial_teacher: nn.Module,
        base_b: nn.Module,
        pool_b: nn.Module,
        spatial_students: "SpatialStudents",
        temporal_teacher: "TemporalTeacher",
    ) -> None:
        super().__init__()
        self.base_a = base_a
        self.spatial_teacher = spatial_teacher
        self.base_b = base_b
        self.pool_b = pool_b
        self.spatial_students = spatial_students
        self.temporal_teacher = temporal_teacher

    def forward(self, key_frame: Tensor, clip: Tensor, keep: Tensor | None = None, m: int = -1) -> KSOutput:
        """Figure 2, left to right.

        key_frame (B, H, W, 3) and clip (B, N, H, W, 3): uint8 RGB. keep (B, N, D): scaled dropout mask of the students;
        None: no dropout. m: position of the key frame in the clip; default: the newest.
        """
        o_a = self.spatial_teacher(self.base_a(key_frame))  # (B, U)  branch A: b_theta, then S_a
        p_b, o_s = self.spatial_students(self.features(clip), keep)  # (B, N, D), (B, N, U)  branch B: S_b^1..S_b^N
        o_b, in_order = self.temporal_teacher(self.temporal_teacher.marked(p_b, m))  # (B, U), (B,)  T_b and g_sigma
        return KSOutput(o_a, o_s, p_b, o_b, in_order, output=(o_a + o_b) / 2)  # section 6.1; the mean of logits

    def freeze_backbones(self, frozen: bool) -> None:
        """Frozen: no gradient, no new batch-norm statistics. Call it after train(), which would unfreeze the norms."""
        for base in (self.base_a, self.base_b):
            base.requires_grad_(not frozen)
            base.train(not frozen)

    def features(self, clip: Tensor) -> Tensor:
        """Features of branch B for each frame: (B, N, H, W, 3) uint8 -> (B, N, C)."""
        features = self.pooled_b(clip.flatten(0, 1))  # (B*N, C)
        return features.view(*clip.shape[:2], -1)

    def pooled_b(self, frames: Tensor) -> Tensor:
        """base_b with pooling: (F, H, W, 3) uint8 -> (F, C)."""
        feature: Tensor = self.pool_b(self.base_b(frames))
        return feature

    def encode(self, frames: Tensor) -> Encoded:
        """The expensive part, once per frame: (F, H, W, 3) uint8 RGB -> o_a (F, U), feature (F, C)."""
        return Encoded(self.spatial_teacher(self.base_a(frames)), self.pooled_b(frames))

    def predict(self, o_a: Tensor, window: Tensor, m: int = -1) -> Predicted:
        """The cheap part: o_a (F, U) of the key frame; window (F, N, C) of features, oldest first; m as in forward."""
        p_b, _ = self.spatial_students(window, None)
        o_b, in_order = self.temporal_teacher(self.temporal_teacher.marked(p_b, m))
        return Predicted((o_a + o_b) / 2, o_b, in_order)


class SpatialTeacher(AUTokens):
    """S_a: a token per AU, their correlation, a logit per token (figure 7, left). No class token (section 3.1)."""

    def __init__(self, width: int, n_aus: int, token_width: int, correlation: nn.Module, pool: nn.Module) -> None:
        super().__init__(width, n_aus, token_width, pool)
        self.au_embedding = nn.Parameter(torch.randn(n_aus, token_width) * 0.02)
        self.correlation = correlation
        self.logit_weight = nn.Parameter(torch.randn(n_aus, token_width) * token_width**-0.5)
        self.logit_bias = nn.Parameter(torch.zeros(n_aus))

    def forward(self, feature_map: Tensor) -> Tensor:
        """(B, C, h, w) -> o_a (B, U)."""
        p_s = super().forward(feature_map)  # (B, U*D)
        d_s = p_s.view(-1, *self.au_embedding.shape) + self.au_embedding  # (B, U, D)
        tokens = self.correlation(d_s)  # (B, U, D)
        logits: Tensor = (tokens * self.logit_weight).sum(2) + self.logit_bias
        return logits


class SpatialStudents(nn.Module):
    """S_b^1..S_b^N: a small MLP for each position in the clip, weak by design (section 6.2)."""

    def __init__(self, n_frames: int, width: int, token_width: int, n_aus: int) -> None:
        super().__init__()
        self.hidden = nn.ModuleList(nn.Linear(width, token_width) for _ in range(n_frames))
        self.logits = nn.ModuleList(nn.Linear(token_width, n_aus) for _ in range(n_frames))

    def forward(self, features: Tensor, keep: Tensor | None) -> tuple[Tensor, Tensor]:
        """f (B, N, C) -> p_b (B, N, D), o_s (B, N, U).

        Dropout (keep, (B, N, D)) applies to the students' logits only; T_b, their teacher, gets p_b without it.
        """
        if features.shape[1] != len(self.hidden):
            raise ModelError(f"this model's windows must have {len(self.hidden)} frames; got {features.shape[1]}")
        p_b = torch.stack([layer(f).relu() for layer, f in zip(self.hidden, features.unbind(1), strict=True)], 1)
        return p_b, self.classify(p_b if keep is None else p_b * keep)

    def classify(self, p_b: Tensor) -> Tensor:
        """(B, N, D) -> o_s (B, N, U)."""
        return torch.stack([layer(p) for layer, p in zip(self.logits, p_b.unbind(1), strict=True)], 1)


class TemporalTeacher(nn.Module):
    """T_b: a token per frame, correlation over time, AU logits and the order logit (figures 3 and 7).

    mark_key (ours): adds a learned embedding, initially zero, to the key frame's token before shuffling.
    """

    def __init__(
        self, n_frames: int, token_width: int, n_aus: int, correlation: nn.Module, mark_key: bool = False
    ) -> None:
        super().__init__()
        self.time_embedding = nn.Parameter(torch.randn(n_frames, token_width) * 0.02)
        self.key_mark = nn.Parameter(torch.zeros(token_width)) if mark_key else None
        self.correlation = correlation
        self.classifier = nn.Linear(token_width, n_aus)  # f_sigma
        self.order = nn.Linear(token_width, 1)  # g_sigma

    def marked(self, p_b: Tensor, m: int) -> Tensor:
        """p_b (B, N, D) -> T_b's tokens (B, N, D); with mark_key, the token at m is marked."""
        if self.key_mark is None:
            return p_b
        tokens = list(p_b.unbind(1))
        tokens[m] = tokens[m] + self.key_mark
        return torch.stack(tokens, 1)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """tokens (B, N, D), from `marked` -> o_b (B, U), in_order (B,)."""
        clip = self.correlation(tokens + self.time_embedding).mean(1)  # (B, D)
        return self.classifier(clip), self.order(clip).squeeze(1)


class TokenMLP(nn.Module):
    """Table 3, without SIL: the encoder without attention, so that tokens do not interact.

    Norms and residual paths stay (our choice): without them the network hardly trains.
    """

    def __init__(self, token_width: int, layers: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(token_width),
                nn.Linear(token_width, 4 * token_width),
                nn.GELU(),
                nn.Linear(4 * token_width, token_width),
            )
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(token_width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        for block in self.blocks:
            tokens = tokens + block(tokens)
        out: Tensor = self.norm(tokens)
        return out


def make_correlation(spec: ModelSpec) -> nn.Module:
    """The transformer encoder of figure 7 (pre-norm, as in ViT), or the MLP of table 3."""
    if spec.correlation == "mlp":
        return TokenMLP(spec.token_width, spec.layers)
    layer = nn.TransformerEncoderLayer(
        d_model=spec.token_width,
        nhead=spec.heads,
        dim_feedforward=4 * spec.token_width,
        dropout=0.0,  # teachers have no dropout (section 3.1)
        activation="gelu",
        batch_first=True,
        norm_first=True,
    )
    return nn.TransformerEncoder(layer, spec.layers, nn.LayerNorm(spec.token_width), enable_nested_tensor=False)


def make_model(spec: ModelSpec, init: str = "random") -> KSModel:
    """The network of a spec; init is "random" or "imagenet" (both backbones).

    Raises MissingError if the ImageNet weights cannot be downloaded.
    """
    u, d = len(spec.aus), spec.token_width
    base_a, width = make_backbone(spec.backbone, init)
    base_b, _ = make_backbone(spec.backbone, init)  # weights are not shared (figure 2)
    tokens = spec.frame_pooling == "attention"
    return KSModel(
        base_a=base_a,
        spatial_teacher=SpatialTeacher(
            width, u, d, make_correlation(spec), make_pooling(spec.spatial_pooling, width, u)
        ),
        base_b=base_b,
        pool_b=AUTokens(width, u, d, make_pooling("attention", width, u)) if tokens else FrameMean(),
        spatial_students=SpatialStudents(spec.n_frames, u * d if tokens else width, d, u),
        temporal_teacher=TemporalTeacher(spec.n_frames, d, u, make_correlation(spec), spec.mark_key),
    )
