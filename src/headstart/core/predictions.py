"""Predictions: one row per image; the only input of every metric."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import softmax

from headstart.core.errors import DamagedError, first_line
from headstart.core.parsing import json_from
from headstart.core.sealed_tables import read_sealed, write_sealed
from headstart.core.shapes import check_arrays, check_range
from headstart.core.types import Floats, Integers

COLUMNS = ["name", "label", "group", "probs", "raw_probs"]
OPTIONAL_COLUMNS = ("p_value", "domain", "given_group")
NUMBERS = {"label": np.int64, "group": np.int64, "probs": np.float64, "raw_probs": np.float64, "p_value": np.float64}
BY_CLASS = ("probs", "raw_probs")
OLD_COLUMNS = {"familiarity": "p_value"}
"""Columns that earlier versions wrote under another name."""


@dataclass(frozen=True)
class Predictions:
    """Predicted probabilities of images, next to their labels; the only input of metrics.

    Attributes:
        names: What a person calls each image.
        classes: Class names in label order.
        labels: int64 [sample]; -1 where the truth is unknown.
        probs: float64 [sample, class] after temperature; rows sum to 1.
        raw_probs: The same before temperature.
        groups: int64 [sample]: rows of one group are not independent and are resampled together.
        p_values: float64 [sample], in (0, 1]: conformal p-values that the image is like those learned from; None without a
            novelty detector. No metric reads them.
        domains: The name of each row's domain, empty where none was given; none where no row has one.
        given_groups: The name of the group that was given for each row; likewise.
    """

    names: tuple[str, ...] = field(repr=False)
    classes: tuple[str, ...]
    labels: Integers = field(repr=False)
    probs: Floats = field(repr=False)
    raw_probs: Floats = field(repr=False)
    groups: Integers = field(repr=False)
    p_values: Floats | None = field(repr=False, default=None)
    domains: tuple[str, ...] = field(repr=False, default=())
    given_groups: tuple[str, ...] = field(repr=False, default=())

    def __len__(self) -> int:
        return len(self.names)

    @property
    def predicted(self) -> Integers:
        """The most probable class of each row, int64 [sample]."""
        return np.asarray(self.probs.argmax(axis=1), np.int64)

    @property
    def correct(self) -> Floats:
        """1.0 where the prediction is right, 0.0 elsewhere, float64 [sample]."""
        return np.asarray(self.predicted == self.labels, np.float64)

    @property
    def log_losses(self) -> Floats:
        """-log of the true class's probability, float64 [sample]; probabilities are floored at 1e-12."""
        picked = self.probs[np.arange(len(self)), self.labels]
        return np.asarray(-np.log(np.maximum(picked, 1e-12)))

    def take(self, rows: Integers) -> Predictions:
        """Those rows."""
        index = np.asarray(rows)
        index = np.flatnonzero(index) if index.dtype == bool else index
        return replace(
            self,
            names=tuple(self.names[row] for row in index),
            labels=self.labels[index],
            probs=self.probs[index],
            raw_probs=self.raw_probs[index],
            groups=self.groups[index],
            p_values=None if self.p_values is None else self.p_values[index],
            domains=tuple(self.domains[row] for row in index) if self.domains else (),
            given_groups=tuple(self.given_groups[row] for row in index) if self.given_groups else (),
        )

    def write(self, path: Path) -> None:
        """Write one Parquet file, atomically."""
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.parquet as pq  # noqa: PLC0415

        table = pa.table(
            {
                "name": list(self.names),
                "label": self.labels,
                "group": self.groups,
                "probs": pa.array(list(self.probs)),
                "raw_probs": pa.array(list(self.raw_probs)),
                **({} if self.p_values is None else {"p_value": self.p_values}),
                **({"domain": list(self.domains)} if self.domains else {}),
                **({"given_group": list(self.given_groups)} if self.given_groups else {}),
            }
        ).replace_schema_metadata({"classes": json.dumps(self.classes)})
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink)
        write_sealed(path, sink.getvalue().to_pybytes())

    @classmethod
    def read(cls, path: Path) -> Predictions:
        """The predictions that `write` wrote; a DamagedError where the file is absent, damaged or another one."""
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.parquet as pq  # noqa: PLC0415

        try:
            content = read_sealed(path)
        except OSError as error:
            raise DamagedError(f"{path} is not a file of predictions ({error}). Delete it and run again.") from None
        try:
            table = pq.read_table(pa.BufferReader(content))
            classes = tuple(json_from(table.schema.metadata[b"classes"], "classes"))
            names = [OLD_COLUMNS.get(name, name) for name in table.column_names]
            table = table.rename_columns(names).select([*COLUMNS, *(name for name in OPTIONAL_COLUMNS if name in names)])
            shapes = {name: (len(classes),) if name in BY_CLASS else () for name in NUMBERS if name in names}
            arrays = {name: _numbers(table[name], NUMBERS[name], shape) for name, shape in shapes.items()}
            check_arrays(arrays, {}, {})
            check_range("label", arrays["label"], -1, len(classes) - 1)
            texts = {name: tuple(table[name].to_pylist()) for name in ("name", "domain", "given_group") if name in names}
        except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
            reason = first_line(error)
            raise DamagedError(f"{path} is not a file of predictions ({reason}). Delete it and run again.") from None
        return cls(
            texts["name"],
            classes,
            arrays["label"],
            arrays["probs"],
            arrays["raw_probs"],
            arrays["group"],
            arrays.get("p_value"),
            *(texts.get(name, ()) for name in ("domain", "given_group")),
        )


