"""Limits: what a fit will take of the memory, told from shapes before the work begins, and refused where it does not fit."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch.nn.modules.batchnorm import _BatchNorm

from headstart.backbones.activation_memory import (
    available_to_networks,
    bytes_learned_from_picture,
    bytes_of_picture,
    num_features,
    total_to_networks,
)
from headstart.backbones.backbone import Backbone
from headstart.backbones.batch_rows import LITTLE_BYTES, largest_side
from headstart.core.errors import PlanError
from headstart.core.memory import available_bytes
from headstart.data.task import Task
from headstart.features.described import PIXELS
from headstart.heads.ridge_leave_one_out import EXPONENTS, MOST_LOO_ROWS, MOST_LOO_VALUES
from headstart.methods import method_from
from headstart.methods.base import GradientMethod, Method, check_needs
from headstart.planning.candidate import Candidate
from headstart.planning.plan import is_gradient
from headstart.training.pictures import IN_MEMORY_BYTES
from headstart.training.settings import Training

REFUSED_SHARE = 0.6
"""A fit is refused where this share of its predicted memory is more than there is, as what fits must not be refused: half
precision, folded normalizations and weights that are not trained are what a prediction from shapes does not know of
(`python -m benchmarks.memory`)."""
MOST_BYTES_A_PIXEL = 10_000
"""Bytes that are kept of a pixel of the input until its gradients are computed, taken for granted: 1,600 in EfficientNet-Lite0
and 500 in the small network. Only where these do not fit are those of the network itself counted."""
SMALLER_NETWORK = "Choose a smaller network: `headstart models` lists them."
MATRICES = 3
"""That an eigendecomposition has at a time, of double precision: the matrix, its vectors and a workspace."""


class MemoryLimitError(PlanError):
    """A fit does not fit into memory: the message says what to change."""


@dataclass(frozen=True)
class Need:
    """Bytes of memory that a fit takes on top of what the process has.

    Attributes:
        network: Weights, and for what is trained gradients, moments and averages.
        activations: Of the pictures of a step, or of one that features are extracted of.
        pictures: Decoded pictures, or their features.
        matrices: Of rows with rows or of features with features.
    """

    network: int = 0
    activations: int = 0
    pictures: int = 0
    matrices: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.network + self.activations + self.pictures + self.matrices


def need_of(candidate: Candidate, task: Task, num_rows: int, backbone: Backbone) -> Need:
    """What the fit of a candidate, without its partners, to so many labeled rows of a task takes."""
    method = method_from(candidate.method)
    if isinstance(method, GradientMethod):
        return _need_of_training(method, candidate.training, task, num_rows, backbone)
    return _need_of_closed_form(method, task, num_rows, backbone)


def check_memory(candidate: Candidate, task: Task, num_rows: int, backbone: Backbone) -> None:
    """Refuse a fit that will not fit into memory, whose arguments are those of `need_of`.

    A `MemoryLimitError` says what is predicted, what there is and what to change, in one sentence.
    """
    need = need_of(candidate, task, num_rows, backbone)
    if need.total <= LITTLE_BYTES:
        return
    trained = is_gradient(candidate.method)
    available = available_to_networks() if trained else available_bytes()
    if REFUSED_SHARE * need.total > available:
        missing = need.total - available / REFUSED_SHARE
        remedy = (_remedy_of_training if trained else _remedy_of_closed_form)(candidate, need, missing, num_rows, backbone)
        raise MemoryLimitError(
            f"{candidate.own_name} will take about {need.total / 1e9:.1f} GB of memory, and "
            f"{available / 1e9:.1f} GB are available. {remedy}"
        )


def slices_that_fit(candidate: Candidate, task: Task, num_rows: int, backbone: Backbone) -> int:
    """In how many slices the rows of a batch have to pass the network to fit into the memory of the machine, whatever else runs.

    A power of two; the `accumulate` of the training as it is where that fits, where slices would not help, and for networks with
    batch normalization, which cannot do it where they learn its statistics.
    """
    training = candidate.training
    if not is_gradient(candidate.method) or not _passes_in_slices(backbone):
        return training.accumulate
    need = need_of(candidate, task, num_rows, backbone)
    room = total_to_networks() / REFUSED_SHARE - (need.total - need.activations)
    if need.activations <= max(room, 0) or room <= 0:
        return training.accumulate
    slices = training.accumulate * 2 ** math.ceil(math.log2(need.activations / room))
    return slices if slices <= training.batch_size else training.accumulate


def _passes_in_slices(backbone: Backbone) -> bool:
    """Whether a batch may pass the network in slices whatever the method: not where it might learn the statistics of batches."""
    return not any(isinstance(module, _BatchNorm) for module in backbone.module.modules())


def _need_of_training(method: GradientMethod, training: Training, task: Task, num_rows: int, backbone: Backbone) -> Need:
    check_needs(method, task, backbone)
    num_weights = sum(weight.numel() for weight in backbone.parameters())
    pictures = num_rows * backbone.transform.pixels**2 * backbone.transform.channels
    at_once = -(-method.pictures_a_step(task, training) // training.accumulate)
    moments = 2 if training.optimizer == "adamw" else 1
    rest = Need(network=4 * num_weights * (3 + moments + (training.ema > 0)), pictures=min(pictures, IN_MEMORY_BYTES))
    granted = at_once * MOST_BYTES_A_PIXEL * backbone.transform.pixels**2
    if granted <= LITTLE_BYTES or rest.total + granted <= available_to_networks():
        return rest
    stages = method.stages(_at_own_side(backbone))
    trained = _weights_behind(backbone, stages[-1]) if stages else None
    each = bytes_learned_from_picture(backbone, trained)
    return Need(rest.network, at_once * each, rest.pictures)


def _at_own_side(backbone: Backbone) -> Backbone:
    """The network for pictures of its own side where they are larger: where it can be cut is tried on pictures."""
    side = min(backbone.transform.pixels, backbone.card.input_pixels)
    if side == backbone.transform.pixels:
        return backbone
    transform = backbone.transform.model_copy(update={"pixels": side})
    known = (backbone.anatomy, backbone.source_classes, backbone.weights_hash)
    return Backbone(backbone.card, backbone.module, transform, backbone.weights, *known).eval()


def _weights_behind(backbone: Backbone, stage: str) -> frozenset[int]:
    blocks = backbone.anatomy.blocks
    behind = blocks[blocks.index(stage) + 1 :]
    return frozenset(id(weight) for name in behind for weight in backbone.module.get_submodule(name).parameters())


def _need_of_closed_form(method: Method, task: Task, num_rows: int, backbone: Backbone) -> Need:
    num_weights, num_fitted = sum(weight.numel() for weight in backbone.parameters()), num_rows * (1 + method.num_views)
    activations = 0 if task.train.images.embedded else _bytes_of_extraction(backbone)
    rows_bytes = method.row_bytes * (num_fitted + _num_others(method, task))
    if not method.decomposes:
        return Need(4 * num_weights, activations, matrices=rows_bytes)
    side = _smaller_side(method, task, num_fitted, backbone)
    num_scored = min(num_fitted, MOST_LOO_ROWS, max(1, MOST_LOO_VALUES // (len(EXPONENTS) * task.num_classes)))
    matrices = rows_bytes + MATRICES * 8 * side**2 + 4 * len(EXPONENTS) * num_scored * task.num_classes
    return Need(4 * num_weights, activations, matrices=matrices)


def _num_others(method: Method, task: Task) -> int:
    """Rows that a method reads beside the labeled ones: unlabeled rows, and those of a source."""
    unlabeled = task.unlabeled if "unlabeled" in method.needs or method.reads_source() else None
    return sum(len(rows) for rows in (unlabeled, task.source if method.reads_source() else None) if rows)


def _bytes_of_extraction(backbone: Backbone) -> int:
    """Of one picture, as batches get smaller where they do not fit; 0 of pictures that take little."""
    granted = MOST_BYTES_A_PIXEL * backbone.transform.pixels**2
    return 0 if granted <= 4 * LITTLE_BYTES else bytes_of_picture(backbone)


def _smaller_side(method: Method, task: Task, num_rows: int, backbone: Backbone) -> int:
    """The side of the matrix that a closed form decomposes: of its rows, or of its features where they are fewer."""
    if MATRICES * 8 * num_rows**2 <= LITTLE_BYTES:
        return num_rows
    if task.train.images.embedded:
        return min(num_rows, int(task.train.images.vectors().shape[1]))
    widths = {
        "penultimate": backbone.feature_width,
        "pixels": PIXELS**2 * 3,
        "stages": num_features(backbone),
        "stages+pixels": num_features(backbone) + PIXELS**2 * 3,
    }
    return min(num_rows, widths[getattr(method, "blocks", "penultimate")])


def _remedy_of_training(candidate: Candidate, need: Need, missing: float, num_rows: int, backbone: Backbone) -> str:
    """What to change, in one sentence, for so many bytes less."""
    if missing >= need.activations:
        return SMALLER_NETWORK
    training, share = candidate.training, 1 - missing / need.activations
    fitting = int(training.batch_size * share)
    side = largest_side(backbone.transform.pixels, share)
    slices = training.accumulate * math.ceil(1 / share)
    changes = [f"Set training.batch_size to {fitting} or less."] if fitting else []
    if _passes_in_slices(backbone) and slices <= training.batch_size:
        changes.append(f"Setting training.accumulate to {slices} keeps the batch.")
    if side >= backbone.card.smallest_pixels:
        changes.append(f"Setting input_pixels to {side} or less would do as well.")
    return " ".join(changes) or SMALLER_NETWORK


def _remedy_of_closed_form(candidate: Candidate, need: Need, missing: float, num_rows: int, backbone: Backbone) -> str:
    """What to change, in one sentence, for so many bytes less."""
    if missing < need.matrices:
        method, share = method_from(candidate.method), 1 - missing / need.matrices
        rows = int(num_rows * (share**0.5 if method.decomposes else share))
        narrower = ', or method.blocks to "penultimate"' if method.decomposes else ""
        return f"Set max_rows to {max(2, rows)} or less{narrower}."
    if missing < need.activations:
        return f"Set input_pixels to {largest_side(backbone.transform.pixels, 1 - missing / need.activations)} or less."
    return SMALLER_NETWORK
