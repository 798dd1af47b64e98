"""A task as text."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from headstart.core.findings import Finding
from headstart.data.images import Embeddings, FileImages, ImageSet
from headstart.data.reading import read_task
from headstart.data.task import Task

CLASSES = ("bird", "cat")


def rows(count: int, domain: str = "") -> ImageSet:
    images = FileImages(tuple(f"{row}.png" for row in range(count)))
    return ImageSet(images, CLASSES, np.arange(count) % 2, np.arange(count), (domain,) * count if domain else ())


FINDINGS = (Finding.info("tiny-images", "Tiny."), Finding.warning("few-labels", "Few."), Finding.warning("gray-images", "Gray."))
WHOLE = Task(
    "birds",
    CLASSES,
    rows(5),
    rows(1),
    rows(2),
    rows(3),
    rows(4, "photo"),
    7,
    FINDINGS,
    "pictures/birds",
    native_pixels=30,
    channels=1,
)


def test_a_task_prints_as_a_card_of_ten_lines():
    assert str(WHOLE).splitlines() == [
        "Task        birds (pictures/birds)",
        "Classes     2: bird, cat",
        "Labeled     6 images, 2 to 4 a class",
        "Validation  1 image",
        "Test        2 images, sealed",
        "Unlabeled   3 images",
        "Sources     4 images of photo",
        "Size        shorter side 30 pixels (median), gray",
        "Seed        7",
        "Findings    1 info, 2 warnings: tiny-images, few-labels, gray-images",
    ]


def test_less_is_said_of_a_small_task_of_vectors():
    vectors = ImageSet(Embeddings(np.zeros((2, 3)), "v", np.arange(2)), CLASSES, np.arange(2), np.arange(2))
    assert str(Task("v", CLASSES, vectors)).splitlines() == [
        "Task        v",
        "Classes     2: bird, cat",
        "Labeled     2 vectors, 1 a class",
        "Test        none: each label judges out of fold",
        "Size        feature vectors",
        "Seed        0",
        "Findings    none while reading; headstart.inspect looks further",
    ]


def test_a_card_says_what_judges_where_no_test_is_sealed():
    judges = [line for task in (WHOLE, replace(WHOLE, train=rows(0))) for line in str(replace(task, test=None)).splitlines()]
    assert judges.count("Test        none: the validation split judges") == 2
    assert "Test        none\n" in str(replace(WHOLE, train=rows(0), validation=None, test=None))


def test_many_classes_are_cut_at_the_end_of_a_line():
    names = tuple(f"class number {row}" for row in range(500))
    card = str(replace(WHOLE, classes=names))
    assert max(map(len, card.splitlines())) <= 100
    assert "Classes     500: class number 0, " in card
    assert len(card.splitlines()) == 10


def test_a_task_is_one_line_in_a_list_and_its_length_counts_all_images():
    assert repr(WHOLE) == '<Task "birds": 6 labeled images of 2 classes, 3 unlabeled>'
    assert len(WHOLE) == 5 + 1 + 2 + 3 + 4
    assert bool(replace(WHOLE, train=rows(0), validation=None, test=None, unlabeled=None, source=None))


def test_a_task_knows_how_it_was_read():
    task = read_task("digits", per_class=3)
    assert (task.place, task.per_class, task.source_places, task.target_domains) == ("digits", 3, (), ())
