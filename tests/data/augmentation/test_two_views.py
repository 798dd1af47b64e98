from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_data import smooth

from headstart.core.types import UNLABELED
from headstart.data.augmentation.two_views import two_views
from headstart.data.images import ArrayImages, ImageSet
from headstart.data.task import Task


@pytest.fixture
def task() -> Task:
    rows = np.arange(7)
    images = ImageSet(ArrayImages(smooth(7, 16), "smooth", rows), ("a", "b"), rows % 2, rows)
    pool = replace(images.take(np.arange(4, 7)), hidden_labels=np.full(3, UNLABELED, np.int64))
    return Task("smooth", images.classes, images.take(np.arange(4)), unlabeled=pool, native_pixels=16)


def test_every_picture_has_two_views_and_no_label(task: Task) -> None:
    stream = two_views(task, 0.3, True)
    assert len(stream.images) == 7
    assert (stream.images.labels == UNLABELED).all()
    assert stream.also == (stream.view,)
    assert str(stream.view) == "strong(crop=0.3, shift=0, flip=true, 1 colors)"


def test_labeled_pictures_alone_do_where_there_are_no_others(task: Task) -> None:
    assert len(two_views(replace(task, unlabeled=None), 0.5, False).images) == 4
