"""What a prediction costs: operations an image, and weights."""

from __future__ import annotations

from collections.abc import Iterable

from headstart.backbones.descriptions import Description
from headstart.backbones.extractor import Extractor
from headstart.backbones.operations import multiply_adds_of
from headstart.core.records import Record


class PredictionCost(Record):
    """What the networks of a model cost; heads are left out, as they take next to nothing beside them.

    Attributes:
        multiply_adds: To predict one image.
        megabytes: Of the weights.
    """

    multiply_adds: float
    megabytes: float

    def times(self, count: int) -> PredictionCost:
        """The cost of so many networks of that cost."""
        return PredictionCost(multiply_adds=count * self.multiply_adds, megabytes=count * self.megabytes)

    def instead_of(self, other: PredictionCost) -> str:
        """This cost beside that of another model, for a sentence."""
        share = f"{self.multiply_adds / other.multiply_adds:.2f} of the operations an image" if other.multiply_adds else ""
        counts = f" ({_millions(self)} million multiply-adds instead of {_millions(other)})" if share else ""
        weights = f"{self.megabytes:.0f} MB of weights instead of {other.megabytes:.0f}"
        return f"{share}{counts}, {weights}" if share else weights


def prediction_cost(networks: Iterable[Extractor]) -> PredictionCost:
    """The cost of an image's passes through networks; weights that several sides of the input share count once."""
    passes = {network.identity: network for network in networks}.values()
    weights = {network.weights_hash: network for network in passes}.values()
    return PredictionCost(
        multiply_adds=sum(_multiply_adds(network) for network in passes),
        megabytes=sum(4e-6 * sum(one.numel() for one in network.network.module.parameters()) for network in weights),
    )


def _multiply_adds(network: Extractor) -> float:
    if network.card.architecture == "identity":
        return 0.0
    return multiply_adds_of(Description(network).loaded(), network.transform)


def _millions(cost: PredictionCost) -> str:
    return f"{cost.multiply_adds / 1e6:,.0f}"
