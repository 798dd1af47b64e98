"""Boundary: a network cut in two behind a stage, so that the activations of a frozen first part are computed once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, final

import torch
from torch import Tensor, nn

from headstart.backbones.backbone import Backbone
from headstart.backbones.hooks import hooked, in_evaluation
from headstart.backbones.programs import Program
from headstart.backbones.stages import probe_images
from headstart.backbones.trace import Layout
from headstart.backbones.whole_batch import on_own_rows
from headstart.core.errors import PlanError

TOLERANCE = 1e-4
"""Largest difference between the cut and the whole network, relative to the largest feature; rounding stays well below."""


@final
class Prefix(Program):
    """Everything up to and including one block of a network.

    It runs no further than the block; under `torch.jit.trace` the whole network runs, and the rest is dead code.

    Args:
        backbone: Whose network; it is shared, not copied.
        block: Dotted name of the block.
    """

    def __init__(self, backbone: Backbone, block: str) -> None:
        super().__init__(backbone)
        self.block = block

    @property
    def key(self) -> str:
        return f"up to {self.block}"

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """The block's output, whose first axis is the batch; see `Program.forward`."""
        found: list[Tensor] = []

        def keep(module: nn.Module, args: Any, result: Tensor) -> None:
            found.append(result.clone())  # what follows may change it in place
            if not torch.jit.is_tracing():  # type: ignore[attr-defined,no-untyped-call]
                raise _ReachedError

        hook = self.backbone.module.get_submodule(self.block).register_forward_hook(keep)
        with hooked([hook]), suppress(_ReachedError):
            self.backbone.module(self.backbone.normalized(images.permute(0, 3, 1, 2)))
        return (found[0],)


class _ReachedError(Exception):
    """Ends a forward pass at the block that was asked for."""


