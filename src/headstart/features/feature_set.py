"""FeatureSet: features of one set of images by one backbone, at every depth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from headstart.core.rows import Rows, taken
from headstart.core.types import Floats, Integers

if TYPE_CHECKING:  # a prediction has no use for spectra
    from headstart.core.linear_algebra import RowSpace

Result = TypeVar("Result")


@dataclass(frozen=True)
class FeatureSet:
    """Pooled features of every stage, rows in the order of the images.

    The blocks of a large set are read from the store when a slice or an index of them is read; see `core.rows`.

    Attributes:
        stages: float32 [sample, feature] per stage in depth order; the last is the penultimate layer's output, the input of a
            classifier.
        pixels: float32 [sample, pixel] in [0, 1]: the picture reduced to about a thousand values; None for feature vectors.
        source_logits: float32 [sample, source class] of the backbone's own classifier; None when it has none.
        stage_names: The module each stage ends with.
        stds: float32 [sample, feature] per stage that has places: standard deviations over the places (std pooling). Empty for
            feature vectors.
    """

    stages: tuple[Rows, ...] = field(repr=False)
    pixels: Rows | None = field(repr=False)
    source_logits: Rows | None = field(repr=False)
    stage_names: tuple[str, ...]
    stds: tuple[Rows, ...] = field(repr=False, default=())

    def __len__(self) -> int:
        return len(self.stages[-1])

    @property
    def penultimate(self) -> Rows:
        """The last stage, float32 [sample, feature]."""
        return self.stages[-1]

    def take(self, rows: Integers) -> FeatureSet:
        """The features of those rows."""
        return FeatureSet(
            tuple(taken(stage, rows) for stage in self.stages),
            None if self.pixels is None else taken(self.pixels, rows),
            None if self.source_logits is None else taken(self.source_logits, rows),
            self.stage_names,
            tuple(taken(std, rows) for std in self.stds),
        )


@dataclass(frozen=True)
class LabeledFeatures:
    """One matrix of features with labels: the only input of a transferability score.

    Attributes:
        features: float [sample, feature].
        labels: int64 [sample], in 0..C-1.
        source_probs: float [sample, source class], rows sum to 1; None when the model has no source classifier.
    """

    features: Floats = field(repr=False)
    labels: Integers = field(repr=False)
    source_probs: Floats | None = field(repr=False, default=None)

    @cached_property
    def space(self) -> RowSpace:
        """The row space of the centered features, in float64: computed once for all scores that need it."""
        from headstart.core.linear_algebra import row_space  # noqa: PLC0415

        exact = np.asarray(self.features, np.float64)
        return row_space(exact - exact.mean(axis=0))

    @cached_property
    def _computed(self) -> dict[Callable[[LabeledFeatures], Any], Any]:
        return {}

    def once(self, compute: Callable[[LabeledFeatures], Result]) -> Result:
        """The value of a function of these features, computed once for all callers."""
        if compute not in self._computed:
            self._computed[compute] = compute(self)
        result: Result = self._computed[compute]
        return result

    def take(self, rows: Integers) -> LabeledFeatures:
        """Those rows."""
        return LabeledFeatures(
            self.features[rows], self.labels[rows], None if self.source_probs is None else self.source_probs[rows]
        )
