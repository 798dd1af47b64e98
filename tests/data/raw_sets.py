"""Raw datasets for tests of reading, and what is asked of the tasks that come of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import strategies as st
from small_data import smooth

from headstart.core.errors import DataError
from headstart.data import reading
from headstart.data.images import ArrayImages, ImageSet
from headstart.data.raw_dataset import RawDataset
from headstart.data.readers.base import Reader
from headstart.data.reading import read_task
from headstart.data.task import Task

PICTURES = smooth(61, 33)


def task_of(
    monkeypatch: pytest.MonkeyPatch,
    raw: RawDataset,
    seed: int = 0,
    per_class: int | None = None,
    pool: bool = False,
    test: float | None = None,
) -> Task:
    class Given(Reader):
        precedence = 1000
        summary = "a raw dataset of the test"

        def recognizes(self, place: str) -> bool:
            return True

        def read(self, place: str) -> RawDataset:
            return raw

    monkeypatch.setattr(reading, "reader_for", lambda place: Given())
    return read_task("here", seed=seed, per_class=per_class, pool=pool, test=test)


def raw_of(labels, *, splits=(), groups=(), pixels=None) -> RawDataset:
    count = len(labels)
    images = ArrayImages(PICTURES[:count] if pixels is None else pixels, "set", np.arange(count))
    empty = ("",) * count
    return RawDataset("set", images, tuple(labels), tuple(splits) or empty, tuple(groups) or empty, empty)


def names_in(part: ImageSet | None) -> set[str]:
    return set() if part is None else {part.images.name(row) for row in range(len(part))}


def codes(task: Task) -> list[str]:
    return [finding.code for finding in task.findings]


def refusal(monkeypatch, raw, **options) -> str:
    with pytest.raises(DataError) as error:
        task_of(monkeypatch, raw, **options)
    return str(error.value)


@st.composite
def raw_datasets(draw):
    count = draw(st.integers(4, 61))
    labels = draw(st.lists(st.sampled_from(["a", "b", "c", None]), min_size=count, max_size=count))
    given_splits = st.sampled_from(["train", "train", "validation", "test", "unlabeled"])
    kinds = given_splits if draw(st.booleans()) else st.just("")
    splits = draw(st.lists(kinds, min_size=count, max_size=count))
    groups = draw(st.lists(st.sampled_from(["", "", "p", "q", "r"]), min_size=count, max_size=count))
    source = draw(st.lists(st.integers(0, count - 1), min_size=count, max_size=count)) if draw(st.booleans()) else range(count)
    return raw_of(labels, splits=splits, groups=groups, pixels=PICTURES[list(source)])
