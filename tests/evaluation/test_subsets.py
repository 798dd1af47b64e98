from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from headstart.core.evaluation import Evaluation
from headstart.core.predictions import Predictions, joined
from headstart.evaluation.intervals import wilson
from headstart.evaluation.protocols import evaluation_of
from headstart.evaluation.subsets import FEWEST_IN_GROUP, mean_over


def predictions(right: dict[str, tuple[int, int]], *, groups: bool = False) -> Predictions:
    """For each domain so many right rows of so many, of two classes."""
    names = tuple(name for name, (_, total) in right.items() for _ in range(total))
    hits = np.concatenate([np.arange(total) < count for count, total in right.values()])
    labels = np.arange(len(names)) % 2
    probs = np.eye(2)[np.where(hits, labels, 1 - labels)] * 0.8 + 0.1
    rows = tuple(map(str, range(len(names))))
    column = {"given_groups" if groups else "domains": names}
    return Predictions(rows, ("a", "b"), labels, probs, probs, np.arange(len(names)), **column)


def test_each_domain_has_its_accuracy_with_wilson_s_interval_and_the_mean_counts_domains_alike():
    found = evaluation_of(predictions({"y": (7, 11), "x": (5, 5), "z": (9, 23)}), "test")
    assert [(row.name, row.num_images, row.accuracy) for row in found.per_domain] == [
        ("x", 5, wilson(5, 5)),
        ("y", 11, wilson(7, 11)),
        ("z", 23, wilson(9, 23)),
    ]
    shares = [1, 7 / 11, 9 / 23]
    assert found.domain_mean is not None
    assert found.domain_mean.value == pytest.approx(np.mean(shares))
    within = np.mean([(row.accuracy.high - row.accuracy.low) / 2 for row in found.per_domain]) / np.sqrt(3)
    between = stats.t.ppf(0.975, 2) * stats.sem(shares)
    low = np.mean(shares) - np.sqrt(within**2 + between**2)
    assert (found.domain_mean.low, found.domain_mean.high) == (pytest.approx(max(0, low)), 1.0)
    assert found.worst_domain is not None
    assert found.worst_domain.name == "z"
    assert found.per_group == ()


def test_rows_of_one_group_are_resampled_together_inside_a_domain():
    plain = predictions({"x": (10, 20), "y": (10, 20)})
    grouped = replace(plain, given_groups=tuple(f"g{row // 10}" for row in range(40)))
    width = [one.per_domain[0].accuracy.high - one.per_domain[0].accuracy.low for one in map(_evaluated, (plain, grouped))]
    assert width[1] > 1.5 * width[0]


def _evaluated(found: Predictions) -> Evaluation:
    return evaluation_of(found, "test")


def test_groups_of_few_images_have_no_row():
    found = _evaluated(predictions({"p": (5, 12), "q": (8, 13), "r": (2, FEWEST_IN_GROUP - 1)}, groups=True))
    assert [(row.name, row.num_images) for row in found.per_group] == [("p", 12), ("q", 13)]
    assert (found.per_domain, found.domain_mean) == ((), None)


def test_without_the_columns_nothing_is_written_and_one_domain_is_none():
    plain = replace(predictions({"x": (3, 7)}), domains=())
    for found in (plain, predictions({"x": (3, 7)})):
        assert not {"per_domain", "domain_mean", "per_group"} & set(_evaluated(found).to_dict())


def test_two_alike_domains_tell_little_of_others_and_one_nothing():
    evaluation = _evaluated(predictions({"x": (6, 8), "y": (4, 8)}))
    assert evaluation.domain_mean is not None
    assert (evaluation.domain_mean.low, evaluation.domain_mean.high) == (0.0, 1.0)
    one = mean_over(evaluation.per_domain[:1])
    assert one is not None
    assert (one.value, one.low, one.high) == (0.75, 0.0, 1.0)


def test_the_mean_of_domains_that_happen_to_be_equal_is_as_unsure_as_their_images_make_it():
    mean = _evaluated(predictions({"x": (6, 8), "y": (6, 8)})).domain_mean
    assert mean is not None
    own = wilson(6, 8)
    assert mean.high - mean.low == pytest.approx((own.high - own.low) / np.sqrt(2))


def test_names_of_domains_and_groups_are_kept_in_files_and_where_sets_are_joined(tmp_path: Path):
    made = replace(predictions({"x": (6, 8), "y": (4, 8)}), given_groups=("g",) * 16)
    made.write(tmp_path / "made.parquet")
    read = Predictions.read(tmp_path / "made.parquet")
    assert (read.domains, read.given_groups, read.p_values) == (made.domains, made.given_groups, None)
    both = joined([made.take(np.arange(3)), made.take(np.array([15]))])
    assert both.domains == ("x", "x", "x", "y")
    assert joined([made, replace(made, domains=())]).domains == ()
