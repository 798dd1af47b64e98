"""Choosing: few rows do not choose by chance, and unlabeled rows must earn their place."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.planning import choosing as module


@pytest.fixture
def best_of(make_judged, make_candidate, monkeypatch):
    """The closed form chosen among (price, accuracy, log loss), by index; one named last learns from unlabeled rows too."""

    def best(*facts, pooled=(), pool_trusted=False):
        judged = []
        for index, (price, accuracy, loss) in enumerate([*facts, *pooled]):
            method = {"kind": "ridge" if index < len(facts) else "label_mean", "blocks": "stages"}
            candidate = make_candidate(pretrained=str(index), max_rows=price, method=method)
            judged.append(make_judged(candidate, accuracy, loss, predictions=()))
        monkeypatch.setattr(module, "_price", lambda one: one.candidate.max_rows)
        monkeypatch.setattr(module, "side_of", lambda one: one)
        monkeypatch.setattr(module, "advantage", lambda one, other: (module.loss_of(other) - module.loss_of(one)) / 0.05)
        return int(module.best_closed(judged, pool_trusted).candidate.pretrained)

    return best


def test_a_costlier_network_must_gain_a_point(best_of):
    assert best_of((1, 0.80, 0.50), (1, 0.79, 0.49)) == 0
    assert best_of((1, 0.80, 0.50), (1, 0.79, 0.40)) == 1
    assert best_of((1, 0.800, 0.50), (2, 0.805, 0.40)) == 0
    assert best_of((1, 0.80, 0.50), (2, 0.82, 0.40)) == 1
    assert best_of((2, 0.82, 0.40), (1, 0.80, 0.50)) == 0
    assert best_of((1, 0.80, 0.40), (2, 0.82, 0.50)) == 0


def test_what_learns_from_unlabeled_rows_must_be_better_beyond_noise(best_of):
    assert best_of((1, 0.8, 0.50), pooled=[(1, 0.9, 0.45)]) == 0
    assert best_of((1, 0.8, 0.50), pooled=[(1, 0.7, 0.40)]) == 1
    assert best_of((1, 0.8, 0.50), pooled=[(1, 0.9, 0.44), (1, 0.9, 0.40)]) == 2


def test_with_pool_trusted_it_stands_unless_it_is_worse_beyond_noise(best_of):
    assert best_of((1, 0.8, 0.50), pooled=[(1, 0.7, 0.55)], pool_trusted=True) == 1
    assert best_of((1, 0.8, 0.50), pooled=[(1, 0.7, 0.60)], pool_trusted=True) == 0
    assert best_of((1, 0.8, 0.50), pooled=[(1, 0.7, 0.55), (1, 0.7, 0.54)], pool_trusted=True) == 2


def test_a_lucky_fold_does_not_make_the_best_candidate_without_knowledge(make_judged, make_candidate, make_predictions):
    generator = np.random.default_rng(3)
    full = make_predictions(generator.normal(0.4, 1.0, 100))
    easy = full.take(np.argsort(full.log_losses)[:20])
    canary = make_judged(
        make_candidate("canary", pretrained="pixels"), log_loss=float(full.log_losses.mean()), num_rows=100, predictions=full
    )
    lucky = make_judged(make_candidate("scratch"), log_loss=float(easy.log_losses.mean()), num_rows=20, predictions=easy)
    judged = [lucky, canary]
    assert module.best_without(judged) is canary
    better = make_predictions(generator.normal(3.0, 0.5, 20), labels=full.labels[:20])
    judged.append(make_judged(make_candidate("scratch"), log_loss=0.1, num_rows=20, predictions=better))
    assert module.best_without(judged) is judged[-1]
