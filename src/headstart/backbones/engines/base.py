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
"""The first so many pictures of the task, or all where there are fewer, uint8 [sample, height, width, channel]."""


class Engine(ABC):
    """Runs one network over pictures.

    Attributes:
        batch_rows: Pictures a batch that it runs fastest on.
    """

    batch_rows: int

    @abstractmethod
    def run(self, batches: Iterable[Bytes]) -> Iterator[Outputs]:
        """What the network puts out, batch after batch, in order.

        The next batches are asked for while earlier ones are computed.

        Args:
            batches: uint8 [sample, height, width, channel], of at most `batch_rows` pictures of the side it was made for.

        Yields:
            float32 arrays, one for each of the network's outputs.
        """


class Runtime(ABC):
    """A library that runs networks; one final class a file, found by the file's name."""

    @abstractmethod
    def precisions(self) -> tuple[str, ...]:
        """The arithmetic it offers on this machine, fastest first as a rule; none where it is not installed or has no device."""

    @abstractmethod
    def engine(self, program: Program, precision: str, pictures: Pictures, kept: Path) -> Engine:
        """The program made ready.

        Args:
            program: What is run; it is left as it is.
            precision: One of `precisions`.
            pictures: What calibrates, where anything must be.
            kept: A folder for what calibration gave, which goes where the model goes.

        Returns:
            The engine; later changes of the program's weights do not reach it.

        Raises:
            MissingExtraError: A package is not installed.
            PretrainedError: The library cannot run this network.
        """


def filled(batch: Bytes, num_rows: int) -> Bytes:
    """The batch with black pictures behind it, for networks that are made for batches of one size.

    Args:
        batch: uint8 [sample, height, width, channel].
        num_rows: Pictures wanted, at least as many as given.

    Returns:
        uint8 [num_rows, height, width, channel]; the batch itself where it is whole.
    """
    missing = num_rows - len(batch)
    return np.concatenate([batch, np.zeros((missing, *batch.shape[1:]), np.uint8)]) if missing else batch
