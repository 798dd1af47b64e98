"""LoRA: low-rank weights trained beside frozen layers, then added into them (needs peft)."""

from __future__ import annotations

from typing import Annotated, ClassVar, final

from pydantic import Field

from headstart.backbones.backbone import Backbone
from headstart.core.ranges import Searched
from headstart.data.task import Task
from headstart.methods._fine_tuning import StagedFineTuning
from headstart.methods.base import Need
from headstart.methods.model import Model
from headstart.training.adapters import adapted_layers, merge_adapters, peft_package, with_adapters
from headstart.training.learner import Classifier
from headstart.training.settings import Training


@final
class Lora(StagedFineTuning):
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

    needs: ClassVar[tuple[Need, ...]] = ("pictures", "peft")

    rank: Annotated[int, Field(ge=1, le=256), Searched(2, 32)] = 8

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        layers = adapted_layers(backbone, self.stages(backbone))
        config = peft_package().LoraConfig(r=self.rank, lora_alpha=self.rank, target_modules=layers)
        return with_adapters(super().build(task, backbone, training), config)

    def deploy(self, learner: Classifier, task: Task) -> Model:
        merge_adapters(learner.backbone)
        return super().deploy(learner, task)
