"""Ridge statistics: sums over rows from which ridge is solved, so that rows can be added when the old ones are gone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from headstart.core.arrays import read_arrays, write_arrays
from headstart.core.row_sums import Sums, sums_over
from headstart.core.rows import CHUNK_ROWS, Rows, row_slices
from headstart.core.shapes import check_arrays, naming_damage
from headstart.core.types import Floats, Integers
from headstart.heads.class_statistics import one_hot
from headstart.heads.ridge_leave_one_out import RidgeFit, fit_ridge

AXES = {"counts": "class", "sums": "class feature", "gram": "pair", "scalars": "scalar"}


@dataclass(frozen=True)
class RidgeStatistics:
    """Sums over rows that make the ridge solution on +-1 one-vs-rest targets, and the penalty that suited the rows.

    With the mean row m, the centered Gram matrix is X'X - n m m', and the centered moment of class c is 2 (sum of c - n_c m).
    Rows can be added in any order, and classes too: those without rows change nothing.

    Attributes:
        counts: float64 [class]: rows of each class.
        sums: float64 [class, feature]: their sums.
        gram: float64 [feature, feature]: X'X of all rows.
        share: The penalty as a multiple of the mean eigenvalue of the centered Gram matrix.
        temperature: Of the scores at that penalty.

    Reference: Zhuang et al., "ACIL: Analytic Class-Incremental Learning with Absolute Memorization and Privacy Protection",
        NeurIPS 2022 (ridge updates without old rows equal the joint solution).
    Differs: the sums are kept instead of the inverse, so that the intercept stays exact and the penalty may follow the rows.
    """

    counts: Floats = field(repr=False)
    sums: Floats = field(repr=False)
    gram: Floats = field(repr=False)
    share: float = 1.0
    temperature: float = 1.0

    @classmethod
    def of(cls, rows: Rows, labels: Integers, num_classes: int) -> RidgeStatistics:
        """The sums over rows [sample, feature], with penalty and temperature at 1."""
        sums, gram = sums_over(_sums_and_gram, rows, labels, constants=(num_classes,))
        return cls(np.bincount(labels, minlength=num_classes).astype(np.float64), sums, gram)

    @classmethod
    def fitted(cls, rows: Rows, labels: Integers, num_classes: int, groups: Integers) -> RidgeStatistics:
        """The sums over rows [sample, feature], with the penalty and the temperature that leave-one-out chooses.

        Rows of one group, int64 [sample], are left out together.
        """
        return cls.and_fit(rows, labels, num_classes, groups)[0]

    @classmethod
    def and_fit(cls, rows: Rows, labels: Integers, num_classes: int, groups: Integers) -> tuple[RidgeStatistics, RidgeFit]:
        """As `fitted`, with the fit, which has the leave-one-out scores."""
        sums, fit = cls.of(rows, labels, num_classes), fit_ridge(rows, labels, num_classes, groups=groups)
        return replace(sums, share=fit.penalty / sums.mean_eigenvalue, temperature=fit.temperature), fit

    @property
    def mean_eigenvalue(self) -> float:
        """Of the centered Gram matrix, over its rank."""
        num, total = self.counts.sum(), self.sums.sum(axis=0)
        rank = max(1, min(int(num), len(self.gram)))
        return max(float(np.trace(self.gram) - total @ total / num) / rank, 1e-12)

    def joined(self, other: RidgeStatistics) -> RidgeStatistics:
        """The sums over both sets of rows, the other's classes beginning with the classes here; penalty and temperature stay."""
        more = len(other.counts) - len(self.counts)
        return replace(
            self,
            counts=np.pad(self.counts, (0, more)) + other.counts,
            sums=np.pad(self.sums, ((0, more), (0, 0))) + other.sums,
            gram=self.gram + other.gram,
        )

    def without(self, other: RidgeStatistics) -> RidgeStatistics:
        """The sums over the rows that are not among the other's, which has the same classes; penalty and temperature stay."""
        return replace(self, counts=self.counts - other.counts, sums=self.sums - other.sums, gram=self.gram - other.gram)

    def solution(self) -> tuple[Floats, Floats]:
        """Weight float64 [feature, class] and bias float64 [class]."""
        num = self.counts.sum()
        mean = self.sums.sum(axis=0) / num
        centered = self.gram - num * np.outer(mean, mean)
        centered[np.diag_indices_from(centered)] += self.share * self.mean_eigenvalue
        weight = cho_solve(cho_factor(centered), 2 * (self.sums - self.counts[:, None] * mean).T)
        return weight, 2 * self.counts / num - 1 - mean @ weight

    def arrays(self) -> dict[str, Floats]:
        """The arrays that make the sums again, half of the Gram matrix in single precision."""
        half = self.gram[np.triu_indices(len(self.gram))].astype(np.float32)
        scalars = np.array([self.share, self.temperature])
        return {"counts": self.counts, "sums": self.sums, "gram": half, "scalars": scalars}

    @classmethod
    def from_arrays(cls, arrays: dict[str, Floats]) -> RidgeStatistics:
        """The sums that `arrays` of others describe."""
        width = arrays["sums"].shape[1]
        gram = np.zeros((width, width))
        gram[np.triu_indices(width)] = arrays["gram"]
        share, temperature = arrays["scalars"].tolist()
        return cls(arrays["counts"], arrays["sums"], gram + np.triu(gram, 1).T, share, temperature)


