"""Engine: one network made ready for many pictures; Runtime: what makes engines, one file each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple, TypeVar

import numpy as np

from headstart.core.folders import cache_folder
from headstart.core.records import fingerprint_of
from headstart.core.types import Bytes, Floats

if TYPE_CHECKING:  # an engine that was kept is used without PyTorch
    from headstart.backbones.pretrained import Pretrained
    from headstart.backbones.programs import Program
    from headstart.data.transforms import Transform

T = TypeVar("T")
B = TypeVar("B")
R = TypeVar("R")

Outputs = tuple[Floats, ...]
Pictures = Callable[[int], Bytes]
"""Gives the first so many pictures of the task, or all where there are fewer: uint8 [sample, height, width, channel]."""


class ProgramKey(NamedTuple):
    """What a program computes: programs of equal keys give equal outputs.

    Attributes:
        weights_hash: Of the backbone.
        pixels: Side of the pictures.
        inputs: Fingerprint of the network's name, and of the size of its pictures and their normalization.
        program: The part of the network that is run: `Program.key`.
    """

    weights_hash: str
    pixels: int
    inputs: str
    program: str

    @property
    def calibration_folder(self) -> Path:
        """The folder of the cache for calibrated engines of the backbone; a saved model takes a copy along."""
        return cache_folder() / "engines" / f"{self.weights_hash}-{self.pixels}"


def program_key(card: Pretrained, transform: Transform, weights_hash: str, program: str) -> ProgramKey:
    """The key of a program of the backbone with that card, transform and hash of its weights."""
    inputs = fingerprint_of([card.architecture, card.mean, card.std, transform.to_dict()])
    return ProgramKey(weights_hash, transform.pixels, inputs, program)


class Engine(ABC):
    """Runs one network over pictures.

    Attributes:
        batch_rows: Pictures a batch that it runs fastest on.
        whole_batches: Whether it fills up smaller batches, which then save nothing.
    """

    batch_rows: int
    whole_batches: bool = False

    @abstractmethod
    def run(self, batches: Iterable[Bytes]) -> Iterator[Outputs]:
        """The float32 outputs of each batch, in order; the next batches are asked for while earlier ones are computed.

        A batch is uint8 [sample, height, width, channel], of at most `batch_rows` pictures of the side the engine was made for.
        """


class Runtime(ABC):
    """A library that runs networks; one final class a file, found by the file's name.

    Attributes:
        package: The distribution that it comes with: engines are tried again when its version changes. None where it has none.
    """

    package: ClassVar[str | None] = None

    @abstractmethod
    def precisions(self) -> tuple[str, ...]:
        """The arithmetic it offers on this machine, emulated ones included; none where it is not installed or has no device."""

    def native(self) -> tuple[str, ...]:
        """Those of `precisions` that are worth a trial, as the hardware computes them itself; all, unless a class says more."""
        return self.precisions()

    def making_seconds(self, precision: str) -> float:
        """What making an engine takes, roughly, for a network like EfficientNet-Lite0; slow ones are tried for many pictures."""
        return 1.0

    def calibration_rows(self, precision: str) -> int:
        """Pictures that an engine is calibrated with; 0 where it needs none."""
        return 0

    def remedy(self, precision: str) -> str:
        """What a user can do where the precision is not offered here, in one sentence."""
        return "Install its package."

    @abstractmethod
    def engine(self, program: Program, precision: str, pictures: Pictures, folder: Path) -> Engine:
        """The program, which stays as it is, made ready; later changes of its weights do not reach the engine.

        Pictures are for calibration, whose result is kept in the folder; a saved model takes a copy along. Raises
        `MissingExtraError` where a package is not installed, `PretrainedError` where the library cannot run this network.
        """

    def kept_engine(self, key: ProgramKey, precision: str) -> Engine | None:
        """The engine that an earlier call of `engine` kept in the cache, made without the network and without PyTorch.

        None where none is kept, it is damaged, or it was made by another version or on another processor. Its outputs are equal
        to those of the engine that was kept.
        """
        return None


def overlapped(begin: Callable[[T], B], finish: Callable[[B], R], items: Iterable[T], most: int) -> Iterator[R]:
    """What `finish` gives for each item, in order; up to `most` items are begun before the first of them is finished."""
    begun: deque[B] = deque()
    for item in items:
        if len(begun) == most:
            yield finish(begun.popleft())
        begun.append(begin(item))
    while begun:
        yield finish(begun.popleft())


def padded(batch: Bytes, num_rows: int) -> Bytes:
    """The batch with black pictures behind it up to `num_rows`, for networks that are compiled for one batch size."""
    missing = num_rows - len(batch)
    return np.concatenate([batch, np.zeros((missing, *batch.shape[1:]), np.uint8)]) if missing else batch
