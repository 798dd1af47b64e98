"""LoHa: the elementwise product of two low-rank matrices is trained beside every frozen layer, and a head."""

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
class Loha(GradientMethod):
    """Leaves the network as it is and trains, beside each linear layer and convolution, (B1 A1) * (B2 A2), elementwise.

    With the weights of two products of rank r it reaches rank r squared. It differs from lora by the form of the adapter alone,
    and is a method of its own as rank means something else.

    Needs: labeled rows, weights worth keeping, and `pip install "headstart[adapters]"`.
    Helps: where lora's rank is too low for what must change and more weights would overfit.
    Hurts: where new features are needed. It is slower than lora: each step makes whole kernels.

    Reference: Hyeon-Woo et al., "FedPara: Low-rank Hadamard Product for Communication-Efficient Federated Learning", ICLR 2022,
        proposition 1.
    Differs: the product is added to pretrained weights that stay, as in LoRA; kernels are flattened to matrices; the head starts
        at the ridge solution.

    Attributes:
        rank: Of each of the two products; their elementwise product is scaled by 1.
        depth: How far training may reach down, as in lp_ft.
        view: How pictures are varied.
        flip: Whether "weak" mirrors half of them; off, as mirroring changes the class of digits and text.
    """

    summary: ClassVar[str] = "Elementwise products of low-rank weights beside frozen layers, then added (needs peft)"
    needs: ClassVar[tuple[Need, ...]] = ("pictures", "peft")

    rank: Annotated[int, Field(ge=1, le=64), Searched(2, 16)] = 4
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
        config = peft.LoHaConfig(r=self.rank, alpha=self.rank, target_modules=layers)
        return with_adapters(fitted_classifier(backbone, task.train), config)

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        return {"cross_entropy": soft_cross_entropy(learner(batch["train"].images), batch["train"].targets)}

    def deploy(self, learner: Classifier, task: Task) -> Model:
        merge_adapters(learner.backbone)
        return super().deploy(learner, task)
