"""Random choice: the baseline of every other strategy."""

from __future__ import annotations

from headstart.core.seeds import generator_for
from headstart.core.types import Integers
from headstart.evaluation.label_inputs import LabelInputs


def random_choice(inputs: LabelInputs) -> Integers:
    """Rows drawn without replacement, each with the same probability."""
    order = generator_for(inputs.seed, "label", "random").permutation(len(inputs.features))
    return order[: inputs.num]
