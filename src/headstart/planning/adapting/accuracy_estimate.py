"""Outlook: how accurate a model may be on a target whose labels nobody has read, and what a person should be told."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.stats import norm

from headstart.core.estimate import Estimate
from headstart.core.findings import Finding
from headstart.core.types import Floats, Integers
from headstart.evaluation.intervals import wilson
from headstart.evaluation.validator_inputs import right_of
from headstart.planning.adapting.adaptation import UNADAPTED
from headstart.planning.adapting.domain_pair import DomainPair


def estimated_accuracy(held_probs: Floats, held_labels: Integers, target_probs: Floats) -> Estimate:
    """Accuracy on held-out source rows, less the fall in confidence from them to the target.

    Its interval covers chance in both sets of rows. It does not cover a model that is sure of what is wrong, which is what a
    large shift makes of it.

    Args:
        held_probs: Of source rows that the unadapted model was not fitted on, float [held, class].
        held_labels: int64 [held].
        target_probs: Of target rows by the model in question, float [target, class].

    Returns:
        The estimate, within [0, 1].

    Reference: Guillory, Shankar, Ebrahimi, Darrell & Schmidt, "Predicting with Confidence on Unseen Distributions", ICCV 2021,
        section 3.2 (difference of confidences).
    Differs: the fall in accuracy is taken to equal that in confidence, where the paper fits a regression over many shifts.
    """
    surplus = right_of(held_probs, held_labels) - held_probs.max(axis=1)
    sure = target_probs.max(axis=1)
    value = float(surplus.mean() + sure.mean())
    error = float(np.sqrt(surplus.var() / max(len(surplus), 1) + sure.var() / len(sure)))
    half = float(norm.ppf(0.975)) * error
    low, middle, high = np.clip([value - half, value, value + half], 0.0, 1.0)
    return Estimate(value=float(middle), low=float(low), high=float(high))


def findings_of(
    scene: DomainPair, unadapted: Estimate, chosen: tuple[str, ...], said: Integers, said_unadapted: Integers, *, fits: bool
) -> Iterator[Finding]:
    """What a person should know before the target's predictions are used.

    Args:
        scene: What was looked at.
        unadapted: Estimated accuracy of the unadapted model.
        chosen: Methods that predict.
        said: Classes of target rows by those, int64 [target].
        said_unadapted: The same by the unadapted model.
        fits: Whether any candidate makes sense of the target's neighborhoods.

    Yields:
        Findings.
    """
    majority, right = float(scene.source_shares.max()), right_of(scene.held_probs, scene.held_labels)
    held = wilson(float(right.sum()), len(right))
    hopeless = chosen == (UNADAPTED,) and not scene.shift.why_kept and (not fits or unadapted.high < majority)
    if held.low <= majority:
        yield Finding(
            code="source-teaches-nothing",
            severity="error",
            title=f"The source does not teach its own classes: {held.value:.1%} of held-out source images are predicted right, "
            f"and its most frequent class alone makes up {majority:.1%}.",
            evidence={"source_accuracy": round(held.value, 4), "majority_share": round(majority, 4)},
            advice="Check the source's labels, choose another source, or label some target images.",
        )
    elif hopeless:
        yield Finding(
            code="source-does-not-fit",
            severity="error",
            title="Nothing that was learned from the source makes sense of the target: predictions may be worse than always "
            "naming the most frequent class.",
            evidence={
                "estimated_accuracy": round(unadapted.value, 4),
                "majority_share": round(majority, 4),
                "label_ratio": round(scene.shift.label_ratio, 2),
                "feature_ratio": round(scene.shift.feature_ratio, 2),
            },
            advice="Label some target images: `headstart label` says which; or choose another source.",
        )
    elif chosen != (UNADAPTED,):
        yield from _below_majority(scene, said, said_unadapted)


def _below_majority(scene: DomainPair, said: Integers, said_unadapted: Integers) -> Iterator[Finding]:
    """Where the unadapted model agrees less often with the adapted one than always naming the most frequent class would."""
    counts = np.bincount(said, minlength=scene.task.num_classes)
    agreement, most = float((said == said_unadapted).mean()), float(counts.max() / len(said))
    if agreement < most:
        name = scene.task.classes[int(counts.argmax())]
        yield Finding(
            code="unadapted-below-majority",
            severity="warning",
            title="Without adaptation, the source's model may do worse than always naming the most frequent class: it agrees "
            f"with the adapted model on {agreement:.0%} of the target images, and {most:.0%} of them are {name}.",
            evidence={"agreement": round(agreement, 4), "majority_share": round(most, 4)},
            advice="Do not use the source's model as it is. Label some target images, `headstart label` says which, to make sure "
            "of the adapted one.",
        )
