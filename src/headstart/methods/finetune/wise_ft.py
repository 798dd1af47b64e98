"""WiSE-FT: average of the weights before and after fine-tuning, its share chosen on held-out rows."""

from __future__ import annotations

from typing import Annotated, cast, final

from pydantic import Field

from headstart.backbones.backbone import Backbone
from headstart.core.errors import PlanError
from headstart.data.augmentation.views import view_of
from headstart.data.folds import Fold
from headstart.data.streams import Stream
from headstart.data.task import Task
from headstart.methods._fine_tuning import ScaledFineTuning
from headstart.methods.model import Model
from headstart.training.depth import stages_behind
from headstart.training.held_out import HeldOut, held_out
from headstart.training.interpolation import State, average, best_share
from headstart.training.learner import Classifier
from headstart.training.ridge_start import fitted_classifier
from headstart.training.settings import Training
from headstart.training.teacher import Teacher

SHARE_WITHOUT_ROWS = 0.5
"""Share of the trained weights where no rows can be held out; what Wortsman et al. recommend then."""
FOLD_SEED = 0
"""Which rows are held out does not depend on the seed of the training."""


@final
class WiseFt(ScaledFineTuning):
    """Fine-tunes from the ridge head and goes back part of the way: each weight is (1 - share) * before + share * after.

    Before and after lie in one basin of the loss, so that models between them are as good or better, and keep more of the
    pretrained weights. The share, one of eleven, is that of the lowest loss on held-out rows; it is a half where fewer than 100
    rows can be held out. lp_ft does the like where it holds out rows; here it is done with any number of rows, at one depth and
    with depth = "all", too.

    Needs: labeled rows, and weights worth keeping.
    Helps: where fine-tuning overfits, or where pictures to come will differ from those at hand.
    Hurts: where the features before were of no use: half of the change is then too little.

    Reference: Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022, eq. 1.
    Differs: the linear classifier on the unchanged features is the ridge solution, not a zero-shot one.

    Attributes:
        share: Of the weights after training, in [0, 1]; held-out rows choose where it is not given.
    """

    share: Annotated[float, Field(ge=0, le=1)] | None = None

    def streams(self, task: Task) -> dict[str, Stream]:
        fold = self._fold(task)
        images = task.train.take(fold.fit) if fold else task.train
        return {"train": Stream(images, view_of(self.view, task.native_pixels, self.flip))}

    def stages(self, backbone: Backbone) -> tuple[str, ...]:
        """None, as what is averaged is one training's beginning and its end."""
        return ()

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        if backbone.weights == "none":
            raise PlanError(
                f"wise_ft goes back to the weights it began with, and {backbone.card.name}'s are random. Choose fine_tune."
            )
        images = self.streams(task)["train"].images
        learner = fitted_classifier(backbone, images, self.body_scale, self.stage_decay)
        for cut in stages_behind(backbone, self.depth)[-1:]:
            learner.freeze_up_to(cut)
        learner.extra = Teacher(learner)
        return learner

    def deploy(self, learner: Classifier, task: Task) -> Model:
        initial = cast(Teacher, learner.extra).weights()
        learner.extra = None
        share = self._share(learner, initial, task)
        learner.load_state_dict(average(initial, learner.state_dict(), share))
        return super().deploy(learner, task)

    def _fold(self, task: Task) -> Fold | None:
        """What is trained on and what the share is chosen by; None where it is not chosen."""
        return held_out(task.train, FOLD_SEED) if self.share is None else None

    def _share(self, learner: Classifier, initial: State, task: Task) -> float:
        if self.share is not None:
            return self.share
        fold = self._fold(task)
        return best_share(learner, initial, HeldOut(task.train.take(fold.held_out), learner))[0] if fold else SHARE_WITHOUT_ROWS
