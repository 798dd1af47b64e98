"""A plug-in with one toy of each kind, as text: the files of its package, and its entry points."""

from __future__ import annotations

METHOD = '''
"""The class with the most training rows, always."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np

from headstart.backbones.backbone import Backbone
from headstart.data.reading import read_task
from headstart.data.task import Task
from headstart.features.extract import features_of
from headstart.methods.base import Method
from headstart.methods.heads import LinearHead
from headstart.methods.model import Model
from headstart.training.settings import Training


class ToyMajority(Method):
    """Predicts by class frequencies; a floor for everything else."""

    summary: ClassVar[str] = "class frequencies, whatever the picture"
    sharpness: float = 1.0

    def fit(self, task: Task, backbone: Backbone, training: Training, workspace: Path | None = None) -> Model:
        counts = np.bincount(task.train.labels, minlength=task.num_classes)
        bias = self.sharpness * np.log(counts / counts.sum())
        weight = np.zeros((features_of(task.train, backbone).penultimate.shape[1], task.num_classes))
        return Model(backbone, LinearHead(None, weight, bias), 1.0, task.classes)
'''

SCORE = '''
"""How far the class means lie apart."""

from __future__ import annotations

import numpy as np

from headstart.features.feature_set import LabeledFeatures
from headstart.scores import ranking


@ranking()
def toy_spread(labeled: LabeledFeatures) -> float | None:
    """The variance of the class means, summed over features."""
    means = [labeled.features[labeled.labels == label].mean(axis=0) for label in np.unique(labeled.labels)]
    return float(np.var(np.stack(means), axis=0).sum())
'''

READER = '''
"""One text file: a label and numbers on each line."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np

from headstart.data.images import Embeddings
from headstart.data.raw_dataset import RawDataset
from headstart.data.readers.base import Reader


class ToyLines(Reader):
    """Files that end in .toylines."""

    precedence: ClassVar[int] = 1000
    summary: ClassVar[str] = "FILE.toylines: a label and numbers on each line."

    def recognizes(self, place: str) -> bool:
        return place.endswith(".toylines")

    def read(self, place: str) -> RawDataset:
        words = [line.split() for line in Path(place).read_text(encoding="utf-8").splitlines()]
        features = np.array([line[1:] for line in words], np.float32)
        rows = np.arange(len(words))
        labels = tuple(line[0] for line in words)
        return RawDataset("toy", Embeddings(features, place, rows), labels)
'''

METRIC = '''
"""The number of rows of the rarest class."""

from __future__ import annotations

from typing import ClassVar

from headstart.core.estimate import Estimate
from headstart.evaluation.labeled_predictions import LabeledPredictions
from headstart.evaluation.metrics.base import Metric


class ToyRarest(Metric):
    """Rows of the rarest class; known exactly."""

    title: ClassVar[str] = "Rarest class"
    meaning: ClassVar[str] = "rows of the rarest class"
    is_share: ClassVar[bool] = False

    def estimate(self, labeled: LabeledPredictions) -> Estimate:
        rows = float(labeled.counts.support.min())
        return Estimate(value=rows, low=rows, high=rows)
'''

PROVIDER = '''
"""A network that was installed along with its weights: means over four quarters of the picture."""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from headstart.backbones.pretrained import Pretrained
from headstart.backbones.providers.base import Provider, Weights


class ToyQuarters(Provider):
    """One card, "toy_quarters"."""

    summary: ClassVar[str] = "means over quarters of the picture"
    packaged: ClassVar[bool] = True

    def cards(self) -> list[Pretrained]:
        name = "toy_quarters"
        return [Pretrained(name=name, provider=name, architecture="quarters", input_pixels=16, smallest_pixels=2)]

    def card(self, name: str) -> Pretrained | None:
        return self.cards()[0] if name == "toy_quarters" else None

    def build(self, card: Pretrained, weights: Weights) -> nn.Module:
        return nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten())
'''

ENGINE = '''
"""The network as it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import torch

from headstart.backbones.engines.base import Engine, Outputs, Pictures, Runtime
from headstart.backbones.programs import Program
from headstart.core.types import Bytes


class ToyEngine(Engine):
    batch_rows = 5

    def __init__(self, program: Program) -> None:
        self.program = program.eval()

    def run(self, batches: Iterable[Bytes]) -> Iterator[Outputs]:
        with torch.inference_mode():
            for batch in batches:
                yield tuple(output.numpy() for output in self.program(torch.from_numpy(batch)))


class ToyRuntime(Runtime):
    """PyTorch without any preparation."""

    def precisions(self) -> tuple[str, ...]:
        return ("float32",)

    def engine(self, program: Program, precision: str, pictures: Pictures, folder: Path) -> Engine:
        return ToyEngine(program)
'''

VALIDATOR = '''
"""The share of target rows that are predicted as the first class."""

from __future__ import annotations

from headstart.evaluation.validator_inputs import ValidatorInputs
from headstart.evaluation.validators import deciding


@deciding
def toy_first(inputs: ValidatorInputs) -> float | None:
    """In [0, 1]."""
    return float((inputs.predicted == 0).mean())
'''

CHECK = '''
"""Is the number of training images odd?"""

from __future__ import annotations

from headstart.core.findings import Finding, NotApplicable
from headstart.data.task import Task


def toy_odd(task: Task) -> Finding | NotApplicable | None:
    """A finding when it is odd."""
    if task.source:
        return NotApplicable(reason="there is a source")
    return Finding(code="toy-odd", severity="info", title="The number is odd.") if len(task.train) % 2 else None
'''

COMMAND = '''
"""`headstart toycount`: how many images a place holds."""

import typer

from headstart.data.reading import read_task


def toycount(data: str) -> None:
    """Count the labeled images of a place."""
    typer.echo(len(read_task(data).labeled))
'''

FILES = {
    "toycount": COMMAND,
    "toy_first": VALIDATOR,
    "toy_odd": CHECK,
    "toy_majority": METHOD,
    "toy_spread": SCORE,
    "toy_lines": READER,
    "toy_rarest": METRIC,
    "toy_quarters": PROVIDER,
    "toy_runtime": ENGINE,
}

ENTRY_POINTS = """\
[headstart.commands]
toycount = toycount:toycount

[headstart.methods]
toy_majority = toy_majority:ToyMajority

[headstart.scores]
toy_spread = toy_spread:toy_spread

[headstart.readers]
toy_lines = toy_lines:ToyLines

[headstart.metrics]
toy_rarest = toy_rarest:ToyRarest

[headstart.validators]
toy_first = toy_first:toy_first

[headstart.checks]
toy_odd = toy_odd:toy_odd

[headstart.providers]
toy_quarters = toy_quarters:ToyQuarters

[headstart.engines]
toy_runtime = toy_runtime:ToyRuntime
"""
