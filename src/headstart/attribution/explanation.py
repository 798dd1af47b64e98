"""Explanation: why a model says what it says about a picture, and whether that can be trusted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import binomtest

from headstart.attribution.class_scores import maskable
from headstart.attribution.deletion import RANDOM_MAPS, STEPS, deletion_curves
from headstart.attribution.maps.base import MapMethod
from headstart.attribution.training_images import TrainingImage, TrainingRows
from headstart.core.records import Record
from headstart.core.types import Integers
from headstart.data.images import Images
from headstart.methods.model import Model

LEVEL = 0.05
"""Of the test that maps beat random ones."""


class Explanation(Record):
    """Why a model says what it says about one picture.

    Attributes:
        path: Of the picture.
        label: The class that is asked about.
        probability: Of that class.
        map: How much each place speaks for the class, row by row; negative where it speaks against it.
        deletion_area: The area under the deletion curve of the map, 0 to 1; low where it names what the model needs.
        random_areas: Those of random maps of the same resolution.
        nearest: The training images that add most to the score of the class, or the most similar; none where not at hand.
        overlay: The file with the map over the picture; empty where none was written.
        content: The content key of the picture: copies have the same. Empty in files of earlier versions.
    """

    path: str
    label: str
    probability: float
    map: tuple[tuple[float, ...], ...]
    deletion_area: float
    random_areas: tuple[float, ...]
    nearest: tuple[TrainingImage, ...] = ()
    overlay: str = ""
    content: str = ""

    @property
    def random_area(self) -> float:
        """The median area of the random maps."""
        return float(np.median(self.random_areas))

    @property
    def beats_random(self) -> bool:
        """Whether the map has a smaller area than the median of the random maps: even odds for another random map."""
        return self.deletion_area < self.random_area


def explanations_of(
    model: Model,
    images: Images,
    labels: Integers,
    method: MapMethod,
    rows: TrainingRows | None,
    num_nearest: int,
    *,
    steps: int = STEPS,
    num_random: int = RANDOM_MAPS,
) -> tuple[Explanation, ...]:
    """Why a model gives each image the class `labels` [image] asks about: a map with its deletion curve, and training images.

    Copies of an image among the training images are not named: it is no evidence for itself.
    """
    keys = [images.content_key(row) for row in range(len(images))]
    pictures = maskable(model, images, keys=keys)
    maps = method.maps(model, pictures, labels)
    curves = deletion_curves(model, pictures, labels, maps, steps=steps, num_random=num_random)
    near = [[]] * len(images) if rows is None else [found for _, found in rows.nearest(images, labels, num_nearest, without=keys)]
    return tuple(
        Explanation(
            path=images.name(row),
            label=model.classes[int(labels[row])],
            probability=float(curves.by_map[row, 0]),
            map=tuple(tuple(round(float(value), 5) for value in line) for line in maps[row]),
            deletion_area=float(curves.areas[row]),
            random_areas=tuple(map(float, curves.random_areas[row])),
            nearest=tuple(near[row]),
            content=keys[row],
        )
        for row in range(len(images))
    )


def verdict_on_maps(made: Sequence[Explanation]) -> str:
    """Whether maps name what the model needs better than chance does, in one sentence.

    A one-sided sign test at 0.05 of whether more than half of the maps have a smaller area under their deletion curve than the
    median of random maps; copies of a picture count once, and five pictures are the fewest that can tell.
    """
    single = {one.content or place: one for place, one in reversed(list(enumerate(made)))}.values()
    num, better = len(single), sum(one.beats_random for one in single)
    told = f"On {better} of {num} pictures the probability falls sooner by the map than by random maps"
    if num and binomtest(better, num, alternative="greater").pvalue <= LEVEL:
        return f"{told}: the maps name places that the model needs."
    if 0.5**num > LEVEL:
        return f"{told}: too few pictures to tell whether maps of this model can be trusted."
    return f"{told}, which chance explains: do not trust maps of this model."


class ExplainedMistakes(Record):
    """`mistakes.json`: maps of the most confident mistakes of a run.

    Attributes:
        by: The name of the way to make maps.
        explanations: Surest first, each about the class that was wrongly predicted, by the model that is kept.
        member: The network of the member that was asked alone, as all together take too long; empty for the whole model.
        left_out_seconds: Predicted seconds of one explanation where none was made, as that takes too long; 0 where some were.
    """

    by: str
    explanations: tuple[Explanation, ...] = ()
    member: str = ""
    left_out_seconds: float = 0.0

    @property
    def sentence(self) -> str:
        """Whether the maps can be trusted, or why there are none."""
        if self.explanations:
            alone = f" They are maps of {self.member} alone, a member of the ensemble." if self.member else ""
            return f"{verdict_on_maps(self.explanations)}{alone}"
        return (
            f"Maps of mistakes were left out: one takes about {self.left_out_seconds:.0f} s here. `headstart explain` makes them."
        )