def _sums_and_gram(rows: Rows, labels: Integers, num_classes: int) -> Sums:
    """The sum of the rows of each class [class, feature], and X' X [feature, feature], in float64."""
    width = rows.shape[1]
    sums, gram = np.zeros((num_classes, width)), np.zeros((width, width))
    for part in row_slices(len(rows), CHUNK_ROWS):
        chunk = np.asarray(rows[part], np.float64)
        sums += one_hot(labels[part], num_classes).T @ chunk
        gram += chunk.T @ chunk
    return sums, gram


def solution_of(rows: Floats, labels: Integers, num_classes: int, share: float) -> tuple[Floats, Floats]:
    """As the `solution` of the sums over rows [sample, feature] at that share; quicker for fewer rows than features."""
    from sklearn.linear_model import Ridge  # noqa: PLC0415  a prediction needs none

    values = np.asarray(rows, np.float64)
    trace = float(((values - values.mean(axis=0)) ** 2).sum())
    penalty = share * max(trace / max(1, min(values.shape)), 1e-12)
    fit = Ridge(alpha=penalty, solver="cholesky").fit(values, 2.0 * one_hot(labels, num_classes) - 1.0)
    return np.asarray(fit.coef_.T), np.asarray(fit.intercept_)


def save_statistics(path: Path, statistics: Mapping[int, Mapping[str, Floats]]) -> None:
    """Write one file with the `arrays` of the sums of several heads, each at its place; an `ExportError` where that fails."""
    write_arrays(path, {f"{place}.{name}": array for place, arrays in statistics.items() for name, array in arrays.items()})


def load_statistics(path: Path) -> dict[int, dict[str, Floats]]:
    """What `save_statistics` wrote, for `RidgeStatistics.from_arrays`; a `DataError` where the file is damaged.

    A file of an earlier version has those of one head, whose place is 0.
    """
    found: dict[int, dict[str, Floats]] = {}
    with naming_damage(path, "Delete it, and extend with the run's data in place."):
        for key, array in read_arrays(path).items():
            place, _, name = key.rpartition(".")
            found.setdefault(int(place or 0), {})[name] = array
        for arrays in found.values():
            width = check_arrays(arrays, AXES, {"scalar": 2})["feature"]
            check_arrays(arrays, {"gram": "pair"}, {"pair": width * (width + 1) // 2})
    return dict(sorted(found.items()))
