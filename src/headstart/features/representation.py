"""Representation: which blocks of a FeatureSet a head uses, and how they are normalized."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from headstart.core.errors import DataError, PlanError
from headstart.core.row_sums import column_means
from headstart.core.rows import Index, LazyRows, Rows, excerpt, in_memory, unit_rows
from headstart.core.shapes import check_arrays
from headstart.core.types import Floats
from headstart.features.feature_set import FeatureSet

if TYPE_CHECKING:  # to predict takes no PyTorch
    from torch import nn

Blocks = Literal["penultimate", "stages", "stages+pixels", "pixels"]
BLOCKS: tuple[Blocks, ...] = get_args(Blocks)


def blocks_of(features: FeatureSet, blocks: Blocks) -> list[Rows]:
    """The raw blocks, float [sample, feature] each, that a representation joins.

    "stages" are means and standard deviations of every stage. The standard deviations add 0.2 to 2.1 points of test accuracy to
    the ridge head on digits, solar cells and emoji (EfficientNet-Lite0, 4 to 6 seeds), most on emoji. Rows without pictures have
    no pixel block; "pixels" alone is then a `PlanError`.
    """
    if blocks == "penultimate":
        return [features.penultimate]
    if blocks == "pixels":
        if features.pixels is None:
            raise PlanError('features = "pixels" needs pictures, and these rows are feature vectors. Choose "penultimate".')
        return [features.pixels]
    stages = [*features.stages, *features.stds]
    return [*stages, features.pixels] if blocks == "stages+pixels" and features.pixels is not None else stages


@dataclass(frozen=True)
class JoinedBlocks:
    """Reads the rows of a representation: blocks [sample, feature] minus their means, each scaled to unit length."""

    blocks: tuple[Rows, ...]
    means: tuple[Floats, ...]

    def __call__(self, part: Index) -> Floats:
        pairs = zip(self.blocks, self.means, strict=True)
        return np.concatenate([unit_rows(np.asarray(block[part], np.float32) - mean) for block, mean in pairs], axis=1)

    def only(self, part: Index) -> JoinedBlocks:
        """See `core.rows.CutReader`."""
        return JoinedBlocks(tuple(excerpt(block, part) for block in self.blocks), self.means)


@dataclass(frozen=True)
class Representation:
    """Blocks centered on training rows, each scaled to unit length per row, side by side.

    Reference: the per-block normalization follows Head2Toe (Evci et al., ICML 2022), section 3.
    Differs: blocks are centered first, and none are dropped.

    Attributes:
        blocks: Which blocks.
        means: float32 [feature] per block: the training rows' means.
    """

    blocks: Blocks
    means: tuple[Floats, ...] = field(repr=False)

    @classmethod
    def fitted(cls, features: FeatureSet, blocks: Blocks) -> Representation:
        """The representation with its means taken from those rows."""
        means = tuple(np.asarray(column_means(block), np.float32) for block in blocks_of(features, blocks))
        return cls(blocks, means)

    def rows(self, features: FeatureSet) -> Rows:
        """The joined, normalized features, float32 [sample, feature]; those of a large set are computed when they are read.

        Blocks of other widths than those of the means, of another network, are a `DataError`.
        """
        blocks = blocks_of(features, self.blocks)
        widths, known = [block.shape[1] for block in blocks], [len(mean) for mean in self.means]
        if widths != known:
            met, wanted = (" + ".join(map(str, sides)) for sides in (widths, known))
            raise DataError(
                f"The features are {met} wide, and the model was fitted on {wanted}. Give features that the same network made."
            )
        return in_memory(LazyRows((len(features), sum(widths)), JoinedBlocks(tuple(blocks), self.means)))

    def graph(self) -> nn.Module:
        """`rows` as part of a graph: tensors of features to rows."""
        from headstart.features.graph_features import RepresentationGraph  # noqa: PLC0415

        return RepresentationGraph(partial(blocks_of, blocks=self.blocks), self.means)

    def matrix(self, features: FeatureSet) -> Floats:
        """All of `rows` in memory, whatever their number."""
        return np.asarray(self.rows(features))


def graph_of_rows(representation: Representation | None) -> nn.Module:
    """What a head sees as part of a graph: the rows of a representation, or the penultimate features for None."""
    from headstart.features.graph_features import PenultimateGraph  # noqa: PLC0415

    return PenultimateGraph() if representation is None else representation.graph()


def representation_arrays(representation: Representation | None) -> dict[str, Floats]:
    """The named arrays that, with its blocks, make a representation again; none for None."""
    return {f"mean.{index}": mean for index, mean in enumerate(representation.means if representation else ())}


def blocks_named(representation: Representation | None) -> Blocks | None:
    """The blocks of a representation; None for None."""
    return representation.blocks if representation else None


def representation_from(arrays: dict[str, Floats], blocks: str) -> Representation:
    """The representation whose `representation_arrays` are among the arrays; a DataError where the blocks are unknown.

    A `ValueError` says that the arrays are none of means.
    """
    if blocks not in BLOCKS:
        raise DataError(f"model.json: blocks = {blocks!r} is not one of {', '.join(BLOCKS)}. Fit the run again.")
    means = sorted((key for key in arrays if key.startswith("mean.")), key=lambda key: int(key[5:]))
    check_arrays({key: arrays[key] for key in means}, {key: key for key in means}, {})
    return Representation(blocks, tuple(arrays[key] for key in means))


def representation_or_none(arrays: dict[str, Floats], blocks: str | None) -> Representation | None:
    """As `representation_from`; None where there are no blocks."""
    return None if blocks is None else representation_from(arrays, blocks)
