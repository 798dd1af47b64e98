"""Method: how knowledge is adapted. One file a method, one final class a file; the folder is the registry."""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Literal, final

import numpy as np
import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from headstart.backbones.backbone import Backbone
from headstart.core.errors import DataError, MissingExtraError, PlanError
from headstart.core.records import Record
from headstart.core.seeds import seed_for
from headstart.core.types import Floats
from headstart.data.corruptions.base import Family
from headstart.data.folds import Fold
from headstart.data.images import ImageSet
from headstart.data.streams import Stream
from headstart.data.task import Task
from headstart.features.extract import num_missing, seconds_an_image
from headstart.methods.heads import LinearHead
from headstart.methods.model import Model
from headstart.shift.hypotheses import Change
from headstart.shift.projected_domains import SharedProjections
from headstart.training.adapters import WITHOUT_PEFT
from headstart.training.batches import Batch
from headstart.training.cost import cost_probe, probe_rows
from headstart.training.domain_streams import domains_of, joined
from headstart.training.gradual_unfreezing import GradualUnfreezing
from headstart.training.held_out import held_out
from headstart.training.learner import Classifier, Learner
from headstart.training.learning_rate_finder import LearningRateCurve, learning_rate_curve
from headstart.training.loop import train
from headstart.training.settings import Training

Need = Literal[
    "pictures", "unlabeled", "target_labels", "source", "named_domains", "domains", "peft", "stages", "batch_norm",
    "source_classes",
]  # fmt: skip
"""What a task, an installation or a backbone may lack: pictures instead of feature vectors, unlabeled rows, labels of the target,
a labeled source domain, that or rows that name their domains, labels of two domains, the peft package, stages to cut behind,
batch normalization, a classifier of its own."""


class Method(Record):
    """A frozen record of hyper-parameters, each declared once with its range, its default and the default's source.

    Subclasses are final and live one to a file whose name is the method's kind.

    Attributes:
        summary: One line for `headstart methods`; unless a class gives one, the first line of its module without the name.
        cost: "closed form" (milliseconds once features exist) or "gradient".
        needs: What the method cannot do without; `unmet` says whether it is there.
        label_free: Whether the backbone is trained without labels, so that only a head needs them.
        tried_by_run: Whether `headstart run` may try it without being asked.
        assumes: What an adaptation method takes to have changed from source to target, and nothing else.
        trial_order: Place among adaptation methods: 0 where it does not matter, 1 for closed forms that iterate and take five to
            twenty times as long as others, from 2 on for those that are fitted only within a budget.
        decomposes: Whether a closed form has a matrix of rows with rows, or of features with features where these are fewer.
        row_bytes: Bytes of memory that a closed form keeps of each row that it reads, however wide its features are.
        num_solutions: Systems of linear equations that a closed form solves, which is what it takes once features exist.
        keeps_initial_network: Whether its model predicts with the network that it starts from beside the one that it trains.
        builds_on_candidates: Whether a run tries it after candidates in closed form were compared, as `built_on` has it.
    """

    summary: ClassVar[str]
    cost: ClassVar[Literal["closed form", "gradient"]] = "closed form"
    needs: ClassVar[tuple[Need, ...]] = ()
    label_free: ClassVar[bool] = False
    tried_by_run: ClassVar[bool] = False
    assumes: ClassVar[Change] = "features"
    trial_order: ClassVar[int] = 0
    decomposes: ClassVar[bool] = False
    row_bytes: ClassVar[int] = 0
    num_solutions: ClassVar[int] = 1
    keeps_initial_network: ClassVar[bool] = False
    builds_on_candidates: ClassVar[bool] = False

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if not cls.__dict__.get("summary"):
            _, _, line = (sys.modules[cls.__module__].__doc__ or "").split("\n")[0].partition(": ")
            cls.summary = line[:1].upper() + line[1:].rstrip(".")

    @classmethod
    def kind(cls) -> str:
        """The method's name: its file's name."""
        return cls.__module__.rsplit(".", 1)[-1]

    @classmethod
    def reads_source(cls) -> bool:
        """Whether it learns from the labels of a source, and from those of the target where there are some."""
        return not {"source", "named_domains"}.isdisjoint(cls.needs)

    @classmethod
    def reads_training(cls) -> bool:
        """Whether `fit` reads more of `Training` than its seed; closed forms do not."""
        return cls.cost == "gradient"

    def views_of(self, rows: ImageSet, native_pixels: int) -> ImageSet | None:
        """Random views that a closed form is fitted to besides the labeled rows themselves; None where there are none.

        All first views come in the order of the rows, then all second ones, and so on. `native_pixels` is the task's.
        """
        return None

    @property
    def num_views(self) -> int:
        """How many views of each picture `views_of` gives."""
        return 0

    def robust(self, families: tuple[Family, ...]) -> Method | None:
        """The method in the form that is tried where it is to stand pictures that get worse; None where there is none.

        `families` are those of corruptions that it may learn from.
        """
        return None

    def built_on(self, chosen: tuple[str, ...]) -> Method | None:
        """The method as a run tries it once methods in closed form were chosen, by kind.

        None where it builds on candidates and none of them serves; a method that does not stays as it is.
        """
        return self

    @abstractmethod
    def fit(self, task: Task, backbone: Backbone, training: Training, workspace: Path | None = None) -> Model:
        """The model fitted to the task's training rows.

        Args:
            task: What is to be learned; only `train` (and what the method's docstring names) is read.
            backbone: What is transferred; it is not changed.
            training: Budget and optimizer of gradient methods; closed forms use the seed alone.
            workspace: Folder for checkpoints; a fit that was killed goes on from there. None keeps nothing.

        Returns:
            The model.

        Raises:
            TrainingError: The fit broke down; the message says where and what to change.
        """

    def fit_sharing(
        self, shared: SharedProjections, task: Task, backbone: Backbone, training: Training, workspace: Path | None = None
    ) -> Model:
        """As `fit`, by a method among others that are fitted to the same images: what it may share with them is in `shared`."""
        return self.fit(task, backbone, training, workspace)

    def predicted_seconds(self, task: Task, backbone: Backbone, training: Training) -> float:
        """Seconds that `fit` will take on this machine now, measured by a few real steps on a few rows.

        0 for closed forms, whose cost is that of features, which are not counted here.
        """
        return 0.0


