"""Strangers: are there images among the target's that show no class of the source? Nobody has read their labels."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
from scipy.stats import fisher_exact
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from headstart.backbones.backbone import Backbone
from headstart.core.findings import Finding
from headstart.core.spacing import evenly_spaced
from headstart.core.types import Floats
from headstart.data.images import ImageSet
from headstart.data.task import Task
from headstart.features.extract import features_of
from headstart.novelty.detector import fit_detector

MOST_ROWS = 700
"""Rows of each domain that are looked at: from many more, any oddity of a distribution would look like a second group."""
STRONG = 10.0
"""Twice the logarithm of a Bayes factor from which on evidence counts as very strong (Kass & Raftery, "Bayes Factors", JASA 1995,
section 3.2)."""
SURE = 0.01
LEAST = 0.05
LEAST_IMAGES = 20


def open_set_finding(task: Task, backbone: Backbone) -> Finding | None:
    """A finding when some target images look like no class of the source.

    Two things have to be there: familiarity falls into two groups, and more target images than left-out source images look
    unlike everything learned. Each alone misleads: the first where classes are easy and hard, the second wherever the domains
    differ.

    Args:
        task: With a source and unlabeled target images; target labels are not read.
        backbone: What looks at images.

    Returns:
        None where they cannot be told apart, which does not say that there are none.
    """
    if not task.source or not task.unlabeled or min(len(task.source), len(task.unlabeled)) < LEAST_IMAGES:
        return None
    source, target = _few(task.source), _few(task.unlabeled)
    nothing = replace(source.take(np.empty(0, np.int64)), classes=task.classes)
    alone = replace(task, train=nothing, validation=None, test=None, source=source, unlabeled=None)
    own, across = fit_detector(alone, backbone), fit_detector(replace(alone, unlabeled=target), backbone)
    if own is None or across is None:
        return None
    seen = replace(own, representation=across.representation).p_values(features_of(target, backbone))
    num, usual = int((seen <= LEAST).sum()), int(LEAST * (len(own.known) + 1))
    gain = two_groups(across.totals(across.known))
    chance = fisher_exact([[num, len(seen) - num], [usual, len(own.known) - usual]], "greater").pvalue
    if gain <= STRONG or chance >= SURE:
        return None
    return Finding(
        code="unknown-classes-in-target",
        severity="warning",
        title=f"Some target images seem to show no class of the source: {num / len(seen):.1%} of them look less familiar than "
        f"{1 - LEAST:.0%} of the source's own images, and how familiar they look falls into two groups.",
        evidence={
            "share": round(num / len(seen), 4),
            "expected": LEAST,
            "evidence_of_two_groups": round(gain, 1),
            "looked_at": len(seen),
        },
        advice="Look at the target images of lowest familiarity; `headstart predict RUN IMAGES --refuse SHARE` gives such images "
        "no label.",
    )


def two_groups(values: Floats) -> float:
    """How strongly values speak for two groups instead of one: the gain in the Bayesian information criterion.

    Args:
        values: float [sample].

    Returns:
        Above zero where a mixture of two normal distributions is likelier than a single one.

    Reference: Schwarz, "Estimating the dimension of a model", Annals of Statistics 1978.
    """
    column = np.asarray(values, np.float64)[:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        one, two = (GaussianMixture(num, n_init=3, random_state=0).fit(column).bic(column) for num in (1, 2))
    return float(one - two)


def _few(images: ImageSet) -> ImageSet:
    return images.take(evenly_spaced(len(images), MOST_ROWS))
