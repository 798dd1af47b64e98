"""Export: what an exported or pushed model is, and how far it agrees with the model that it was made of."""

from __future__ import annotations

from headstart.core.records import Record


class Parity(Record):
    """How far a bundle agrees with its model, which is computed in float32.

    Attributes:
        num_pictures: Pictures compared.
        num_same: Those with the same label, ties included.
        largest_difference: Of the probability of a class.
        mean_difference: Of the probability of the model's label, in absolute value.
        largest_p_difference: Of the novelty p-value; None where there is none.
        num_same_flag: Pictures of which bundle and model agree that they are unlike those learned from, or not; None as above.
        own_same: Pictures whose label is that of `headstart predict`, whose engine may be less exact; None where it is as exact.
        own_largest_difference: As `largest_difference`, to `headstart predict`.
        model_milliseconds: A picture, one at a time, reading not counted.
        batch_milliseconds: A picture where pictures of one size are computed eight at a time.
        reading_milliseconds: A picture.
    """

    num_pictures: int
    num_same: int
    largest_difference: float
    mean_difference: float
    largest_p_difference: float | None
    num_same_flag: int | None = None
    own_same: int | None = None
    own_largest_difference: float | None = None
    model_milliseconds: float
    batch_milliseconds: float
    reading_milliseconds: float


class Export(Record):
    """A bundle that was written.

    Attributes:
        folder: Where it lies.
        format: What it was exported to.
        precision: What its weights are stored as.
        model_bytes: Size of the model's files.
        parity: How far it agrees with its model, and how fast it is.
    """

    folder: str
    format: str
    precision: str
    model_bytes: int
    parity: Parity


class Repository(Record):
    """A repository that a run was pushed to.

    Attributes:
        place: The folder, or the address of its page on the hub.
        license: What its card states.
        files: Their paths in it.
        num_bytes: Size of all files together.
    """

    place: str
    license: str
    files: tuple[str, ...]
    num_bytes: int
