"""Label choice: which strategy chooses the images to label where nobody says."""

from __future__ import annotations

from headstart.core.errors import PlanError
from headstart.core.types import Integers
from headstart.evaluation.label_inputs import LabelInputs
from headstart.evaluation.label_strategies import LABEL_STRATEGIES

FEW_A_CLASS = 5
"""Labels a class, on average, below which typical images are chosen, and from which on those that would move the model most.
With two labels a class the former gained 6 to 8 points over random choice on digits, MNIST, Fashion-MNIST and emoji and the
latter 0 to 3; with ten it was 0 to 3 against 1 to 2 (four draws each, other ones than `python -m benchmarks.label_choice`
reports)."""


def default_strategy(num_labels: int, num_classes: int) -> str:
    """The name of the strategy for so many labels of so many classes."""
    return "typicality" if num_labels < FEW_A_CLASS * max(num_classes, 1) else "gradient_diversity"


def rows_to_choose(inputs: LabelInputs, strategy: str) -> Integers:
    """The rows that a strategy chooses; `PlanError` where it does not exist, or needs a model and there is none."""
    chosen = LABEL_STRATEGIES.get(strategy)(inputs)
    if chosen is None:
        without = [name for name, one in LABEL_STRATEGIES.all().items() if one(inputs._replace(num=1)) is not None]
        raise PlanError(f"--strategy {strategy} asks a model, and nothing has a label yet. Choose {' or '.join(without)}.")
    return chosen
