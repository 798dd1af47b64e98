"""LoRA: a low-rank matrix is trained beside every frozen layer, and a head."""

from __future__ import annotations

from typing import Annotated, ClassVar, final

from pydantic import Field
from torch import Tensor

from headstart.backbones.backbone import Backbone
from headstart.core.ranges import Searched
from headstart.data.streams import Stream
from headstart.data.task import Task
from headstart.data.views import ViewName, view_of
from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.methods.base import GradientMethod, Need
from headstart.methods.model import Model
from headstart.training.adapters import adapted_layers, merge_adapters, peft_package, with_adapters
from headstart.training.batches import Batch
from headstart.training.depth import Depth, stages_behind
from headstart.training.learner import Classifier
from headstart.training.ridge_start import fitted_classifier
from headstart.training.settings import Training


@final
class Lora(GradientMethod):
    """Leaves the network as it is and trains, beside each linear layer and convolution W, a product B A of low rank.

    B starts at zero, so training starts at what ridge predicts; the rank bounds how far any layer can depart from its source. In
    the end W + B A takes W's place: the model is a plain network of the same size and speed.

    Needs: labeled rows, weights worth keeping, and `pip install "headstart[adapters]"`.
    Helps: on transformers, and where a whole fine-tuning forgets or overfits.
    Hurts: where new features are needed. Steps are not cheaper: gradients run through the frozen layers all the same.

    Reference: Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022, eq. 3.
    Differs: all plain layers are adapted, not attention's alone; of a convolution A has the kernel and B is 1 x 1; convolutions
        in groups are left out; the head starts at the ridge solution.

    Attributes:
        rank: Of the product; it is scaled by alpha / rank = 1, as alpha is the first rank that is tried.
        depth: How far training may reach down, as in lp_ft; "all" is the paper's.
        view: How pictures are varied.
        flip: Whether "weak" mirrors half of them; off, as mirroring changes the class of digits and text.
    """

    summary: ClassVar[str] = "Low-rank weights trained beside frozen layers, then added into them (needs peft)"
    needs: ClassVar[tuple[Need, ...]] = ("pictures", "peft")

    rank: Annotated[int, Field(ge=1, le=256), Searched(2, 32)] = 8
    depth: Depth = "middle"
    view: ViewName = "weak"
    flip: bool = False

    def streams(self, task: Task) -> dict[str, Stream]:
        return {"train": Stream(task.train, view_of(self.view, task.native_pixels, self.flip))}

    def stages(self, backbone: Backbone) -> tuple[str, ...]:
        return stages_behind(backbone, self.depth)

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        peft = peft_package()
        layers = adapted_layers(backbone, self.stages(backbone))
        config = peft.LoraConfig(r=self.rank, lora_alpha=self.rank, target_modules=layers)
        return with_adapters(fitted_classifier(backbone, task.train), config)

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        return {"cross_entropy": soft_cross_entropy(learner(batch["train"].images), batch["train"].targets)}

    def deploy(self, learner: Classifier, task: Task) -> Model:
        merge_adapters(learner.backbone)
        return super().deploy(learner, task)
