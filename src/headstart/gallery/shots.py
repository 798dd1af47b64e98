"""Accuracy by the number of images a class, and how much it depends on which images are enrolled."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from headstart.backbones.catalog import card_of
from headstart.backbones.input_size import input_pixels_for
from headstart.backbones.loading import load_backbone
from headstart.core.errors import DataError, PlanError
from headstart.core.records import Record
from headstart.core.types import Floats, Integers
from headstart.data.task import Task
from headstart.evaluation.episodes import EpisodeAccuracy, episode_accuracy
from headstart.features.extract import features_of
from headstart.features.feature_set import FeatureSet
from headstart.gallery.matching import match
from headstart.gallery.state import DEFAULT, background_of
from headstart.training.episodes import Episodes, draw_episodes

SHOTS = (1, 2, 3, 5, 10)
QUERIES = 5
"""Query images a class and episode."""
NUM_EPISODES = 200
"""Number of episodes, a matter of time: accuracy is reported with its interval."""


class ShotsCurve(Record):
    """Accuracy of a gallery by the images a class.

    Attributes:
        name: Of the set.
        pretrained: Name of the backbone.
        points: One a number of images, ascending.
        sentence: The last point in words.
    """

    name: str
    pretrained: str
    points: tuple[EpisodeAccuracy, ...]
    sentence: str


def shots_curve(
    task: Task, pretrained: str | None = None, ways: int = 5, shots: Sequence[int] = SHOTS, num_episodes: int = NUM_EPISODES
) -> ShotsCurve:
    """Accuracies of galleries of random classes and images of a labeled set, each evaluated on other images of the same classes.

    Numbers of images that fewer than `ways` classes have to spare are left out. Of each group, such as copies of one picture, one
    image is used: a gallery that has a picture's copy recognizes it too easily.

    Args:
        task: A labeled set; its test images are not touched.
        pretrained: Name of the backbone; that of a new gallery by default.
        ways: Classes a gallery.
        shots: Images a class.
        num_episodes: Galleries a number of images.

    Returns:
        The curve; the same arguments give the same one.

    Raises:
        DataError: There are too few classes or images for a single gallery, or no pictures.
        PlanError: A number is below what is needed.
    """
    if ways < 2 or min(shots, default=0) < 1:
        raise PlanError(f"ways = {ways} and shots = {list(shots)} were asked; take at least 2 ways, and 1 shot or more.")
    rows = task.labeled.take(np.sort(np.unique(task.labeled.groups, return_index=True)[1]))
    if rows.images.embedded:
        raise DataError(f"{task.name} holds feature vectors, and a gallery takes pictures. Name a set of pictures.")
    spare = np.sort(rows.class_counts)[::-1][ways - 1] - QUERIES if ways <= task.num_classes else 0
    possible = sorted({number for number in shots if number <= spare})
    if not possible:
        raise DataError(
            f"{ways} ways were asked, and {task.name} has {int((rows.class_counts >= min(shots) + QUERIES).sum())} classes with "
            f"{min(shots)} + {QUERIES} images for support and query. Ask for fewer ways, or give more images."
        )
    name = pretrained or DEFAULT
    backbone = load_backbone(name, input_pixels=input_pixels_for(card_of(name), task))
    features, background = features_of(rows, backbone), features_of(background_of(None), backbone)
    points = []
    for number in possible:
        episodes = draw_episodes(rows.labels, ways, number, QUERIES, num_episodes, task.seed)
        points.append(episode_accuracy(_correct(features, episodes, background), episodes))
    return ShotsCurve(name=task.name, pretrained=name, points=tuple(points), sentence=_sentence(points[-1]))


def _correct(features: FeatureSet, episodes: Episodes, background: FeatureSet) -> Floats:
    labels: Integers = episodes.support_labels
    found = np.empty(episodes.query.shape)
    for place, (support, query) in enumerate(zip(episodes.support, episodes.query, strict=True)):
        matches = match(features.take(query), features.take(support), labels, background, None)
        found[place] = matches.probs.argmax(axis=1) == episodes.query_labels
    return found


def _sentence(last: EpisodeAccuracy) -> str:
    images = f"{last.shots} image{'s' * (last.shots != 1)} a class"
    return (
        f"With {images}, {100 * last.accuracy.value:.1f} % of the images of {last.ways} classes are named right; it is "
        f"{100 * last.low:.0f} to {100 * last.high:.0f} % in nine galleries of ten, depending on which images are enrolled."
    )
