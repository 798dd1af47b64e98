"""Source accuracy: what is left of the source task."""

from __future__ import annotations

from headstart.evaluation.validator_inputs import ValidatorInputs, right_of


def source_accuracy(inputs: ValidatorInputs) -> float | None:
    """Share of held-out source rows that are predicted right, in [0, 1]; None without predictions of such rows.

    Limits: it does not depend on the target, and prefers the unadapted model wherever domains differ. A fall says that adapting
    lost what the source taught.

    Reference: the "source validation" baseline of Musgrave, Belongie & Lim, "Three New Validators and a Large-Scale Benchmark
        Ranking for Unsupervised Domain Adaptation", arXiv 2208.07360, section 3.
    """
    if inputs.held_out_probs is None or not len(inputs.held_out_labels):
        return None
    return float(right_of(inputs.held_out_probs, inputs.held_out_labels).mean())
