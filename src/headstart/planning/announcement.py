"""Announcement: what a fit will take, said before it begins where it takes more than a minute."""

from __future__ import annotations

from headstart.backbones.backbone import Backbone
from headstart.backbones.catalog import card_of
from headstart.backbones.descriptions import Description
from headstart.backbones.loading import load_backbone
from headstart.backbones.machine_speed import slowness
from headstart.backbones.operations import seconds_of_reference
from headstart.core.errors import TrainingError
from headstart.core.progress import about, note
from headstart.data.task import Task
from headstart.methods import method_from
from headstart.methods.base import GradientMethod
from headstart.planning.candidate import Candidate
from headstart.planning.costs import seconds_of_features, seconds_of_head
from headstart.planning.fitting import backbone_of, candidate_of
from headstart.planning.limits import check_memory, slices_that_fit
from headstart.planning.plan import Plan, is_gradient

LITTLE_SECONDS = 60.0
"""What takes less is not announced."""
MOST_STEP_SECONDS = 10.0
"""Steps that take longer are not done to foresee the rest; the first guess is then told."""
PASSES = 3
"""Forward passes that a step takes as long as, for a first guess: one forward, about two backward."""
FEW_TIMES = 2
"""A side of the input up to so many times that of the network and of the pictures goes without saying."""


def announcements(task: Task, plan: Plan) -> list[str]:
    """Sentences about the time that the fit of a plan will take, and about a side that shows nothing new; often none.

    A fit that will not fit into memory is a `MemoryLimitError`. To foresee a training that takes minutes, a few of its steps are
    done; to see that it takes less costs no more than a few pictures.
    """
    own, *partners = candidate_of(plan).members
    pairs = [(own, backbone_of(plan))]
    pairs += [(one, load_backbone(one.pretrained, one.weights, one.input_pixels, plan.seed)) for one in partners]
    for member, backbone in pairs:
        check_memory(member, task, len(task.train), backbone)
    seconds = sum(_seconds_of(member, task, backbone) for member, backbone in pairs)
    told = [sentence for member, backbone in pairs if (sentence := _about_side(member, task, backbone))]
    if seconds > LITTLE_SECONDS:
        told.append(f"The fit will take {about(seconds)}. After Ctrl-C the same command goes on.")
    return told


def note_beforehand(task: Task, plan: Plan) -> None:
    """Tell a person what `announcements` gives."""
    for sentence in announcements(task, plan):
        note(sentence)


def in_slices(task: Task, plan: Plan) -> Plan:
    """The plan, with its batches in slices where they would not fit into memory, which is then said; see `slices_that_fit`."""
    if not is_gradient(plan.method):
        return plan
    slices = slices_that_fit(candidate_of(plan).alone, task, len(task.train), backbone_of(plan))
    if slices == plan.training.accumulate:
        return plan
    note(
        f"A batch of {plan.training.batch_size} pictures does not fit into memory: it passes the network in {slices} slices "
        f"(training.accumulate = {slices}), which takes longer and learns the same."
    )
    return plan.model_copy(update={"training": plan.training.model_copy(update={"accumulate": slices})})


def _seconds_of(candidate: Candidate, task: Task, backbone: Backbone) -> float:
    method = method_from(candidate.method)
    if not isinstance(method, GradientMethod):
        heads = 0.0 if task.train.images.embedded else seconds_of_head(candidate.method, len(task.train), backbone)
        return seconds_of_features(backbone, task, candidate.method) + heads
    each = PASSES * slowness() * seconds_of_reference(Description(backbone).loaded(), backbone.transform)
    guess = each * candidate.training.epochs * len(task.train)
    if guess <= LITTLE_SECONDS or each * candidate.training.batch_size > MOST_STEP_SECONDS:
        return guess
    try:
        return method.predicted_seconds(task, backbone, candidate.training)
    except TrainingError:  # the fit itself says how it breaks down
        return guess


def _about_side(candidate: Candidate, task: Task, backbone: Backbone) -> str:
    """What a side means that is far above what the network was made for and what the pictures have; empty where it is not."""
    own = card_of(candidate.pretrained).input_pixels
    side, shown = candidate.input_pixels, max(own, task.native_pixels)
    if task.train.images.embedded or side <= FEW_TIMES * shown or backbone.card.architecture == "identity":
        return ""
    return (
        f"input_pixels = {side} takes about {(side / shown) ** 2:.0f} times as long as {shown}, and shows nothing more: the "
        f"pictures have a side of about {task.native_pixels}, and {candidate.pretrained} was made for "
        f"{own}."
    )
