from __future__ import annotations

import numpy as np
import pytest

from headstart.core.estimate import Estimate
from headstart.features.feature_set import FeatureSet
from headstart.gallery.meta_learner_selection import _chosen, choose_meta_learner


def drawn(num_classes: int, misleading: float, seed: int = 0) -> tuple[FeatureSet, np.ndarray, np.ndarray]:
    """Two rows a class, one of each domain; misleading directions differ within classes."""
    draw = np.random.default_rng(seed)
    labels, domains = np.repeat(np.arange(num_classes), 2), np.tile([0, 1], num_classes)
    telling = draw.normal(size=(num_classes, 9))[labels] + 0.3 * draw.normal(size=(len(labels), 9))
    rows = np.concatenate([telling, misleading * draw.normal(size=(len(labels), 7))], axis=1)
    return FeatureSet((rows.astype(np.float32),), None, None, ("only",)), labels, domains


def test_a_meta_learner_that_pays_on_held_out_classes_is_used_and_the_sentence_says_how_much() -> None:
    features, labels, domains = drawn(90, misleading=2.0)
    found = choose_meta_learner(features, labels, domains, kinds=("whitened_mean", "proto_net"))
    assert found.kind in {"whitened_mean", "proto_net"}
    gain = found.gains[found.kind]
    assert gain.low > 0
    assert found.ways == 18
    assert found.sentence == (
        f"{found.kind} is used: it gains {100 * gain.value:.1f} points +- {100 * (gain.value - gain.low):.1f} "
        f"(2 standard errors) over the plain head's {100 * found.plain:.1f} % at 18 ways on 36 held-out classes."
    )


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_where_meta_training_does_not_pay_the_plain_head_stays(seed: int) -> None:
    features, labels, domains = drawn(60, misleading=0.0, seed=seed)
    shuffled = np.random.default_rng(seed).permutation(labels)
    assert choose_meta_learner(features, shuffled, domains, seed, kinds=("whitened_mean", "proto_net")).kind is None


def test_with_few_classes_nothing_is_compared() -> None:
    features, labels, domains = drawn(19, misleading=2.0)
    found = choose_meta_learner(features, labels, domains)
    assert (found.kind, found.plain, found.gains, found.ways) == (None, None, {}, 0)
    assert found.sentence == (
        "The plain head is used: the source has 19 classes with more than 1 image, and 20 are needed to measure on held-out "
        "classes whether meta-training pays."
    )


def test_a_gain_within_two_standard_errors_may_be_chance() -> None:
    gains = {"a": Estimate(value=-0.02, low=-0.03, high=-0.01), "b": Estimate(value=-0.01, low=-0.03, high=0.01)}
    assert _chosen(0.876, gains, 5, 31).sentence == (
        "The plain head is used: b is the best meta-learner, and it loses 1.0 points +- 2.0 (2 standard errors) over the plain "
        "head's 87.6 % at 5 ways on 31 held-out classes, which may be chance."
    )
    gains = {"a": Estimate(value=0.02, low=0.0, high=0.04)}
    assert _chosen(0.876, gains, 5, 31).kind is None
