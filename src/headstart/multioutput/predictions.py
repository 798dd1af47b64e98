"""OutputPredictions: what a model says about images next to their targets; the only input of metrics of outputs."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from headstart.core.errors import DataError
from headstart.core.parsing import json_from
from headstart.core.sealed_tables import read_sealed, write_sealed
from headstart.core.types import Booleans, Floats, Integers


@dataclass(frozen=True)
class OutputPredictions:
    """Predicted values of images next to their targets.

    Attributes:
        names: What a person calls each image.
        outputs: Names of the outputs.
        targets: float64 [sample, output].
        values: float64 [sample, output]: probabilities, or numbers.
        groups: int64 [sample]; rows of one group are resampled together.
        thresholds: float64 [sample, output]: from which value on an output is said to be there; nan for numbers.
        low: float64 [sample, output]: lower end of the prediction interval of numbers; None for labels.
        high: As `low`, the upper end.
    """

    names: tuple[str, ...] = field(repr=False)
    outputs: tuple[str, ...]
    targets: Floats = field(repr=False)
    values: Floats = field(repr=False)
    groups: Integers = field(repr=False)
    thresholds: Floats = field(repr=False)
    low: Floats | None = field(repr=False, default=None)
    high: Floats | None = field(repr=False, default=None)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def said(self) -> Booleans:
        """Which labels are said to be there, bool [sample, output]."""
        return np.asarray(self.values >= self.thresholds)

    def take(self, rows: Integers) -> OutputPredictions:
        """Those rows."""
        arrays = ("targets", "values", "groups", "thresholds", "low", "high")
        taken: dict[str, Any] = {name: None if (one := getattr(self, name)) is None else one[rows] for name in arrays}
        return replace(self, names=tuple(self.names[row] for row in rows), **taken)

    def write(self, path: Path) -> None:
        """Write one Parquet file, atomically."""
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.parquet as pq  # noqa: PLC0415

        arrays = {"targets": self.targets, "values": self.values, "thresholds": self.thresholds}
        arrays |= {name: array for name, array in (("low", self.low), ("high", self.high)) if array is not None}
        columns = {
            "name": list(self.names),
            "group": self.groups,
            **{name: pa.array(list(rows)) for name, rows in arrays.items()},
        }
        sink = pa.BufferOutputStream()
        table = pa.table(columns).replace_schema_metadata({"outputs": json.dumps(self.outputs)})
        pq.write_table(table, sink)
        write_sealed(path, sink.getvalue().to_pybytes())

    @classmethod
    def read(cls, path: Path) -> OutputPredictions:
        """The predictions that `write` wrote; a `DataError` where the file is absent or another one."""
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.parquet as pq  # noqa: PLC0415

        try:
            table = pq.read_table(pa.BufferReader(read_sealed(path)))
            outputs = tuple(json_from(table.schema.metadata[b"outputs"], "outputs"))
            arrays = {
                name: np.array(table[name].to_pylist(), np.float64).reshape(-1, len(outputs))
                for name in ("targets", "values", "thresholds", "low", "high")
                if name in table.column_names
            }
            groups = table["group"].to_numpy().astype(np.int64)
            return cls(tuple(table["name"].to_pylist()), outputs, groups=groups, **arrays)
        except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
            raise DataError(f"{path} is not a file of predicted outputs ({error}). Delete it and run again.") from None

    def with_intervals(self, low: Floats, high: Floats) -> OutputPredictions:
        """The same rows with prediction intervals, whose ends are [sample, output] both."""
        return replace(self, low=low, high=high)

    def with_constant(self, constant: Floats, thresholds: Floats) -> OutputPredictions:
        """The same rows, of each of which the same is said, with the same thresholds, [output] both; without intervals."""
        values, said_from = (np.tile(one, (len(self), 1)) for one in (constant, thresholds))
        return replace(self, values=values, thresholds=said_from, low=None, high=None)
