from __future__ import annotations

import numpy as np

from headstart.shift.class_agreement import class_agreement

RNG = np.random.default_rng(3)
CENTERS = RNG.normal(size=(5, 4)) * 6.0


def domain(labels, shift=0.0):
    return CENTERS[labels] + RNG.normal(size=(len(labels), 4)) + shift


def test_classes_that_all_moved_alike_agree():
    source, target = np.repeat(np.arange(5), 7), np.repeat([0, 1, 3], 4)
    assert class_agreement(domain(source), source, domain(target, 50.0), target) == 1.0


def test_names_that_changed_places_do_not():
    labels = np.repeat(np.arange(5), 7)
    swapped = np.array([1, 0, 2, 3, 4])[labels]
    assert class_agreement(domain(labels), swapped, domain(labels), labels) == 0.6


def test_one_common_class_tells_nothing():
    source, target = np.repeat([0, 1], 5), np.repeat([1, 2], 5)
    assert class_agreement(domain(source), source, domain(target), target) is None