def _numbers(column: Any, dtype: Any, shape: tuple[int, ...]) -> Any:
    """A column as an array [row, *shape], of numbers or of lists of them."""
    values = np.array(column.to_pylist(), dtype) if shape else column.to_numpy().astype(dtype)
    return values.reshape(len(column), *shape)


def joined(several: list[Predictions]) -> Predictions:
    """Predictions of several sets of rows as one, in the order given; p-values are kept where each has them."""
    known = [part.p_values for part in several if part.p_values is not None]
    return replace(
        several[0],
        names=tuple(name for part in several for name in part.names),
        labels=np.concatenate([part.labels for part in several]),
        probs=np.concatenate([part.probs for part in several]),
        raw_probs=np.concatenate([part.raw_probs for part in several]),
        groups=np.concatenate([part.groups for part in several]),
        p_values=np.concatenate(known) if len(known) == len(several) else None,
        domains=_together([part.domains for part in several]),
        given_groups=_together([part.given_groups for part in several]),
    )


def _together(several: list[tuple[str, ...]]) -> tuple[str, ...]:
    """The names of all rows; none where some rows have none."""
    return tuple(name for part in several for name in part) if all(several) else ()


def mean_of(several: Sequence[Predictions], weights: Sequence[float] = ()) -> Predictions:
    """The weighted geometric mean of several models' probabilities for the same rows (a logarithmic opinion pool).

    `raw_probs` weigh all models alike, `probs` by the weights, whose sum sets the confidence of the mean; without weights all
    models count alike, with sum 1.

    Reference: Genest & Zidek, "Combining Probability Distributions", Statistical Science 1986, section 3.2.
    Differs: the weights need not sum to 1.
    """
    logs = np.stack([log_probs(part) for part in several])
    alike = np.full(len(several), 1 / len(several))
    raw, probs = (softmax(np.tensordot(shares, logs, 1), axis=1) for shares in (alike, np.asarray(weights or alike)))
    return replace(several[0], probs=probs, raw_probs=raw)


def log_probs(predictions: Predictions) -> Floats:
    """Logarithms of the calibrated probabilities, none below that of 1e-12, float64 [sample, class]."""
    return np.asarray(np.log(np.maximum(predictions.probs, 1e-12)))
