"""Open-set test: whether some target images show no class of the source, without their labels."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np

from headstart.backbones.backbone import Backbone
from headstart.core.findings import Finding
from headstart.core.types import Floats
from headstart.data.task import Task
from headstart.features.extract import features_of
from headstart.novelty.detector import fit_detector

MOST_ROWS = 700
"""Rows of each domain that are used: with many more, any deviation from a normal distribution would count as a second group."""
VERY_STRONG = 10.0
"""Twice the logarithm of a Bayes factor from which on evidence counts as very strong (Kass & Raftery, "Bayes Factors", JASA 1995,
section 3.2)."""
LARGEST_P_VALUE = 0.01
"""Level of Fisher's test, below the usual 0.05 because the finding is not asked for. Chosen, not measured."""
REJECTED = 0.05
"""Conformal p-value up to which an image counts as unlike the source: the usual level of a test."""
FEWEST_IMAGES = 20
"""Of either domain; with fewer than 19 left-out images no conformal p-value is as low as `REJECTED`."""


def open_set_finding(task: Task, backbone: Backbone) -> Finding | None:
    """A finding when some target images look like no class of the source.

    Two tests must agree: the detector's statistics fall into two groups, and a larger share of target images than of left-out
    source images has a small p-value. Each alone misleads: the first where some classes are easy and others hard, the second
    wherever the domains differ.

    Args:
        task: With a source and unlabeled target images; target labels are not read.
        backbone: Frozen.

    Returns:
        None where no difference is found, which does not prove that all images show known classes.
    """
    if not task.source or not task.unlabeled or min(len(task.source), len(task.unlabeled)) < FEWEST_IMAGES:
        return None
    from scipy.stats import fisher_exact  # noqa: PLC0415  takes half a second

    source, target = task.source.spaced(MOST_ROWS), task.unlabeled.spaced(MOST_ROWS)
    nothing = replace(source.take(np.empty(0, np.int64)), classes=task.classes)
    alone = replace(task, train=nothing, validation=None, test=None, source=source, unlabeled=None)
    own, across = fit_detector(alone, backbone), fit_detector(replace(alone, unlabeled=target), backbone)
    if own is None or across is None:
        return None
    own, across = own.directions_only(), across.directions_only()  # early stages differ between domains, whatever the images show
    p_values = replace(own, representation=across.representation).p_values(features_of(target, backbone))
    num, usual = int((p_values <= REJECTED).sum()), int(REJECTED * (len(own.calibration) + 1))
    gain = two_groups(across.totals(across.calibration))
    counts = [[num, len(p_values) - num], [usual, len(own.calibration) - usual]]
    if gain <= VERY_STRONG or fisher_exact(counts, "greater").pvalue >= LARGEST_P_VALUE:
        return None
    return Finding(
        code="unknown-classes-in-target",
        severity="warning",
        title=f"Some target images seem to show no class of the source: {num / len(p_values):.1%} of them look less like the "
        f"source's images than {1 - REJECTED:.0%} of those do, and the target's images fall into two groups.",
        evidence={
            "share": round(num / len(p_values), 4),
            "expected": REJECTED,
            "evidence_of_two_groups": round(gain, 1),
            "num_images": len(p_values),
        },
        advice="Check the target images of the lowest p-value; `headstart predict RUN IMAGES --refuse SHARE` gives such images "
        "no label.",
    )


def two_groups(values: Floats) -> float:
    """How strongly values [sample] speak for two groups instead of one.

    The gain in the Bayesian information criterion: above zero where a mixture of two normal distributions explains them better.

    Reference: Schwarz, "Estimating the dimension of a model", Annals of Statistics 1978.
    """
    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415  takes a second
    from sklearn.mixture import GaussianMixture  # noqa: PLC0415  takes a second

    column = np.asarray(values, np.float64)[:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        one, two = (GaussianMixture(num, n_init=3, random_state=0).fit(column).bic(column) for num in (1, 2))
    return float(one - two)
