"""LoHa: elementwise products of low-rank weights beside frozen layers, then added (needs peft)."""

from __future__ import annotations

from typing import Annotated, Any, final

from pydantic import Field

from headstart.core.ranges import Searched
from headstart.methods._fine_tuning import AdapterTuning


@final
class Loha(AdapterTuning):
    """Leaves the network as it is and trains, beside each linear layer and convolution, (B1 A1) * (B2 A2), elementwise.

    With the weights of two products of rank r it reaches rank r squared. It differs from lora by the form of the adapter alone,
    and is a method of its own as rank means something else.

    Needs: labeled rows, weights worth keeping, and `pip install "headstart[adapters]"`.
    Helps: where lora's rank is too low for what must change and more weights would overfit.
    Hurts: where new features are needed. It is slower than lora: each step makes whole kernels.

    Reference: Hyeon-Woo et al., "FedPara: Low-rank Hadamard Product for Communication-Efficient Federated Learning", ICLR 2022,
        proposition 1.
    Differs: the product is added to pretrained weights that stay, as in LoRA; kernels are flattened to matrices.

    Attributes:
        rank: Of each of the two products; their elementwise product is scaled by 1.
    """

    rank: Annotated[int, Field(ge=1, le=64), Searched(2, 16)] = 4

    def config(self, peft: Any, layers: str) -> Any:
        return peft.LoHaConfig(r=self.rank, alpha=self.rank, target_modules=layers)
