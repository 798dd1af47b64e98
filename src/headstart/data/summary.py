"""TaskSummary: a task's numbers, as `task.json` keeps them."""

from __future__ import annotations

from headstart.core.records import Record


class TaskSummary(Record):
    """What a task consists of.

    Attributes:
        name: Short name.
        place: The path or built-in name it was read from.
        classes: Class names in label order.
        train_counts: Labeled rows to learn from, per class.
        num_train: Labeled rows to learn from.
        num_validation: Rows the user set aside for choosing.
        num_test: Sealed rows.
        num_unlabeled: Rows without labels.
        num_source: Labeled rows of other domains.
        source_domains: Names of these domains.
        native_pixels: Median of the shorter side.
        channels: 1 when all pictures are gray, else 3.
        seed: Of split and folds.
        task_fingerprint: Changes when any row changes.
    """

    name: str
    place: str
    classes: tuple[str, ...]
    train_counts: tuple[int, ...]
    num_train: int
    num_validation: int
    num_test: int
    num_unlabeled: int
    native_pixels: int
    channels: int
    seed: int
    task_fingerprint: str
    num_source: int = 0
    source_domains: tuple[str, ...] = ()
