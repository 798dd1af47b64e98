"""Agreement: whether a candidate keeps the confident predictions of the unadapted model."""

from __future__ import annotations

from headstart.evaluation.validator_inputs import ValidatorInputs, right_of


def agreement(inputs: ValidatorInputs) -> float | None:
    """Share of the target rows of which the unadapted model is confident that get the same class from the candidate.

    In [0, 1]; None where the unadapted model is confident of no row.

    Limits: under a large shift the unadapted model is confident of wrong classes, and a candidate that corrects them scores low.

    Reference: methods that adapt from confident rows rest on the same assumption, such as Saito, Ushiku & Harada, "Asymmetric
        Tri-training for Unsupervised Domain Adaptation", ICML 2017.
    """
    rows = inputs.confident
    return float(right_of(inputs.source_only_probs[rows], inputs.predicted[rows]).mean()) if rows.any() else None