class Boundary:
    """A backbone cut behind one of its stages into a prefix and a suffix.

    The suffix is the network itself, run with every block of the trunk up to the cut replaced: the last one gives the
    activation, those before it an empty output of the right shape. Operations between blocks are kept this way, whatever the
    network. A network in which a long skip connection passes the cut cannot be cut there, which a trial on noise shows.

    Args:
        backbone: What is cut; both parts follow its weights as they change.
        stage: One of `backbone.stage_names`, but not the last.
    """

    def __init__(self, backbone: Backbone, stage: str) -> None:
        places: dict[str, Layout] = {place.name: place.layout for place in backbone.anatomy.stages}
        blocks = backbone.anatomy.blocks
        if stage not in places or stage not in blocks:
            raise PlanError(f"{backbone.card.name} has no stage {stage!r}. It has {', '.join(places) or 'none'}.")
        self.backbone = backbone
        self.stage = stage
        self.layout = places[stage]
        self.prefix = Prefix(backbone, stage)
        self._blocks = blocks[: blocks.index(stage) + 1]
        self._shapes: dict[str, tuple[int, ...]] = {}
        with torch.no_grad(), in_evaluation(backbone):
            fault = self._checked()
        if fault:
            raise PlanError(
                f"{backbone.card.name} cannot be cut behind {stage}: {fault}. Train all of it, or choose another stage."
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the activation of one picture."""
        return self._shapes[self.stage]

    def suffix(self, activation: Tensor) -> Tensor:
        """The penultimate features [batch, feature] of an activation that the prefix gave.

        Gradients reach the weights behind the cut alone; the activation stays as it is.
        """
        return on_own_rows(self._suffix, activation)

    def _suffix(self, activation: Tensor) -> Tensor:
        modules = [self.backbone.module.get_submodule(name) for name in self._blocks]
        before = [vars(module).get("forward") for module in modules]
        for name, module in zip(self._blocks, modules, strict=True):
            replacement = activation.clone() if name == self.stage else _empty(activation, self._shapes[name])
            module.forward = _giving(replacement)
        try:
            features: Tensor = self.backbone.of_input(_empty(activation, self._shapes[""]))
        finally:
            for module, forward in zip(modules, before, strict=True):
                del module.forward
                if forward is not None:
                    module.forward = forward
        return features

    def weights_before(self) -> set[int]:
        """The ids of the weights that the suffix does not read: those up to the cut, and those that belong to no block."""
        behind = self.backbone.anatomy.blocks[len(self._blocks) :]
        read = {id(weight) for name in behind for weight in self.backbone.module.get_submodule(name).parameters()}
        return {id(weight) for weight in self.backbone.module.parameters()} - read

    def _checked(self) -> str:
        """Record the shapes, and return why the network cannot be cut here; empty where both parts together equal the whole."""
        transform = self.backbone.transform
        images = probe_images(transform.pixels, transform.channels).sigmoid()
        outputs, whole = _outputs_of(self.backbone, self._blocks, images)
        for name, calls in outputs.items():
            if len(calls) != 1 or not isinstance(calls[0], Tensor) or calls[0].shape[:1] != images.shape[:1]:
                return f"{name} does not put out one tensor a picture"
        self._shapes = {"": tuple(self.backbone.normalized(images).shape[1:])}
        self._shapes |= {name: tuple(calls[0].shape[1:]) for name, calls in outputs.items()}
        both = self.suffix(*self.prefix(images.permute(0, 2, 3, 1)))
        if not torch.allclose(both, whole, rtol=0, atol=TOLERANCE * float(whole.abs().max())):
            return "something goes around it"
        return ""


def cuts_of(backbone: Backbone, shares: Sequence[float]) -> tuple[str, ...]:
    """The stages behind which a backbone can be cut, nearest to the wanted shares of its multiply-adds, which fall.

    A stage for each share, each earlier than the one before; fewer where there are none left that the network can be cut behind.
    """
    found: list[str] = []
    before = _work_before(backbone)
    left = list(before)
    for share in shares:
        for stage in sorted(left, key=lambda name: abs(before[name] - share)):
            try:
                Boundary(backbone, stage)
            except PlanError:
                left.remove(stage)
                continue
            found.append(stage)
            left = left[: left.index(stage)]
            break
    return tuple(found)


def _work_before(backbone: Backbone) -> dict[str, float]:
    """The share of multiply-adds up to the end of each stage, in depth order; those of convolutions and linear layers count."""
    done = [0.0]
    marks: dict[str, float] = {}

    def count(module: nn.Module, args: Any, result: Any) -> None:
        if isinstance(module, (nn.Conv2d, nn.Linear)) and isinstance(result, Tensor):
            done[0] += result.numel() * module.weight[0].numel()

    def mark(module: nn.Module, args: Any, result: Any) -> None:
        marks.setdefault(names[module], done[0])

    names = {backbone.module.get_submodule(stage.name): stage.name for stage in backbone.anatomy.stages}
    handles = [part.register_forward_hook(count) for part in backbone.module.modules()]
    handles += [part.register_forward_hook(mark) for part in names]
    with hooked(handles), torch.no_grad(), in_evaluation(backbone):
        backbone(probe_images(backbone.transform.pixels, backbone.transform.channels))
    return {name: value / max(done[0], 1.0) for name, value in marks.items()}


def _outputs_of(backbone: Backbone, names: tuple[str, ...], images: Tensor) -> tuple[dict[str, list[Any]], Tensor]:
    """The outputs of those blocks, call by call, and the penultimate features."""
    outputs: dict[str, list[Any]] = {name: [] for name in names}
    handles = [
        backbone.module.get_submodule(name).register_forward_hook(lambda module, args, result, calls=calls: calls.append(result))
        for name, calls in outputs.items()
    ]
    with hooked(handles):
        return outputs, backbone(images)


def _empty(like: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Zeros for each picture that take no memory; writing into them is an error, and the cut is then refused."""
    return like.new_zeros(()).expand(len(like), *shape)


def _giving(result: Tensor) -> Callable[..., Tensor]:
    return lambda *args, **kwargs: result
