"""Engine: one network made ready for many pictures; Runtime: what makes engines, one file each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from headstart.backbones.programs import Program
from headstart.core.types import Bytes, Floats

Outputs = tuple[Floats, ...]
Pictures = Callable[[int], Bytes]
"""Gives the first so many pictures of the task, or all where there are fewer: uint8 [sample, height, width, channel]."""


class Engine(ABC):
    """Runs one network over pictures.

    Attributes:
        batch_rows: Pictures a batch that it runs fastest on.
    """

    batch_rows: int

    @abstractmethod
    def run(self, batches: Iterable[Bytes]) -> Iterator[Outputs]:
        """The float32 outputs of each batch, in order; the next batches are asked for while earlier ones are computed.

        A batch is uint8 [sample, height, width, channel], of at most `batch_rows` pictures of the side the engine was made for.
        """


class Runtime(ABC):
    """A library that runs networks; one final class a file, found by the file's name."""

    @abstractmethod
    def precisions(self) -> tuple[str, ...]:
        """The arithmetic it offers on this machine, fastest first as a rule; none where it is not installed or has no device."""

    @abstractmethod
    def engine(self, program: Program, precision: str, pictures: Pictures, folder: Path) -> Engine:
        """The program, which stays as it is, made ready; later changes of its weights do not reach the engine.

        Pictures are for calibration, whose result is kept in the folder; a saved model takes a copy along. Raises
        `MissingExtraError` where a package is not installed, `PretrainedError` where the library cannot run this network.
        """


def padded(batch: Bytes, num_rows: int) -> Bytes:
    """The batch with black pictures behind it up to `num_rows`, for networks that are compiled for one batch size."""
    missing = num_rows - len(batch)
    return np.concatenate([batch, np.zeros((missing, *batch.shape[1:]), np.uint8)]) if missing else batch
