"""Deletion curves: whether the places that a map names matter to the model more than places drawn at random."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from headstart.attribution.class_scores import probs_of
from headstart.attribution.resized import resized_maps
from headstart.core.seeds import generator_for
from headstart.core.types import Floats, Integers
from headstart.data.masked import MaskedImages
from headstart.methods.model import Model

GRID = 14
"""Cells of a side that are replaced one after the other."""
STEPS = 8
"""Shares of the cells that are replaced, evenly spaced from none to all. Chosen, not measured."""
RANDOM_MAPS = 5
"""Random maps of a picture, whose median a map is compared with: an odd number, so that a random map too is below it on half of
the pictures. Chosen, not measured."""


def passes_of_deletion(steps: int = STEPS, num_random: int = RANDOM_MAPS) -> int:
    """How often a picture passes the network for its curves: the ends are shared by all of them."""
    return (steps - 2) * (num_random + 1) + 2


@dataclass(frozen=True)
class DeletionCurves:
    """How the probability of a class falls as a picture is replaced cell by cell, in the order of a map and of random maps.

    Attributes:
        shares: The share of the cells that is replaced, float64 [step], from 0 to 1.
        by_map: The probability, cells of the highest values first, float64 [picture, step].
        by_random: The same for random maps of the same resolution, float64 [picture, random map, step].
    """

    shares: Floats
    by_map: Floats = field(repr=False)
    by_random: Floats = field(repr=False)

    @property
    def areas(self) -> Floats:
        """The area under the curve of each map, float64 [picture]: low where the map names what the model needs."""
        return np.asarray(np.trapezoid(self.by_map, self.shares, axis=-1))

    @property
    def random_areas(self) -> Floats:
        """The areas under the curves of the random maps, float64 [picture, random map]."""
        return np.asarray(np.trapezoid(self.by_random, self.shares, axis=-1))

    @property
    def beats_random(self) -> list[bool]:
        """Whether each map has a smaller area than the median of its random maps."""
        return list(map(bool, self.areas < np.median(self.random_areas, axis=1)))


def deletion_curves(
    model: Model,
    pictures: MaskedImages,
    labels: Integers,
    maps: Floats,
    *,
    steps: int = STEPS,
    num_random: int = RANDOM_MAPS,
    seed: int = 0,
) -> DeletionCurves:
    """The probability of a class as pictures are replaced cell by cell, in the order of their maps and of random maps.

    Random maps have independent values at as many places as the maps, brought to the cells in the same way, so that what they
    replace hangs together as much. They are drawn for each picture by its content key: the same whatever other pictures there
    are, and independent of theirs. The replacement is that of `pictures`.

    Args:
        model: What predicts.
        pictures: As they are; see `headstart.attribution.class_scores.maskable`.
        labels: The class of each picture, int64 [picture].
        maps: Float [picture, row, column], square.
        steps: Shares of the cells that are replaced, from none to all; two or more.
        num_random: Random maps of each picture; one or more.
        seed: Of the random maps.

    Returns:
        The curves; `steps` times one more than `num_random` predictions a picture, less what curves share.

    Reference: Petsiuk, Das & Saenko, "RISE", BMVC 2018, section 4.1 (deletion); Samek et al., "Evaluating the visualization of
        what a deep neural network has learned", IEEE TNNLS 2017, section III (region perturbation, random orders).
    Differs: cells of a 14 x 14 grid instead of pixels; they become what `pictures.fill` says instead of gray or noise.
    """
    num, places = len(pictures), maps.shape[1]
    keys = [pictures.keys[source] for source in pictures.sources]
    drawn = np.stack([generator_for(seed, "deletion", places, key).random((num_random, places, places)) for key in keys])
    every = np.concatenate([np.asarray(maps, np.float64)[:, None], drawn], axis=1).reshape(-1, places, places)
    ties = [generator_for(seed, "deletion ties", key).random((num_random + 1, GRID**2)) for key in keys]
    ranks = _ranks(resized_maps(every, GRID), np.concatenate(ties)).reshape(num, num_random + 1, GRID, GRID)
    shares = np.linspace(0.0, 1.0, steps)
    between = ranks[:, :, None] < np.rint(shares[1:-1] * GRID**2)[:, None, None]  # [picture, map, step, row, column]
    ends = np.stack([np.zeros((GRID, GRID), bool), np.ones((GRID, GRID), bool)])
    hidden = np.concatenate([between.reshape(num, -1, GRID, GRID), np.broadcast_to(ends, (num, 2, GRID, GRID))], axis=1)
    sources = np.repeat(np.arange(num), hidden.shape[1])
    probs = probs_of(model, pictures.masked(sources, hidden.reshape(-1, GRID, GRID)))
    chosen = probs[np.arange(len(sources)), labels[sources]].reshape(num, -1)
    inner, first, last = chosen[:, :-2].reshape(num, num_random + 1, -1), chosen[:, -2], chosen[:, -1]
    sides = [np.broadcast_to(end[:, None, None], (*inner.shape[:2], 1)) for end in (first, last)]
    curves = np.concatenate([sides[0], inner, sides[1]], axis=2)
    return DeletionCurves(shares, curves[:, 0], curves[:, 1:])


def _ranks(maps: Floats, lots: Floats) -> Integers:
    """The place of each cell in the order of its map, the highest value first, int64 [map, row, column]; ties by lot."""
    flat = maps.reshape(len(maps), -1)
    order = np.lexsort((lots, -flat), axis=1)
    return np.asarray(np.argsort(order, axis=1).reshape(maps.shape), np.int64)
