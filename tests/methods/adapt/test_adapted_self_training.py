from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from gradient_contract import assert_equal
from two_domains import picture_task

from headstart.backbones.backbone import Backbone
from headstart.core.errors import DataError, PlanError
from headstart.data.task import Task
from headstart.evaluation.protocols import evaluate
from headstart.methods import method_from
from headstart.methods.adapt.adapted_self_training import AdaptedSelfTraining
from headstart.methods.adapt.mcc import Mcc
from headstart.methods.base import settings_of
from headstart.training import unlabeled_streams
from headstart.training.settings import Training

TRAINING = Training(epochs=1, batch_size=23, views=2, checkpoint_seconds=1e-9)


@pytest.fixture(autouse=True)
def _short_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unlabeled_streams, "LEAST_STEPS", 4)


@pytest.fixture
def taught(monkeypatch: pytest.MonkeyPatch) -> list[Task]:
    """The tasks that the trainer is fitted to, which trains nothing."""
    tasks: list[Task] = []
    monkeypatch.setattr(Mcc, "fit", lambda _, task, *rest: tasks.append(task))
    return tasks


def test_the_trainer_learns_the_surest_rows_of_every_predicted_class_and_keeps_all_as_unlabeled(
    pretrained: Backbone, taught: list[Task]
) -> None:
    task = picture_task(labeled=5)
    AdaptedSelfTraining(share=0.5).fit(task, pretrained, TRAINING)
    labeler = method_from({"kind": "jdot"}).fit(task, pretrained, TRAINING)
    probs = labeler.predict(task.unlabeled).probs
    (given,) = taught
    assert given.unlabeled is task.unlabeled
    assert given.train.labels[:5].tolist() == task.train.labels.tolist()
    predicted, kept = probs.argmax(axis=1), list(given.train.content_keys[5:])
    keys = np.array(task.unlabeled.content_keys)
    for label in np.unique(predicted):
        rows = np.flatnonzero(predicted == label)
        surest = rows[np.argsort(-probs[rows].max(axis=1))][: -(-len(rows) // 2)]
        assert set(keys[surest]) == {key for key, one in zip(kept, given.train.labels[5:], strict=True) if one == label}


def test_several_labelers_predict_together(pretrained: Backbone, taught: list[Task]) -> None:
    task, kinds = picture_task(), ("jdot", "domain_mean")
    AdaptedSelfTraining(labelers=kinds, share=1.0).fit(task, pretrained, TRAINING)
    models = [method_from({"kind": kind}).fit(task, pretrained, TRAINING) for kind in kinds]
    together = np.mean([model.predict(task.unlabeled).probs for model in models], axis=0)
    assert taught[0].train.labels.tolist() == together.argmax(axis=1).tolist()


@pytest.mark.slow
def test_it_is_the_trainer_on_those_labels_and_no_true_label_is_read(pretrained: Backbone, monkeypatch) -> None:
    task = picture_task()
    told = replace(task, unlabeled=replace(task.unlabeled, hidden_labels=np.arange(len(task.unlabeled)) % 3))
    model, of_told = (AdaptedSelfTraining().fit(one, pretrained, TRAINING) for one in (task, told))
    assert_equal(model, of_told)
    given: list[Task] = []
    whole = Mcc.fit
    with monkeypatch.context() as patch:
        patch.setattr(Mcc, "fit", lambda _, task, *rest: given.append(task))
        AdaptedSelfTraining().fit(task, pretrained, TRAINING)
    assert_equal(model, whole(Mcc(), given[0], pretrained, TRAINING))


@pytest.mark.slow
@pytest.mark.parametrize("trainer", ["jan", "mcc"])
def test_it_is_right_on_the_target(pretrained: Backbone, trainer: str) -> None:
    method, task = AdaptedSelfTraining(trainer=trainer), picture_task()
    training = TRAINING.model_copy(update={"epochs": 3, "batch_size": 11})
    evaluation, _ = evaluate(method.fit(task, pretrained, training), task.test)
    assert evaluation.metrics["balanced_accuracy"].value > 1 / 3 + 0.3


@pytest.mark.slow
def test_its_price_is_that_of_the_trainer_on_more_labeled_rows(pretrained: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    monkeypatch.setattr(Mcc, "predicted_seconds", lambda _, task, *rest: sizes.append(len(task.train)) or 3.5)
    task = picture_task(labeled=5)
    assert AdaptedSelfTraining(share=0.5).predicted_seconds(task, pretrained, TRAINING) == 3.5
    assert sizes == [5 + -(-len(task.unlabeled) // 2)]


def test_without_a_source_or_unlabeled_pictures_it_is_refused_before_any_work(pretrained: Backbone) -> None:
    task = picture_task()
    for lacking, words in (
        (replace(task, source=None), "labeled images of a source"),
        (replace(task, unlabeled=None), "unlabeled"),
    ):
        with pytest.raises(DataError, match=f"adapted_self_training needs {words}"):
            AdaptedSelfTraining().fit(lacking, pretrained, TRAINING)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"labelers": ["jan"]}, 'method.labelers: "jan" does not adapt in closed form. Choose jdot or pseudo_target.'),
        ({"labelers": ["ridge"]}, 'method.labelers: "ridge" does not adapt in closed form. Choose jdot or pseudo_target.'),
        ({"trainer": "jdot"}, 'method.trainer: "jdot" does not train on a source. Choose jan, mcc or dan.'),
        ({"trainer": "lp_ft"}, 'method.trainer: "lp_ft" does not train on a source. Choose jan, mcc or dan.'),
        ({"trainer": "adapted_self_training"}, 'method.trainer: "adapted_self_training" does not train on a source. Choose jan,'),
    ],
)
def test_what_cannot_label_or_train_is_refused(pretrained: Backbone, settings, sentence: str) -> None:
    with pytest.raises(PlanError) as caught:
        method_from({"kind": "adapted_self_training", **settings}).fit(picture_task(), pretrained, TRAINING)
    assert str(caught.value).startswith(sentence)


def test_a_run_sets_the_closed_forms_that_were_chosen_and_a_plan_keeps_them() -> None:
    method = AdaptedSelfTraining()
    built = method.built_on(("domain_mean", "mcc", "source_only"))
    assert built == AdaptedSelfTraining(labelers=("domain_mean",))
    assert method_from(settings_of(built)) == built
    assert method.built_on(("source_only",)) is None
    assert Mcc().built_on(("jdot",)) == Mcc()


def test_no_labeler_is_refused_by_its_range() -> None:
    with pytest.raises(PlanError, match="labelers"):
        method_from({"kind": "adapted_self_training", "labelers": []})
