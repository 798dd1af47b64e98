"""LoRA: low-rank weights trained beside frozen layers, then added into them (needs peft)."""

from __future__ import annotations

from typing import Annotated, Any, final

from pydantic import Field

from headstart.core.ranges import Searched
from headstart.methods._fine_tuning import AdapterTuning


@final
class Lora(AdapterTuning):
    """Leaves the network as it is and trains, beside each linear layer and convolution W, a product B A of low rank.

    B starts at zero, so training starts at what ridge predicts; the rank bounds how far any layer can depart from its source. In
    the end W + B A takes W's place: the model is a plain network of the same size and speed.

    Needs: labeled rows, weights worth keeping, and `pip install "headstart[adapters]"`.
    Helps: on transformers, and where a whole fine-tuning forgets or overfits.
    Hurts: where new features are needed. Steps are not cheaper: gradients run through the frozen layers all the same.

    Reference: Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022, eq. 3.
    Differs: all plain layers are adapted, not attention's alone; of a convolution A has the kernel and B is 1 x 1; convolutions
        in groups are left out.

    Attributes:
        rank: Of the product; it is scaled by alpha / rank = 1, as alpha is the first rank that is tried.
    """

    rank: Annotated[int, Field(ge=1, le=256), Searched(2, 32)] = 8

    def config(self, peft: Any, layers: str) -> Any:
        return peft.LoraConfig(r=self.rank, lora_alpha=self.rank, target_modules=layers)
