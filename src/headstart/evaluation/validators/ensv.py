"""EnsV: agreement with the mean of all candidates."""

from __future__ import annotations

from headstart.evaluation.validator_inputs import ValidatorInputs, right_of


def ensv(inputs: ValidatorInputs) -> float | None:
    """Share of target rows on which the candidate and the mean of all candidates predict the same class, in [0, 1].

    Limits: it follows the majority; where most candidates make the same errors, it prefers them.

    Reference: Hu, Luo, Liang & Foo, "Towards Reliable Model Selection for Unsupervised Domain Adaptation: An Empirical Study and
        A Certified Baseline", NeurIPS 2024, section 3.
    """
    return float(right_of(inputs.ensemble_probs, inputs.predicted).mean())
