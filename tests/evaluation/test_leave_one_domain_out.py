from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from headstart.core.errors import DataError
from headstart.core.predictions import Predictions
from headstart.data.images import Embeddings, ImageSet
from headstart.data.task import Task
from headstart.evaluation.leave_one_domain_out import leave_one_domain_out, on_unseen_domains

DOMAINS = ("sketch",) * 5 + ("photo",) * 3 + ("sketch",) * 2 + ("clip",) * 7


@pytest.fixture
def task() -> Task:
    rows = np.arange(17)
    labels = np.array(rows % 2, np.int64)
    images = Embeddings(rows[:, None].astype(np.float32), "rows", rows)
    source = ImageSet(images, ("a", "b"), labels, rows, DOMAINS)
    return Task("rows", source.classes, source.take([0, 1]), test=replace(source.take([2]), sealed=True), source=source)


class Told:
    """Predicts class a for the rows it was told, and b for others."""

    def __init__(self, rows: list[int]) -> None:
        self.rows = rows

    def predict(self, images: ImageSet) -> Predictions:
        known = np.isin(images.images.vectors()[:, 0], self.rows)
        probs = np.stack([known, ~known], axis=1) * 0.8 + 0.1
        return Predictions(tuple(map(str, range(len(images)))), images.classes, images.labels, probs, probs, images.groups)


def test_each_domain_is_tested_once_and_learned_from_in_all_others(task: Task) -> None:
    parts = leave_one_domain_out(task)
    assert list(parts) == ["sketch", "photo", "clip"]
    for name, part in parts.items():
        assert part.name == f"rows without {name}"
        assert set(part.test.domains) == {name}
        assert part.test.sealed
        assert len(part.source) + len(part.test) == 17
        assert name not in part.source.domains
        assert (len(part.train), part.validation, part.unlabeled) == (0, None, None)


def test_a_group_that_stands_in_two_domains_is_never_learned_from_and_tested(task: Task) -> None:
    groups = np.arange(17)
    groups[[5, 11]] = 0  # a sketch, a photo and a clip of one thing
    parts = leave_one_domain_out(replace(task, source=replace(task.source, groups=groups)))
    assert [len(part.source) for part in parts.values()] == [8, 12, 8]
    assert all(not set(part.source.groups) & set(part.test.groups) for part in parts.values())


def test_every_domain_gets_the_evaluation_of_what_learned_without_it(task: Task) -> None:
    even = list(range(0, 17, 2))
    found = on_unseen_domains(task, lambda part: Told(even if "photo" in part.source.domains else []))
    assert {name: one.metrics["accuracy"].value for name, one in found.items()} == {"sketch": 1.0, "photo": 2 / 3, "clip": 1.0}
    assert [one.split for one in found.values()] == ["sketch", "photo", "clip"]
    assert [one.num_images for one in found.values()] == [7, 3, 7]


def test_one_domain_cannot_be_left_out(task: Task) -> None:
    with pytest.raises(DataError) as caught:
        leave_one_domain_out(replace(task, source=task.source.take([0, 1])))
    assert str(caught.value) == (
        "Leaving one domain out needs two source domains, and rows has one, sketch. Name several sources with --source."
    )
    with pytest.raises(DataError, match="and rows has none"):
        leave_one_domain_out(replace(task, source=None))


def test_domains_of_the_same_things_leave_nothing_to_learn_from(task: Task) -> None:
    same = replace(task.source.take([0, 5]), groups=np.zeros(2, np.int64))
    with pytest.raises(DataError) as caught:
        on_unseen_domains(replace(task, source=same), lambda part: Told([]))
    assert str(caught.value) == "All other source images share groups with sketch. Name sources of different objects."
