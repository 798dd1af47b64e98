"""Schemas: the answers of a server as OpenAPI describes them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field


class Unknown(BaseModel):
    """Whether a picture looks like none of the classes. A gallery gives similarity and threshold instead of a p-value."""

    p_value: float | None = Field(None, description="Conformal p-value that the picture is like those learned from.")
    similarity: float | None = Field(None, description="The largest similarity to a class of a gallery.")
    threshold: float | None = Field(None, description="The least similarity of a known class of a gallery.")
    flag: bool


class Row(BaseModel):
    """What is said about one picture: a label with probabilities, or the error that kept it from being read."""

    path: str = Field(description="The name that the request gave the picture.")
    label: str | None = None
    best_guess: str | None = Field(None, description='The most probable class; with "refuse" or "at_accuracy".')
    probability: float | None = None
    probs: dict[str, float] | None = None
    unknown: Unknown | None = None
    set: list[str] | None = Field(None, description='The prediction set, the most probable class first; with "sets".')
    labels: list[str] | None = Field(None, description="Of a model of several labels: those that are there.")
    value: float | None = Field(None, description="Of a model of numbers: the number.")
    interval: dict[str, float] | None = Field(None, description='Of a model of numbers: "low", "high" and their "level".')
    error: str | None = None


class Answer(BaseModel):
    """One row a picture, in the order of the request."""

    model: str
    version: str = Field(description="Changes when the model is fitted again.")
    predictions: list[Row]


class Problem(BaseModel):
    """Why a request is refused."""

    code: str = Field(description="A stable name of the reason.")
    error: str = Field(description="One sentence for people.")
    predictions: list[Row] | None = Field(None, description="Of pictures that cannot be read.")


class Status(BaseModel):
    """Whether the server answers."""

    status: str


class Card(BaseModel, extra="allow"):
    """A model or a gallery: its classes, what it learned from, and how good it is."""

    name: str
    kind: str
    version: str
    classes: list[str]
    metrics: dict[str, Any] = {}


class Cards(BaseModel):
    """All that is served, the default first."""

    models: list[Card]
    limits: dict[str, float]


class Enrolled(BaseModel):
    """A class that was added to a gallery."""

    gallery: str
    name: str = Field(alias="class")
    num_images: int
    num_classes: int
    left_out: list[Row]


class Forgotten(BaseModel):
    """A class that was removed from a gallery."""

    gallery: str
    forgotten: str
    num_classes: int


class Example(BaseModel):
    """A training picture."""

    label: str
    similarity: float = Field(description="Cosine of the features, as the model's head sees them.")
    contribution: float | None = Field(
        description="Its share of what all training pictures add to the label's score; null where a score is no such sum."
    )
    picture: str = Field(description="A thumbnail as a data URI.")
    tiny: bool


class Reasons(BaseModel):
    """Why a model says what it says about a picture."""

    model: str
    version: str
    label: str
    probability: float
    drops: list[list[float]] = Field(description="How much lower the probability is where a part is covered, row by row.")
    nearest: list[Example] | None = Field(description="Null where training pictures are not at hand, or not shown.")


class Corrected(BaseModel):
    """A correction that was kept."""

    model: str
    label: str
    new_class: bool
    num_corrections: int = Field(description="Pictures in the folder of corrections.")
    folder: str = Field(description="Its name.")


class ShownRun(BaseModel, extra="allow"):
    """A run of the folder: metrics and costs of a finished one, state and standing of an unfinished one."""

    name: str


class AllRuns(BaseModel):
    """The runs of the folder that is shown."""

    folder: str = Field(description="Its name.")
    finished: list[ShownRun] = Field(description="The newest first.")
    unfinished: list[ShownRun] = Field(description="In progress, interrupted or broken down.")


class Interval(BaseModel):
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float


class Compared(BaseModel):
    """One run against another, on the images that both predicted."""

    first: str
    second: str
    verdict: str = Field(description="Whether the first is better or worse, by the interval of the log-loss gain.")
    accuracy_gain: Interval
    log_loss_gain: Interval
    lower_bound: float
    p_value: float
    significant: bool
    num_rows: int
