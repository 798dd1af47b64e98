"""Stages: the depths of a network that features are taken from, and its classifier, found from one forward pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from headstart.backbones.trace import Call, Layout, trace

FEWEST_STAGES = 5
"""Networks with fewer stages, which ResNets have, are cut into pieces. Chosen, not measured."""
MOST_STAGES = 8
"""Only the last eight stages are kept, which bounds the width of the features. Chosen, not measured."""
MOST_PIECES = 4
"""One long run of blocks, as of a vision transformer, is cut into quarters at most. Chosen, not measured."""
LARGE_SHARE = 0.5
"""A call with more than half of the weights is opened where whole blocks give fewer than two stages."""


@dataclass(frozen=True)
class Stage:
    """One depth of a network.

    Attributes:
        name: Dotted name of the module whose output is taken.
        nth: Which call of that module, where it is called more than once.
        layout: The order of the output's axes.
    """

    name: str
    nth: int
    layout: Layout


@dataclass(frozen=True)
class Anatomy:
    """The parts of a network, found by one forward pass.

    Attributes:
        stages: In depth order, the penultimate output not among them.
        last_map: The last stage with places, which the penultimate output is averaged from; None where there is no such stage.
        classifier: Dotted name of the layer that makes the class scores; None where the network has none.
        classifier_layout: The order of the axes of the classifier's input.
        blocks: Dotted names of the modules along the trunk, in depth order.
        width: Width of the penultimate output.
        num_source_classes: Width of the classifier's output; 0 without classifier.
    """

    stages: tuple[Stage, ...]
    last_map: Stage | None
    classifier: str | None
    classifier_layout: Layout
    blocks: tuple[str, ...]
    width: int
    num_source_classes: int


def probe_images(pixels: int, channels: int = 3) -> Tensor:
    """Three noise images, float32 [3, channel, height, width] of about unit variance, always the same."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(3, channels, pixels, pixels, generator=generator)


def anatomy_of(network: nn.Module, pixels: int) -> Anatomy:
    """The stages, classifier and trunk of any image classifier.

    The trunk is the network's outermost chain of blocks: a call is opened into its children when each child is fed by the
    one before (a plain sequence) and left whole when it sums or joins branches (a residual block). Classes that sum
    anywhere are left whole everywhere. A stage is the trunk's last output at a resolution; at the last resolution, one a
    width. Networks with fewer than five stages, such as vision transformers, have their longest run of equal blocks cut
    into up to four pieces. `pixels` is a side of the input square that the network takes.
    """
    root = trace(network, probe_images(pixels))
    classifier = _classifier(root)
    trunk = _trunk(root, whole=True)
    ends = _ends(trunk, classifier)
    if len(ends) < 2:
        opened = _trunk(root, whole=False)
        if len(_ends(opened, classifier)) > len(ends):
            trunk, ends = opened, _ends(opened, classifier)
    penultimate, layout = _penultimate(root, classifier)
    stages = [call for call in ends if not _same(call, penultimate)]
    last = ends[-1] if ends and ends[-1] not in stages else None
    return Anatomy(
        stages=tuple(_stage(call) for call in stages),
        last_map=_stage(last) if last else None,
        classifier=classifier.name if classifier else None,
        classifier_layout=layout,
        blocks=tuple(dict.fromkeys(call.name for call in trunk if call is not classifier and call.name)),
        width=penultimate.shape[1],
        num_source_classes=classifier.width if classifier else 0,
    )


def _stage(call: Call) -> Stage:
    return Stage(call.name, call.nth, call.layout or "flat")


def _classifier(root: Call) -> Call | None:
    """The last layer with weights, when it is linear and as wide as the network's output."""
    leaves = [call for call in root.walk() if not call.children and any(True for _ in call.module.parameters(recurse=False))]
    if not leaves or root.width == 0:
        return None
    last = max(leaves, key=lambda call: call.order)
    pointwise = isinstance(last.module, nn.Conv2d) and last.module.kernel_size == (1, 1)
    linear = isinstance(last.module, nn.Linear) or pointwise
    return last if linear and last is not root and last.width == root.width else None


