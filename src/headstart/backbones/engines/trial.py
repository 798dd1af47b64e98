"""Trial: engines run on the same pictures in turn, so that load on the machine slows down all of them alike."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from headstart.backbones.engines.base import Engine, Outputs
from headstart.core.cores import num_cores
from headstart.core.errors import PretrainedError
from headstart.core.types import Bytes

ROUNDS = 3
"""How often engines that may be the fastest are timed after the first time; the fastest time counts."""
CONTENDER = 1.5
"""An engine that was this many times slower than the fastest one is not timed again. Single rounds of one engine differ by
up to 1.43 times, as `benchmarks.engine_choice` prints them on an idle machine."""
ENOUGH = 0.8
"""A trial whose `share` stayed below this was made under load. Chosen between what one other process leaves of two cores, two
thirds, and what engines use of idle ones; `benchmarks.engine_choice` prints the latter."""
MOST_SECONDS = 1.0
"""Of timing contenders again; where one round takes longer, there is one."""
WARM_ROWS = 4
"""Pictures of a first run that is not timed: an engine prepares itself for the sizes that it gets."""
UNSTEADY = 1.5
"""A trial in which the rate of an engine changed so many times between rounds was made beside changing load."""


class Trial:
    """Rates and errors of engines on a sample of pictures.

    Attributes:
        images_per_second: The highest rate of each engine.
        errors: Of its features against the exact ones, which the first engine gives.
        faults: Why an engine cannot run the network at all.
        engines: Those that can, by name.
        unsteadiness: The largest ratio of an engine's highest rate to its lowest, first runs aside.
        share: Of the processor time of all cores, what this process got while the engine ran that got most.

    Args:
        sample: uint8 [sample, height, width, channel].
        clock: Gives the seconds since some moment.
        processor_clock: Gives the seconds of processor time of this process.
    """

    def __init__(
        self,
        sample: Bytes,
        clock: Callable[[], float] = time.perf_counter,
        processor_clock: Callable[[], float] = time.process_time,
    ) -> None:
        self.sample = sample
        self.images_per_second: dict[str, float] = {}
        self.errors: dict[str, float] = {}
        self.faults: dict[str, str] = {}
        self.engines: dict[str, Engine] = {}
        self.unsteadiness = 1.0
        self.share = 0.0
        self._clock = clock
        self._processor_clock = processor_clock
        self._exact: Outputs = ()

    def add(self, name: str, make: Callable[[], Engine]) -> None:
        """Make an engine, and run it for its error and a first rate; what it cannot do is noted in `faults`."""
        try:
            engine = make()
            shown = self._batches(engine)
            list(engine.run([shown[0][:WARM_ROWS]]))
            outputs, rate = self._timed(engine, shown)
        except (PretrainedError, RuntimeError) as error:  # RuntimeError: out of memory, or arithmetic that the processor lacks
            self.faults[name] = str(error)
            return
        if not self.engines:
            self._exact = outputs
        self.engines[name] = engine
        self.errors[name] = feature_error(outputs, self._exact)
        self.images_per_second[name] = rate

    def repeat(self, names: list[str]) -> None:
        """Time those engines again that are not clearly slower than the fastest of them, in turn, round after round."""
        best = max((self.images_per_second[name] for name in names), default=0.0)
        contenders = [name for name in names if self.images_per_second[name] * CONTENDER > best]
        repeated: dict[str, list[float]] = {name: [] for name in contenders}
        begun = self._clock()
        for done in range(ROUNDS):
            if done and (self._clock() - begun) * (done + 1) / done > MOST_SECONDS:
                break
            for name in contenders:
                repeated[name].append(self._timed(self.engines[name], self._batches(self.engines[name]))[1])
        for name, found in repeated.items():
            self.images_per_second[name] = max(self.images_per_second[name], *found)
            self.unsteadiness = max(self.unsteadiness, max(found) / min(found))

    def _batches(self, engine: Engine) -> list[Bytes]:
        """The sample in the engine's batches, repeated where one takes more."""
        shown = np.concatenate([self.sample] * max(1, engine.batch_rows // len(self.sample)))
        return [shown[start : start + engine.batch_rows] for start in range(0, len(shown), engine.batch_rows)]

    def _timed(self, engine: Engine, batches: list[Bytes]) -> tuple[Outputs, float]:
        """The outputs of the sample, and pictures a second."""
        begun, worked = self._clock(), self._processor_clock()
        found = list(engine.run(batches))
        seconds = max(self._clock() - begun, 1e-9)
        self.share = max(self.share, (self._processor_clock() - worked) / seconds / num_cores())
        outputs = tuple(np.concatenate(part)[: len(self.sample)] for part in zip(*found, strict=True))
        return outputs, sum(map(len, batches)) / seconds


def feature_error(outputs: Outputs, exact: Outputs) -> float:
    """How far features are from exact ones, relative to how far pictures differ from one another.

    The root mean square, over the outputs [sample, feature], of the distance to the exact rows over that of the exact rows
    to their mean. Outputs that tell no two pictures apart are left out.
    """
    ratios = []
    for given, wanted in zip(outputs, exact, strict=True):
        scale = float(np.linalg.norm(wanted - wanted.mean(axis=0)))
        if scale > 1e-6 * max(float(np.linalg.norm(wanted)), 1e-30):
            ratios.append(float(np.linalg.norm(given - wanted)) / scale)
    return float(np.sqrt(np.mean(np.square(ratios)))) if ratios else 0.0
