"""What tests of tracking share: how a run is made, what TensorBoard reads, and a recorded wandb."""

from __future__ import annotations

import importlib.machinery
import json
from pathlib import Path
from types import ModuleType
from typing import Any

OPTIONS: dict[str, Any] = {
    "method": "fine_tune",
    "pretrained": "small_cnn",
    "weights": "none",
    "test": 0.3,
    "settings": {"training.epochs": 3, "training.batch_size": 8},
}
CURVE = "small_cnn from scratch/final fit"


def points_in(folder: Path, tag: str) -> list[tuple[int, float]]:
    """Step and value of each scalar of a tag, as TensorBoard reads them."""
    return [(one.step, one.value) for one in read(folder).Scalars(tag)]


def read(folder: Path) -> Any:
    """What TensorBoard reads below a folder of event files."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    return accumulator.Reload()


def text_in(folder: Path, tag: str) -> str:
    """The last text of a tag, as TensorBoard reads it."""
    return str(read(folder).Tensors(f"{tag}/text_summary")[-1].tensor_proto.string_val[0].decode())


def lines_of(run: Path) -> list[dict[str, Any]]:
    """The history of a run's final fit."""
    (path,) = (run / "steps").glob("fit-*/history.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


class FakeRun:
    """A run of wandb."""

    def __init__(self, told: list[Any], **options: Any) -> None:
        self.told = told
        self.id = options["id"]
        self.summary: dict[str, Any] = {}

    def log(self, values: dict[str, Any], **options: Any) -> None:
        self.told.append(("log", values, options))

    def define_metric(self, name: str, step_metric: str) -> None:
        self.told.append(("define_metric", name, step_metric))

    def log_artifact(self, artifact: FakeArtifact) -> None:
        self.told.append(("log_artifact", artifact.name, artifact.type, artifact.files))

    def finish(self, exit_code: int) -> None:
        self.told.append(("finish", exit_code))


class FakeArtifact:
    """An artifact of wandb."""

    def __init__(self, name: str, type: str) -> None:  # noqa: A002
        self.name, self.type, self.files = name, type, []

    def add_file(self, path: str) -> None:
        self.files.append(Path(path).name)


class FakeTable:
    """A table of wandb."""

    def __init__(self, columns: list[str], data: list[list[str]], dataframe: Any = None) -> None:
        assert dataframe is None
        self.columns, self.data = columns, data


class FakeWandb(ModuleType):
    """The part of wandb 0.31 that is called, by the same names and arguments."""

    Artifact = FakeArtifact
    Table = FakeTable
    Error = RuntimeError

    def __init__(self) -> None:
        super().__init__("wandb")
        self.__spec__ = importlib.machinery.ModuleSpec("wandb", None)
        self.told: list[Any] = []
        self.runs: list[FakeRun] = []
        self.config = self

    def login(self) -> bool:
        return True

    def init(self, project: str, **options: Any) -> FakeRun:
        self.told.append(("init", project, options))
        self.runs.append(FakeRun(self.told, **options))
        return self.runs[-1]

    def update(self, values: dict[str, Any], allow_val_change: bool) -> None:
        self.told.append(("config", values, allow_val_change))

    def log(self, values: dict[str, Any], **options: Any) -> None:
        self.runs[-1].log(values, **options)