def _penultimate(root: Call, classifier: Call | None) -> tuple[Tensor, Layout]:
    if classifier is None or classifier.inputs is None:
        if root.pooled is None or root.layout is None:
            raise AssertionError("a network puts out one tensor a batch")
        return root.pooled, root.layout
    tensor = classifier.inputs[0]
    layout: Layout = "flat"
    if tensor.ndim == 4:
        layout = "channels first" if isinstance(classifier.module, nn.Conv2d) else "channels last"
    elif tensor.ndim == 3:
        layout = "tokens"
    axes = {"channels first": (2, 3), "channels last": (1, 2), "tokens": (1,)}.get(layout)
    return (tensor.float() if axes is None else tensor.float().mean(dim=axes)), layout


def _trunk(root: Call, whole: bool) -> list[Call]:
    """The outermost chain of blocks. With `whole` false, calls that hold most of the weights are opened in any case."""
    summing = {type(call.module) for call in root.walk() if call.children and call is not root and not call.is_sequence}
    total = max(root.num_parameters, 1)

    def opened(call: Call) -> list[Call]:
        sequence = call.is_sequence and type(call.module) not in summing and _is_list(call.module)
        large = not whole and call.num_parameters > LARGE_SHARE * total
        if call is not root and (not call.children or not (sequence or large)):
            return [call]
        return [part for child in call.children for part in opened(child)]

    return opened(root)


def _is_list(module: nn.Module) -> bool:
    """Whether a module is a list of blocks, or holds one, and has no weights of its own.

    A convolution, its norm and its activation kept together are one block, not a list.
    """
    if next(module.parameters(recurse=False), None) is not None:
        return False
    if type(module) is nn.Sequential:
        return True
    lists = [part for part in (module, *module.children()) if isinstance(part, (nn.Sequential, nn.ModuleList))]
    return any(next(block.children(), None) is not None for part in lists for block in part.children())


def _alike(first: Call, second: Call) -> bool:
    """Whether two outputs have the same resolution; sequences may differ by a few class tokens."""
    if first.resolution == second.resolution:
        return True
    if "tokens" not in (first.layout, second.layout):
        return False
    low, high = sorted((first.resolution, second.resolution))
    return high - low <= 8 and low > 0.6 * high


def _ends(trunk: list[Call], classifier: Call | None) -> list[Call]:
    """The trunk's stage ends: the last output a resolution, and at the last resolution the last a width."""
    limit = classifier.order if classifier else float("inf")
    outputs = [call for call in trunk if call.layout not in (None, "flat") and call.resolution > 1 and call.order < limit]
    runs = _last_visits(_runs(outputs, _alike))
    if not runs:
        return []
    late = _runs(runs.pop(), lambda first, second: first.width == second.width)
    return _cut([*runs, *late])[-MOST_STAGES:]


def _runs(calls: list[Call], alike: Callable[[Call, Call], bool]) -> list[list[Call]]:
    runs: list[list[Call]] = []
    for call in calls:
        if runs and alike(runs[-1][-1], call):
            runs[-1].append(call)
        else:
            runs.append([call])
    return runs


def _last_visits(runs: list[list[Call]]) -> list[list[Call]]:
    """The last run of each resolution: networks with parallel branches come back to resolutions they had left."""
    last = {run[-1].resolution: run for run in runs}
    return [run for run in runs if last[run[-1].resolution] is run]


def _cut(runs: list[list[Call]]) -> list[Call]:
    """The last call of each run, with the longest run cut where there are too few."""
    longest = max(range(len(runs)), key=lambda index: sum(1 for call in runs[index] if call.children))
    ends: list[Call] = []
    for index, run in enumerate(runs):
        blocks = [call for call in run if call.children]
        wanted = min(MOST_PIECES, FEWEST_STAGES + 1 - len(runs), len(blocks))
        if index == longest and wanted > 1:
            ends.extend(blocks[len(blocks) * piece // wanted - 1] for piece in range(1, wanted))
        ends.append(run[-1])
    return ends


def _same(call: Call, penultimate: Tensor) -> bool:
    """Whether a stage adds nothing to the penultimate output: an equal one, or a map of the same width before its norm."""
    if call.pooled is None or call.pooled.shape != penultimate.shape:
        return False
    return call.layout != "tokens" or torch.allclose(call.pooled, penultimate, rtol=1e-3, atol=1e-4)
