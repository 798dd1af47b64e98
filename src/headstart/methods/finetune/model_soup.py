"""Model soup: mean of the weights of several fine-tunings, taken in while held-out rows lose nothing."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated, ClassVar, Literal, final

import torch
from pydantic import Field
from torch import Tensor

from headstart.backbones.backbone import Backbone
from headstart.core.seeds import generator_for, seed_for
from headstart.data.augmentation.views import ViewName, view_of
from headstart.data.images import ImageSet
from headstart.data.streams import Stream
from headstart.data.task import Task
from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.methods.base import Method, Need, check_needs, deployed
from headstart.methods.model import Model
from headstart.training.batches import Batch
from headstart.training.cost import cost_probe, probe_rows
from headstart.training.depth import Depth, stages_behind
from headstart.training.held_out import HeldOut, held_out
from headstart.training.interpolation import State, greedy_mean, mean_of, state_of
from headstart.training.learner import Classifier
from headstart.training.loop import train
from headstart.training.ridge_start import fitted_classifier
from headstart.training.settings import Training


@final
class ModelSoup(Method):
    """Fine-tunes several times from one beginning, with other step sizes and other draws, and averages the weights.

    Trainings that share their initialization end in one basin of the loss; the mean is often better than each of them and costs
    no more to run than one. Ingredients are added one after the other, the best first, as long as the loss on held-out rows
    does not rise; where fewer than 100 rows can be held out, all ingredients are averaged and all rows are trained on.

    Needs: labeled rows, and weights worth keeping: from random weights every training ends in another basin.
    Helps: when time for several trainings is there and the right step size is not known.
    Hurts: when time is short: one training with as many epochs as all ingredients together may do as well.

    Reference: Wortsman et al., "Model soups: averaging weights of multiple fine-tuned models improves accuracy without increasing
        inference time", ICML 2022, algorithm 1 (greedy soup), and section 2 (uniform soup).
    Differs: ingredients differ by step size and by seed, so by batches and by how pictures are varied, not by augmentation or
        regularization; they are judged by calibrated log loss.

    Attributes:
        num_ingredients: Trainings, the first of them with the step size of the plan.
        spread: Largest factor between another ingredient's step size and the plan's, up or down; drawn evenly by order of
            magnitude.
        depth: How far each training reaches down, as in lp_ft, at once.
        body_scale: Step size of the backbone's last stage as a multiple of the head's.
        stage_decay: Factor from each stage to the one before it.
        view: How pictures are varied.
        flip: Whether "weak" mirrors half of them; off, as mirroring changes the class of digits and text.
    """

    cost: ClassVar[Literal["closed form", "gradient"]] = "gradient"
    needs: ClassVar[tuple[Need, ...]] = ("pictures",)

    num_ingredients: Annotated[int, Field(ge=2, le=32)] = 4
    spread: Annotated[float, Field(ge=1, le=10)] = 2.0
    depth: Depth = "middle"
    body_scale: Annotated[float, Field(gt=0, le=1)] = 0.5
    stage_decay: Annotated[float, Field(gt=0, le=1)] = 0.7
    view: ViewName = "weak"
    flip: bool = False

    def fit(self, task: Task, backbone: Backbone, training: Training, workspace: Path | None = None) -> Model:
        """See `Method.fit`; each ingredient has a folder of its own."""
        check_needs(self, task, backbone)
        fold = held_out(task.train, training.seed)
        images = task.train.take(fold.fit) if fold else task.train
        learner = self.build(images, backbone, training)
        initial = state_of(learner)
        ends: list[State] = []
        for index in range(self.num_ingredients):
            learner.load_state_dict(initial)
            folder = workspace and workspace / f"ingredient {index}"
            train(learner, self._streams(images, task), _losses, self.recipe(training, index), folder)
            if folder:
                shutil.rmtree(folder / "cache", ignore_errors=True)
            ends.append(state_of(learner))
        if fold:
            greedy_mean(learner, ends, HeldOut(task.train.take(fold.held_out), learner))
        else:
            learner.load_state_dict(mean_of(ends))
        return deployed(learner, task)

    def predicted_seconds(self, task: Task, backbone: Backbone, training: Training) -> float:
        """See `Method.predicted_seconds`."""
        check_needs(self, task, backbone)
        few = task.train.take(probe_rows(task.train, training))
        learner = self.build(few, backbone, training)
        one = cost_probe(learner, self._streams(few, task), _losses, training, {"train": len(task.train)})
        return self.num_ingredients * one

    def recipe(self, training: Training, index: int) -> Training:
        """The training of one ingredient, counted from 0; the first is the plan's own."""
        if index == 0:
            return training
        factor = self.spread ** generator_for(training.seed, "soup", index).uniform(-1, 1)
        return training.model_copy(update={"lr": training.lr * factor, "seed": seed_for(training.seed, "soup", index)})

    def build(self, images: ImageSet, backbone: Backbone, training: Training) -> Classifier:
        """What every ingredient begins with, made of a copy of the backbone and labeled rows; the seed decides a random head."""
        with torch.random.fork_rng():
            torch.manual_seed(seed_for(training.seed, "build", self.kind()))
            learner = fitted_classifier(backbone.copy(), images, self.body_scale, self.stage_decay)
        for cut in stages_behind(learner.backbone, self.depth)[-1:]:
            learner.freeze_up_to(cut)
        return learner

    def _streams(self, images: ImageSet, task: Task) -> dict[str, Stream]:
        return {"train": Stream(images, view_of(self.view, task.native_pixels, self.flip))}


def _losses(learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
    return {"cross_entropy": soft_cross_entropy(learner(batch["train"].images), batch["train"].targets)}
