"""Learner: what the loop trains; Classifier: a backbone with a linear head."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from headstart.backbones.backbone import Backbone
from headstart.backbones.boundary import Boundary
from headstart.backbones.folding import Pair, foldable_pairs, folded
from headstart.backbones.stages import probe_images
from headstart.backbones.trace import multiply_adds, trace
from headstart.data.transforms import Transform
from headstart.training.convolutions import FastConvolutions

FEWEST_BF16_MULTIPLY_ADDS = 150_000_000
"""Multiply-adds a picture from which a network is computed in bf16 where the processor has it. A step of EfficientNet-Lite0 in
bf16, whole and behind the middle, takes 0.64 and 0.58 of the time in float32 at 160 pixels (197 million multiply-adds), 0.82 and
1.35 at 128 (126 million), 0.95 and 1.73 at 96 (71 million): one thread, Zen 4, the
least of four; `OMP_NUM_THREADS=1 python -m benchmarks.convolutions --pixels 128`."""


@dataclass(frozen=True)
class Folding:
    """What can be folded in a network that keeps its statistics, and whether bf16 pays.

    Attributes:
        pairs: Convolutions with the batch normalizations behind them.
        half: Whether bf16 pays on a processor that has it.
    """

    pairs: tuple[Pair, ...] = ()
    half: bool = False

    @classmethod
    def of(cls, backbone: Backbone) -> Folding:
        """All of a backbone but stages, whose own output may be looked at, and normalizations inside a module of their own.

        Such a module may use its normalization in its own way while it trains, as `StochasticNorm` does.
        """
        shown = {stage.name for stage in (*backbone.anatomy.stages, backbone.anatomy.last_map) if stage}
        images = probe_images(backbone.transform.pixels, backbone.transform.channels).sigmoid()
        root = trace(backbone.module, backbone.normalized(images))
        pairs = tuple((conv, norm) for conv, norm in foldable_pairs(root) if conv not in shown and _beside(conv, norm))
        return cls(pairs, multiply_adds(root) // len(images) >= FEWEST_BF16_MULTIPLY_ADDS)

    @classmethod
    def of_learned_statistics(cls, backbone: Backbone) -> Folding:
        """Nothing to fold, as statistics change with every batch; bf16 for convolutions without groups and batch normalization.

        A step of such networks takes 0.5 to 0.7 of the time in float32 at sides of 8 to 64 (64 rows, one thread, Zen 4) with the
        same test accuracy within 0.2 points; the gradients of depthwise convolutions in bf16 are slow. `python -m
        benchmarks.from_scratch` prints both.
        """
        modules = list(backbone.module.modules())
        dense = all(module.groups == 1 for module in modules if isinstance(module, nn.Conv2d))
        return cls(half=dense and any(isinstance(module, _BatchNorm) for module in modules))


def _beside(first: str, second: str) -> bool:
    """Whether two modules of those dotted names are parts of the same module."""
    return first.rpartition(".")[0] == second.rpartition(".")[0]


@dataclass(frozen=True)
class RateGroup:
    """Parameters that share a step size.

    Attributes:
        name: What the group is: "head", or the name of a block of the backbone.
        parameters: The parameters.
        scale: Their step size as a multiple of `training.lr`.
        start: What each of them is pulled toward, in place of weight decay; empty where nothing is.
        pull: Share of the way there that a step of size 1 goes.
    """

    name: str
    parameters: tuple[nn.Parameter, ...] = field(repr=False)
    scale: float = 1.0
    start: tuple[Tensor, ...] = field(repr=False, default=())
    pull: float = 0.0


class Learner(nn.Module):
    """What one fit changes. Its parameters and buffers are its whole state: a checkpoint holds nothing else of it.

    Attributes:
        boundary: Where the part ends that this fit leaves as it is, and shows of pictures what the rest is fed; None where the
            learner takes pictures.
    """

    boundary: Boundary | None = None

    @abstractmethod
    def transform(self) -> Transform:
        """How pictures become its input."""

    @abstractmethod
    def rate_groups(self) -> list[RateGroup]:
        """What is trained, each parameter in one group."""

    @contextmanager
    def fast_arithmetic(self, bf16: bool) -> Iterator[None]:
        """Computes inside the block as a processor is fast at in training; only rounding differs.

        `bf16` says that the processor has bf16 arithmetic and may use it where float32 is not needed.
        """
        with FastConvolutions():
            yield


class Classifier(Learner):
    """A backbone with a linear head on its penultimate features.

    Args:
        backbone: Trained in place; give it a copy.
        num_classes: Width of the head.
        frozen_statistics: Whether batch normalization keeps the mean and variance it came with; right for pretrained
            weights with few rows or small batches, wrong from scratch.
        body_scale: Step size of the backbone's last stage as a multiple of the head's.
        stage_decay: Factor on the step size from each stage to the one before it.
        block_decay: Factor on the step size from each block to the one before it.

    Attributes:
        extra: What else a method trains or keeps beside the classifier, such as a teacher; it is part of checkpoints, its
            parameters are trained at the head's step size, and it is not deployed.
    """

    extra: nn.Module | None

    def __init__(
        self,
        backbone: Backbone,
        num_classes: int,
        frozen_statistics: bool = False,
        body_scale: float = 1.0,
        stage_decay: float = 1.0,
        block_decay: float = 1.0,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(backbone.feature_width, num_classes)
        self.frozen_statistics = frozen_statistics
        self.body_scale = body_scale
        self.stage_decay = stage_decay
        self.block_decay = block_decay
        self.extra = None
        self._frozen: list[nn.Parameter] = []
        self._folding: Folding | None = None
        self._fast = self._bf16 = False

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits [batch, class] of pictures as `Backbone.forward` takes them, or of activations where there is a boundary."""
        logits: Tensor = self.head(self.features(inputs))
        return logits

    def features(self, inputs: Tensor) -> Tensor:
        """Penultimate features [batch, feature] of what `forward` takes."""
        if not self._fast or self._folding is None:
            return self._features(inputs)
        with folded(self.backbone.module, self._folding.pairs), torch.autocast("cpu", torch.bfloat16, enabled=self._bf16):
            return self._features(inputs).float()

    def _features(self, inputs: Tensor) -> Tensor:
        found: Tensor = self.boundary.suffix(inputs) if self.boundary else self.backbone(inputs)
        return found

    def freeze_up_to(self, stage: str) -> Boundary:
        """Leave everything up to that stage as it is from now on, and take activations in its place; see `Boundary`."""
        self.boundary = Boundary(self.backbone, stage)
        return self.boundary

    def freeze_all_but(self, weights: Iterable[nn.Parameter]) -> None:
        """Train these weights of the backbone, and the head, alone from now on; gradients pass through the rest."""
        trained = {id(weight) for weight in weights}
        for weight in self.backbone.parameters():
            if weight.requires_grad and id(weight) not in trained:
                weight.requires_grad_(False)
                self._frozen.append(weight)

    def thaw(self) -> None:
        """Train everything, and take pictures, from now on."""
        self.boundary = None
        for weight in self._frozen:
            weight.requires_grad_(True)
        self._frozen.clear()

    def transform(self) -> Transform:
        return self.backbone.transform

    @contextmanager
    def fast_arithmetic(self, bf16: bool) -> Iterator[None]:
        """See `Learner.fast_arithmetic`.

        Batch normalization that keeps its statistics is computed with the convolution before it. Where bf16 may be used and pays,
        the backbone is computed in bf16 as it is on GPUs; head and losses never are.
        """
        if self._folding is None:
            make = Folding.of if self.frozen_statistics else Folding.of_learned_statistics
            self._folding = make(self.backbone)
        self._fast, self._bf16 = True, bf16 and self._folding.half
        try:
            with super().fast_arithmetic(bf16):
                yield
        finally:
            self._fast = False

    def rate_groups(self) -> list[RateGroup]:
        blocks = self.backbone.parameter_blocks()
        ends = set(self.backbone.stage_names)
        stages = [sum(earlier in ends for earlier, _ in blocks[:position]) for position in range(len(blocks))]
        frozen = self.boundary.weights_before() if self.boundary else set()
        body = []
        for position, (name, parameters) in enumerate(blocks):
            trained = tuple(parameter for parameter in parameters if parameter.requires_grad and id(parameter) not in frozen)
            if trained:
                decay = self.stage_decay ** (stages[-1] - stages[position]) * self.block_decay ** (len(blocks) - 1 - position)
                body.append(RateGroup(name, trained, self.body_scale * decay))
        beside = tuple(self.extra.parameters()) if self.extra else ()
        return [*body, RateGroup("head", (*self.head.parameters(), *beside))]

    def train(self, mode: bool = True) -> Self:
        """Switch between training and prediction; frozen statistics stay as they are."""
        super().train(mode)
        if self.frozen_statistics:
            for module in self.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self