class GradientMethod(Method):
    """A method trained by the one loop. Subclasses say what is fed, built, minimized and deployed; `fit` is final.

    A method that needs a source sees a task whose training rows are those of the source and then the labeled ones of the target.
    It trains behind every one of its stages: rows held out of the source would choose what changes least.

    A method's learner is its own subclass of `Learner`; the types here name the base, as the loop knows no more of it.

    Attributes:
        starts_from_features: Whether a fit from pretrained weights begins with features of the training rows, as a fitted head
            needs them.
    """

    cost: ClassVar[Literal["closed form", "gradient"]] = "gradient"
    needs: ClassVar[tuple[Need, ...]] = ("pictures",)
    starts_from_features: ClassVar[bool] = False

    @abstractmethod
    def streams(self, task: Task) -> dict[str, Stream]:
        """What is to be fed, by name; the first stream sets the length of an epoch."""

    def stages(self, backbone: Backbone) -> tuple[str, ...]:
        """Stages of the backbone behind which training goes on in turn, the latest first; none where all is trained at once."""
        return ()

    @abstractmethod
    def build(self, task: Task, backbone: Backbone, training: Training) -> Learner:
        """What is trained, made of a copy of the backbone that may be changed; the same arguments give the same weights."""

    @abstractmethod
    def losses(self, learner: Any, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        """What is minimized: scalar losses by name, whose sum is minimized.

        `learner` is what `build` made, `batch` one step of every stream, and `progress` the share of the steps done, in [0, 1].
        The loss named "cross_entropy" is watched for staying at chance.
        """

    def margins(self, task: Task, backbone: Backbone) -> Floats | None:
        """Scores of the first stream's rows that the learner's are added to, float [sample, class]; None for none."""
        return None

    def after_step(self, learner: Any, step: int) -> None:
        """Change what does not follow from gradients, such as a teacher's weights; `step` counts the steps done."""

    @final
    def pictures_a_step(self, task: Task, training: Training) -> int:
        """Pictures of all streams, further views of the same ones included, that a step learns from."""
        streams = self.streams(self._joined(task)).values()
        return training.batch_size * sum(stream.times * (1 + len(stream.also)) for stream in streams)

    def extraction_seconds(self, task: Task, backbone: Backbone) -> float:
        """Seconds that the fit takes to extract features that are not cached yet; 0 where it needs none."""
        if not self.starts_from_features or backbone.weights == "none":
            return 0.0
        count = num_missing(task.train, backbone)
        return count * seconds_an_image(backbone) if count else 0.0

    def deploy(self, learner: Any, task: Task) -> Model:
        """The model made of the trained learner; see `deployed`."""
        return deployed(learner, task)

    @final
    def fit(self, task: Task, backbone: Backbone, training: Training, workspace: Path | None = None) -> Model:
        """See `Method.fit`."""
        check_needs(self, task, backbone)
        task = self._joined(task)
        stages = self.stages(backbone)
        fold = self._held_out_of(task, stages, training)
        part = task.restricted_to(fold.fit) if fold else task
        learner = self._built(part, backbone, training)
        streams = self._fed(task, backbone)
        if isinstance(learner, Classifier) and stages:
            unfreezing = GradualUnfreezing(learner, stages, self.losses, training, workspace, self.after_step)
            learner = unfreezing.trained_while_better(streams, fold) if fold else unfreezing.trained(streams)
        else:
            learner = train(learner, streams, self.losses, training, workspace, self.after_step)
        return self.deploy(learner, task)

    @final
    def _held_out_of(self, task: Task, stages: tuple[str, ...], training: Training) -> Fold | None:
        """Rows held out to tell how far down training helps; None where they are few or of another domain."""
        return held_out(task.train, training.seed) if stages and not self.reads_source() else None

    @final
    def _joined(self, task: Task) -> Task:
        return joined(task) if self.reads_source() else task

    @final
    def _fed(self, task: Task, backbone: Backbone) -> dict[str, Stream]:
        """The streams, the first one with its margins."""
        streams = self.streams(task)
        first, margins = next(iter(streams)), self.margins(task, backbone)
        return streams if margins is None else streams | {first: replace(streams[first], margins=margins)}

    @final
    def _built(self, task: Task, backbone: Backbone, training: Training) -> Learner:
        with torch.random.fork_rng():
            torch.manual_seed(seed_for(training.seed, "build", self.kind()))
            return self.build(task, backbone.copy(), training)

    @final
    def predicted_seconds(self, task: Task, backbone: Backbone, training: Training) -> float:
        """See `Method.predicted_seconds`: reading every row once, plus all steps, those behind every stage included.

        Features that the fit begins with and that are not cached yet are counted too.
        """
        check_needs(self, task, backbone)
        task = self._joined(task)
        extracting = self.extraction_seconds(task, backbone)
        rows = probe_rows(task.train, training)
        unlabeled = task.unlabeled.take(np.arange(min(len(task.unlabeled), len(rows)))) if task.unlabeled else None
        few = replace(task, train=task.train.take(rows), validation=None, test=None, unlabeled=unlabeled)
        learner = self._built(few, backbone, training)
        streams, num_rows = self._fed(few, backbone), {name: len(stream.images) for name, stream in self.streams(task).items()}
        stages = self.stages(backbone)
        if isinstance(learner, Classifier) and stages:
            fold = self._held_out_of(task, stages, training)
            unfreezing = GradualUnfreezing(learner, stages, self.losses, training)
            return extracting + unfreezing.predicted_seconds(streams, num_rows, len(fold.held_out) if fold else 0)
        return extracting + cost_probe(learner, streams, self.losses, training, num_rows)

    @final
    def rate_curve(self, task: Task, backbone: Backbone, training: Training) -> LearningRateCurve:
        """The loss at growing step sizes, and the step size that follows; where training goes on in turns, of the first one.

        The same arguments give the same curve. `TrainingError` when the loss is not finite before the first step.
        """
        check_needs(self, task, backbone)
        task = self._joined(task)
        learner = self._built(task, backbone, training)
        stages = self.stages(backbone)
        if isinstance(learner, Classifier) and stages:
            learner.freeze_up_to(stages[0])
        return learning_rate_curve(learner, self._fed(task, backbone), self.losses, training, self.after_step)


def deployed(learner: Any, task: Task) -> Model:
    """The model made of a trained classifier on the CPU, which is used up: its backbone, whole again, and its linear head.

    The temperature is 1: training scores must not set it; whoever has held-out scores replaces it.
    """
    learner.thaw()
    weight, bias = learner.head.weight.detach().numpy().T, learner.head.bias.detach().numpy()
    head = LinearHead(None, np.ascontiguousarray(weight), np.array(bias))
    return Model(learner.backbone.refreshed(), head, 1.0, task.classes)


def unmet(method: Method, task: Task, backbone: Backbone | None = None) -> str:
    """What the method needs and does not find, as one sentence that says what to do; empty when nothing is missing.

    A method that needs no source learns from rows of the target alone, and needs some. Without a backbone, what only a backbone
    can tell is left out.
    """
    needs = method.needs if method.reads_source() or "domains" in method.needs else (*method.needs, "target_labels")
    return next((sentence for need, sentence in _missing(method.kind(), task, backbone) if need in needs), "")


def _missing(kind: str, task: Task, backbone: Backbone | None) -> Iterator[tuple[Need, str]]:
    """What is not there."""
    if task.train.images.embedded:
        advice = "Choose ridge or another closed form."
        yield "pictures", f"{task.name} holds feature vectors, and {kind} trains on pictures. {advice}"
    if not task.unlabeled:
        advice = "Add a folder unlabeled/, or choose ridge or lp_ft."
        yield "unlabeled", f"{kind} needs unlabeled images, and {task.name} has none. {advice}"
    if not len(task.train):
        yield "target_labels", f"{kind} needs labeled target images, and {task.name} has none. Label some, or choose source_only."
    yield from _missing_domains(kind, task)
    yield from _missing_packages()
    if backbone is not None:
        yield from _missing_in(kind, backbone)


def _missing_in(kind: str, backbone: Backbone) -> Iterator[tuple[Need, str]]:
    """What is not there in a backbone."""
    name = backbone.card.name
    if not backbone.anatomy.stages:
        yield "stages", f"{kind} treats stages apart, and {name} has none. Choose another network, or fine_tune."
    if not any(isinstance(part, _BatchNorm) for part in backbone.module.modules()):
        yield "batch_norm", f"{kind} needs batch normalization, and {name} has none. Choose another network, or lp_ft."
    if not backbone.source_classes:
        advice = "Choose l2_sp, or lp_ft."
        yield "source_classes", f"{kind} needs the classifier that {name} was trained with, and there is none. {advice}"


def _missing_domains(kind: str, task: Task) -> Iterator[tuple[Need, str]]:
    """What is not there of sources, or of domains that labeled rows name."""
    if not task.source:
        advice = "Name one with --source, or choose ridge."
        sentence = f"{kind} needs labeled images of a source domain, and {task.name} has none. {advice}"
        yield "source", sentence
        if not task.train.domain_names:
            yield "named_domains", sentence
            return
    names = domains_of(task)
    if len(names) < 2:
        advice = "Name several sources with --source, or choose erm."
        yield "domains", f"{kind} compares domains, and all labeled images of {task.name} are of one, {names[0]}. {advice}"


def _missing_packages() -> Iterator[tuple[Need, str]]:
    """What is not installed."""
    if find_spec("peft") is None:
        yield "peft", WITHOUT_PEFT


def check_needs(method: Method, task: Task, backbone: Backbone | None = None) -> None:
    """Refuse what cannot work, before anything is spent on it; arguments as for `unmet`.

    Args:
        method: What is to be fitted.
        task: What it would be fitted to.
        backbone: What it would start from.

    Raises:
        DataError: The task lacks what the method needs.
        PlanError: The backbone does, or the task holds no pictures.
        MissingExtraError: A package is not installed.
    """
    fault = unmet(method, task)
    if fault == WITHOUT_PEFT:
        raise MissingExtraError(fault)
    if fault:
        raise (PlanError if task.train.images.embedded and "pictures" in method.needs else DataError)(fault)
    fault = unmet(method, task, backbone)
    if fault:
        raise PlanError(fault)


def settings_of(method: Method) -> dict[str, Any]:
    """The method as it stands in a plan: its kind and its hyper-parameters; those that are not set are left out, as in TOML."""
    return {"kind": method.kind(), **method.model_dump(mode="json", exclude_none=True)}
