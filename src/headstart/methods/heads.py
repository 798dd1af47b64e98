"""Heads: what turns features into one score a class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np
from scipy.special import log_softmax, logsumexp

from headstart.core.errors import DataError
from headstart.core.rows import Rows, linear_scores, row_slices, unit_rows
from headstart.core.shapes import check_arrays, check_positive, check_range
from headstart.core.types import Floats, Integers
from headstart.features.feature_set import FeatureSet
from headstart.features.representation import (
    Blocks,
    Representation,
    blocks_named,
    graph_of_rows,
    representation_arrays,
    representation_from,
    representation_or_none,
)
from headstart.methods.graph_head import GraphHead
from headstart.methods.kernel_head import MOST_COSINES, KernelHead
from headstart.shift.projection import Projection

if TYPE_CHECKING:  # what fits heads, or is part of few, takes as long to import as a prediction
    from torch import nn

    from headstart.heads.kernel_map import KernelMap
    from headstart.heads.ridge_leave_one_out import RidgeFit


class Head(Protocol):
    """Scores a FeatureSet and can be written as named arrays plus plain settings."""

    def scores(self, features: FeatureSet) -> Floats:
        """One score a class, float64 [sample, class]; softmax of scores over temperature gives probabilities."""
        ...

    def graph(self) -> nn.Module:
        """`scores` as part of a graph: a module from `GraphFeatures` to tensors."""
        ...

    def arrays(self) -> dict[str, Floats]:
        """The arrays that make the head again."""
        ...

    def settings(self) -> dict[str, Any]:
        """What else makes it again, as plain JSON values; `kind` names the class."""
        ...


@runtime_checkable
class SolvedHead(Head, Protocol):
    """A head that is linear in its inputs, so that ridge can be solved for it again."""

    @property
    def representation(self) -> Representation | None:
        """What the head sees; None for the features of a network that was trained with it."""
        ...

    @property
    def keeps_inputs(self) -> bool:
        """Whether its inputs stay what they are when it is solved for other rows, so that sums over inputs can be kept."""
        ...

    @property
    def solver(self) -> str:
        """The kind of method that a solution is one of, whatever had fitted the head before."""
        ...

    def for_rows(self, features: FeatureSet, seed: int) -> Self:
        """The head whose inputs suit those training rows; the same one where inputs stay what they are."""
        ...

    def inputs(self, features: FeatureSet) -> Rows:
        """What the weights of a solution are multiplied with, float [sample, input]."""
        ...

    def solved(self, weight: Floats, bias: Floats) -> Self:
        """The same head with another solution, [input, class] and [class]."""
        ...


@dataclass(frozen=True)
class LinearHead:
    """scores = matrix(features) @ weight + bias.

    Attributes:
        representation: What the head sees; None for the raw penultimate features, as a network's own classifier does.
        weight: [feature, class].
        bias: [class].
    """

    representation: Representation | None
    weight: Floats = field(repr=False)
    bias: Floats = field(repr=False)

    keeps_inputs: ClassVar[bool] = True
    solver: ClassVar[str] = "ridge"
    axes: ClassVar[dict[str, str]] = {"weight": "feature class", "bias": "class"}

    def for_rows(self, features: FeatureSet, seed: int) -> Self:
        """See `SolvedHead`."""
        return self

    def inputs(self, features: FeatureSet) -> Rows:
        """See `SolvedHead`."""
        return features.penultimate if self.representation is None else self.representation.rows(features)

    def solved(self, weight: Floats, bias: Floats) -> Self:
        """See `SolvedHead`."""
        return replace(self, weight=np.asarray(weight, np.float32), bias=bias)

    def scores(self, features: FeatureSet) -> Floats:
        return linear_scores(self.inputs(features), self.weight, self.bias)

    def graph(self) -> nn.Module:
        from headstart.features.graph_features import LinearGraph  # noqa: PLC0415

        return LinearGraph(graph_of_rows(self.representation), self.weight, self.bias)

    def arrays(self) -> dict[str, Floats]:
        return {"weight": self.weight, "bias": self.bias, **representation_arrays(self.representation)}

    def settings(self) -> dict[str, Any]:
        return {"kind": "linear", "blocks": blocks_named(self.representation)}

    @classmethod
    def made_of(cls, arrays: dict[str, Floats], settings: dict[str, Any], sizes: Mapping[str, int]) -> Self:
        """See `head_from`."""
        return cls(representation_or_none(arrays, settings["blocks"]), arrays["weight"], arrays["bias"])


@dataclass(frozen=True)
class NeighborHead:
    """scores = log of the smoothed share of each class among the k nearest training rows by cosine.

    Attributes:
        representation: What the head sees.
        rows: Unit-length training rows, float32 [sample, feature].
        labels: int64 [sample].
        num_neighbors: k.
        num_classes: C.
    """

    representation: Representation
    rows: Floats = field(repr=False)
    labels: Floats = field(repr=False)
    num_neighbors: int
    num_classes: int

    axes: ClassVar[dict[str, str]] = {"rows": "row feature", "labels": "row"}

    def scores(self, features: FeatureSet) -> Floats:
        rows = self.representation.rows(features)
        out = np.empty((len(rows), self.num_classes))
        for part in row_slices(len(rows), max(1, MOST_COSINES // len(self.rows))):
            out[part] = self.class_scores(unit_rows(rows[part]) @ self.rows.T, self.num_neighbors)
        return out

    def class_scores(self, cosines: Floats, num_neighbors: int) -> Floats:
        """Log of the smoothed share of each class [sample, class] among the nearest by cosines [sample, training sample]."""
        near = np.argpartition(-cosines, num_neighbors - 1, axis=1)[:, :num_neighbors]
        places = np.arange(len(near))[:, None] * self.num_classes + self.labels.astype(np.int64)[near]
        counts = np.bincount(places.ravel(), minlength=len(near) * self.num_classes).reshape(len(near), self.num_classes)
        return np.asarray(np.log((counts + 1.0 / self.num_classes) / (num_neighbors + 1.0)))

    def graph(self) -> nn.Module:
        from headstart.methods.head_graphs import NeighborsGraph  # noqa: PLC0415

        return NeighborsGraph(self.representation.graph(), self.rows, self.labels, self.num_neighbors, self.num_classes)

    def arrays(self) -> dict[str, Floats]:
        return {"rows": self.rows, "labels": self.labels, **representation_arrays(self.representation)}

    def settings(self) -> dict[str, Any]:
        counts = {"num_neighbors": self.num_neighbors, "num_classes": self.num_classes}
        return {"kind": "neighbors", "blocks": self.representation.blocks, **counts}

    @classmethod
    def made_of(cls, arrays: dict[str, Floats], settings: dict[str, Any], sizes: Mapping[str, int]) -> Self:
        """See `head_from`."""
        representation = representation_from(arrays, settings["blocks"])
        num_neighbors, num_classes = int(settings["num_neighbors"]), int(settings["num_classes"])
        check_range("labels", arrays["labels"], 0, num_classes - 1)
        check_range("num_neighbors", num_neighbors, 1, sizes["row"])
        check_range("num_classes", num_classes, *[sizes.get("class", num_classes)] * 2)
        return cls(representation, arrays["rows"], arrays["labels"], num_neighbors, num_classes)


@dataclass(frozen=True)
class ProjectedHead:
    """scores = projected rows, mapped by each kernel map in turn, @ weight + bias.

    Attributes:
        projection: Features to rows.
        kernel_maps: What makes boundaries nonlinear; none where they are linear.
        weight: [direction, class].
        bias: [class].
    """

    projection: Projection
    kernel_maps: tuple[KernelMap, ...]
    weight: Floats = field(repr=False)
    bias: Floats = field(repr=False)

    axes: ClassVar[dict[str, str]] = {"axes": "feature axis", "offset": "axis", "bias": "class"}

    def scores(self, features: FeatureSet) -> Floats:
        rows = self.projection.rows(features)
        for kernel_map in self.kernel_maps:
            rows = kernel_map.rows(rows)
        return np.asarray(rows @ self.weight + self.bias)

    def graph(self) -> nn.Module:
        from headstart.features.graph_features import LinearGraph  # noqa: PLC0415
        from headstart.methods.head_graphs import SimilarityGraph  # noqa: PLC0415

        if not self.kernel_maps:
            return LinearGraph(self.projection.graph(), self.weight, self.bias)
        *first, last = self.kernel_maps
        rows = self.projection.graph()
        for one in first:
            rows = SimilarityGraph(rows, one.landmarks, one.gamma, one.normalization)
        return SimilarityGraph(rows, last.landmarks, last.gamma, last.normalization @ self.weight, self.bias)

    def arrays(self) -> dict[str, Floats]:
        arrays = {"axes": self.projection.axes, "offset": self.projection.offset, "weight": self.weight, "bias": self.bias}
        for place, kernel_map in enumerate(self.kernel_maps):
            arrays |= {f"landmarks.{place}": kernel_map.landmarks, f"turn.{place}": kernel_map.normalization}
        return arrays | representation_arrays(self.projection.representation)

    def settings(self) -> dict[str, Any]:
        gammas = [kernel_map.gamma for kernel_map in self.kernel_maps]
        return {"kind": "chart", "blocks": blocks_named(self.projection.representation), "gammas": gammas}

    @classmethod
    def made_of(cls, arrays: dict[str, Floats], settings: dict[str, Any], sizes: Mapping[str, int]) -> Self:
        """See `head_from`."""
        from headstart.heads.kernel_map import KernelMap  # noqa: PLC0415

        projection = Projection(representation_or_none(arrays, settings["blocks"]), arrays["axes"], arrays["offset"])
        check_positive("gammas", settings["gammas"])
        gammas = list(enumerate(settings["gammas"]))
        check_arrays(arrays, cls._axes_of_maps(len(gammas)), sizes)
        maps = tuple(KernelMap(arrays[f"landmarks.{place}"], gamma, arrays[f"turn.{place}"]) for place, gamma in gammas)
        return cls(projection, maps, arrays["weight"], arrays["bias"])

    @staticmethod
    def _axes_of_maps(num_maps: int) -> dict[str, str]:
        """The axes of so many kernel maps, each of which takes what the one before it gives, and of the weight behind them."""
        given = ["axis", *(f"direction.{place}" for place in range(num_maps))]
        landmarks = {f"landmarks.{place}": f"landmark.{place} {given[place]}" for place in range(num_maps)}
        turns = {f"turn.{place}": f"landmark.{place} {given[place + 1]}" for place in range(num_maps)}
        return landmarks | turns | {"weight": f"{given[-1]} class"}


@dataclass(frozen=True)
class MeanHead:
    """scores = log of the mean of several heads' probabilities.

    Attributes:
        heads: What is averaged.
        temperatures: Each one's own.
    """

    heads: tuple[Head, ...]
    temperatures: tuple[float, ...]

    axes: ClassVar[dict[str, str]] = {}

    def scores(self, features: FeatureSet) -> Floats:
        return mean_scores([head.scores(features) for head in self.heads], self.temperatures)

    def graph(self) -> nn.Module:
        from headstart.methods.head_graphs import MeanGraph  # noqa: PLC0415

        return MeanGraph([head.graph() for head in self.heads], self.temperatures)

    def arrays(self) -> dict[str, Floats]:
        return {f"{place}.{name}": array for place, head in enumerate(self.heads) for name, array in head.arrays().items()}

    def settings(self) -> dict[str, Any]:
        return {"kind": "mean", "heads": [head.settings() for head in self.heads], "temperatures": list(self.temperatures)}

    @classmethod
    def made_of(cls, arrays: dict[str, Floats], settings: dict[str, Any], sizes: Mapping[str, int]) -> Self:
        """See `head_from`."""
        heads = []
        for place, card in enumerate(settings["heads"]):
            own = {name.removeprefix(f"{place}."): array for name, array in arrays.items() if name.startswith(f"{place}.")}
            heads.append(head_from(own, card, sizes))
        temperatures = np.array(settings["temperatures"], np.float64)
        check_arrays({"temperatures": temperatures}, {"temperatures": "head"}, {"head": len(heads)})
        check_positive("temperatures", temperatures)
        return cls(tuple(heads), tuple(temperatures.tolist()))


def mean_scores(scores: Sequence[Floats], temperatures: Sequence[float]) -> Floats:
    """The logarithm of the mean of the probabilities that scores, float [sample, class] each, stand for at their temperatures."""
    logs = [log_softmax(part / temperature, axis=1) for part, temperature in zip(scores, temperatures, strict=True)]
    return np.asarray(logsumexp(logs, axis=0) - np.log(len(logs)))


def ridge_head(
    features: FeatureSet, labels: Integers, num_classes: int, blocks: Blocks = "stages+pixels", groups: Integers | None = None
) -> tuple[LinearHead, float]:
    """The ridge solution on the features of training rows, and the temperature of its leave-one-out scores.

    Classes without rows get the lowest score. Rows of one group, int64 [sample], are left out together; None leaves out each
    alone.
    """
    head, fit = fitted_ridge(features, labels, num_classes, blocks, groups)
    return head, fit.temperature


def fitted_ridge(
    features: FeatureSet, labels: Integers, num_classes: int, blocks: Blocks = "stages+pixels", groups: Integers | None = None
) -> tuple[LinearHead, RidgeFit]:
    """As `ridge_head`, with the whole fit, which has the leave-one-out scores."""
    from headstart.heads.ridge_leave_one_out import fit_ridge  # noqa: PLC0415

    representation = Representation.fitted(features, blocks)
    fit = fit_ridge(representation.rows(features), labels, num_classes, groups=groups)
    return LinearHead(representation, np.asarray(fit.weight, np.float32), fit.bias), fit


def head_from(arrays: dict[str, Floats], settings: dict[str, Any], sizes: Mapping[str, int] | None = None) -> Head:
    """The head that `arrays` and `settings` of another one describe.

    Args:
        arrays: As `Head.arrays` gives them.
        settings: As `Head.settings` gives them.
        sizes: Of the axes "class" and "feature", as far as they are known.

    Returns:
        The head.

    Raises:
        DataError: The kind of head, or what it sees, is unknown.
        ValueError: Arrays or settings do not fit each other or the sizes, or are not finite; a `KeyError` where one is missing.
    """
    kind = _KINDS.get(settings["kind"])
    if kind is None:
        raise DataError(f"model.json: head.kind = {settings['kind']!r} is unknown. Fit the run again with this version.")
    known = dict(sizes or {})
    if settings.get("blocks") is not None:
        known["feature"] = sum(map(len, representation_from(arrays, settings["blocks"]).means))
    return kind.made_of(arrays, settings, check_arrays(arrays, kind.axes, known))


# The names on disk are those of the first version.
_KINDS: dict[str, type[LinearHead | NeighborHead | GraphHead | ProjectedHead | KernelHead | MeanHead]] = {
    "linear": LinearHead,
    "neighbors": NeighborHead,
    "graph": GraphHead,
    "chart": ProjectedHead,
    "kernel": KernelHead,
    "mean": MeanHead,
}
