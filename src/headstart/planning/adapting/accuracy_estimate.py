"""Accuracy estimate on a target without labels, and the findings that follow from it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.special import ndtri

from headstart.core.estimate import Estimate
from headstart.core.findings import Finding
from headstart.core.types import Floats, Integers
from headstart.evaluation.accuracy_estimators.difference_of_confidence import difference_of_confidence
from headstart.evaluation.intervals import wilson
from headstart.evaluation.validator_inputs import right_of
from headstart.planning.adapting.adaptation import UNADAPTED
from headstart.planning.adapting.domain_pair import DomainPair


def estimated_accuracy(held_out_probs: Floats, held_out_labels: Integers, target_probs: Floats) -> Estimate:
    """Accuracy on held-out source rows, less the fall in confidence from them to the target; see `difference_of_confidence`.

    Its interval covers the sampling error of both sets of rows. It does not cover confident mistakes, which large shifts cause.

    Args:
        held_out_probs: Of source rows that the unadapted model was not fitted on, float [held-out row, class].
        held_out_labels: int64 [held-out row].
        target_probs: Of target rows by the model in question, float [target, class].

    Returns:
        The estimate, within [0, 1].
    """
    value = difference_of_confidence(held_out_probs, held_out_labels, target_probs)
    surplus = right_of(held_out_probs, held_out_labels) - held_out_probs.max(axis=1)
    confidence = target_probs.max(axis=1)
    error = float(np.sqrt(surplus.var() / max(len(surplus), 1) + confidence.var() / len(confidence)))
    half = float(ndtri(0.975)) * error
    return Estimate(value=value, low=max(0.0, value - half), high=min(1.0, value + half))


def findings_of(
    pair: DomainPair,
    unadapted: Estimate,
    chosen: tuple[str, ...],
    predicted: Integers,
    unadapted_predicted: Integers,
    *,
    fits: bool,
) -> Iterator[Finding]:
    """What a person should know before the target's predictions are used.

    Args:
        pair: The domains.
        unadapted: Estimated accuracy of the unadapted model.
        chosen: Methods that predict.
        predicted: Classes of target rows by those, int64 [target].
        unadapted_predicted: The same by the unadapted model.
        fits: As in `SelectionVerdict`.

    Yields:
        Findings.
    """
    majority, right = float(pair.source_shares.max()), right_of(pair.held_out_probs, pair.held_out_labels)
    on_source = wilson(float(right.sum()), len(right))
    hopeless = chosen == (UNADAPTED,) and not pair.shift.why_unadapted and (not fits or unadapted.high < majority)
    if on_source.low <= majority:
        yield Finding(
            code="source-teaches-nothing",
            severity="error",
            title=f"A model fitted to a part of the source predicts {on_source.value:.1%} of the rest right, and the most "
            f"frequent class alone makes up {majority:.1%}.",
            evidence={"source_accuracy": round(on_source.value, 4), "majority_share": round(majority, 4)},
            advice="Check the source's labels, choose another source, or label some target images.",
        )
    elif hopeless:
        yield Finding(
            code="source-does-not-fit",
            severity="error",
            title="No model learned from the source fits the target: predictions may be worse than always naming the most "
            "frequent class.",
            evidence={
                "estimated_accuracy": round(unadapted.value, 4),
                "majority_share": round(majority, 4),
                "p_value": round(pair.shift.p_value, 4),
            },
            advice="Label some target images: `headstart label` says which; or choose another source.",
        )
    elif chosen != (UNADAPTED,):
        yield from _below_majority(pair, predicted, unadapted_predicted)


def _below_majority(pair: DomainPair, predicted: Integers, unadapted_predicted: Integers) -> Iterator[Finding]:
    """A warning if the unadapted model agrees with the adapted one less often than naming the most frequent class would."""
    counts = np.bincount(predicted, minlength=pair.task.num_classes)
    agreement, most = float((predicted == unadapted_predicted).mean()), float(counts.max() / len(predicted))
    if agreement < most:
        name = pair.task.classes[int(counts.argmax())]
        yield Finding(
            code="unadapted-below-majority",
            severity="warning",
            title="Without adaptation, the source's model may do worse than always naming the most frequent class: it agrees "
            f"with the adapted model on {agreement:.0%} of the target images, and {most:.0%} of them are {name}.",
            evidence={"agreement": round(agreement, 4), "majority_share": round(most, 4)},
            advice="Do not use the source's model as it is. Label some target images, `headstart label` says which, to make sure "
            "of the adapted one.",
        )
