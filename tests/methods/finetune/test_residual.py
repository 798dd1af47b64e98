from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import log_softmax

from headstart.backbones.backbone import Backbone
from headstart.data.task import Task
from headstart.features.extract import features_of
from headstart.features.representation import Representation
from headstart.heads.ridge_leave_one_out import fit_ridge
from headstart.methods.finetune.residual import Residual
from headstart.methods.model import Model
from headstart.methods.probe.ridge import Ridge
from headstart.training import held_out as held_out_module
from headstart.training.batches import Batches
from headstart.training.settings import Training

FEW = Training(epochs=3, batch_size=7, lr=3e-3)


def test_margins_are_scores_by_fits_without_the_row(task: Task, pretrained: Backbone) -> None:
    margins = Residual(blocks="penultimate").margins(task, pretrained)
    features = features_of(task.train, pretrained)
    rows = np.asarray(Representation.fitted(features, "penultimate").rows(features))
    labels = task.train.labels
    whole = fit_ridge(rows, labels, 3)
    left = np.delete(np.arange(len(rows)), 11)
    from headstart.heads.ridge_leave_one_out import ridge_path

    targets = np.where(labels[left, None] == np.arange(3), 1.0, -1.0)
    without = ridge_path(rows[left], targets, np.array([whole.penalty]))
    expected = (rows[11] @ without.weights[0] + without.biases[0]) / whole.temperature
    np.testing.assert_allclose(margins[11], expected, rtol=2e-2, atol=2e-2)
    assert not np.allclose(margins[11], (rows[11] @ whole.weight + whole.bias) / whole.temperature, atol=5e-2)


def test_the_only_row_of_a_class_has_the_score_of_the_whole_fit(task: Task, pretrained: Backbone) -> None:
    labels = task.train.labels
    alone = int(np.flatnonzero(labels == 2)[0])
    few = task.restricted_to(np.sort(np.append(np.flatnonzero(labels != 2), alone)))
    margins = Residual().margins(few, pretrained)
    assert margins[few.train.labels == 2].argmax(1).tolist() == [2]


def test_the_only_group_of_a_class_has_the_scores_of_the_whole_fit(task: Task, pretrained: Backbone) -> None:
    alone = task.train.labels == 2
    together = replace(task, train=replace(task.train, groups=np.where(alone, 1_000, task.train.groups)))
    assert (Residual().margins(together, pretrained)[alone].argmax(1) == 2).mean() > 0.5


def test_before_the_first_step_it_predicts_what_ridge_predicts(task: Task, pretrained: Backbone) -> None:
    method = Residual()
    learner = method._built(task, pretrained, FEW)
    model = method.deploy(learner, task)
    ridge = Ridge().fit(task, pretrained, FEW)
    expected = ridge.predict(task.train).probs
    np.testing.assert_allclose(model.predict(task.train).probs, expected, atol=1e-6)


def test_the_loss_is_that_of_the_sum_of_margins_and_scores(task: Task, pretrained: Backbone) -> None:
    method = Residual(view="plain")
    learner = method._built(task, pretrained, FEW).eval()
    with torch.no_grad():
        learner.head.weight.normal_()  # type: ignore[attr-defined]
    streams = method._fed(task, pretrained)
    batch = Batches("train", streams["train"], learner.transform(), FEW).at(0, torch.device("cpu"))
    loss = method.losses(learner, {"train": batch}, 0.0)["cross_entropy"].item()  # type: ignore[arg-type]
    with torch.no_grad():
        scores = learner(batch.images).numpy() + method.margins(task, pretrained)[batch.rows.numpy()]
    labels = task.train.labels[batch.rows.numpy()]
    assert loss == pytest.approx(-log_softmax(scores, axis=1)[np.arange(7), labels].mean(), rel=1e-4)


@pytest.mark.slow
def test_what_the_network_adds_is_shrunk(task: Task, pretrained: Backbone) -> None:
    whole, part = (Residual(depth="all", shrinkage=size).fit(task, pretrained, FEW) for size in (1.0, 0.25))
    assert isinstance(whole.base, Model)
    base = whole.base.scores(task.train) / whole.base.temperature
    added = whole.scores(task.train) - base
    assert np.abs(added).max() > 1e-3
    np.testing.assert_allclose(part.scores(task.train) - base, 0.25 * added, atol=1e-6)


@pytest.mark.slow
def test_the_network_that_ridge_sees_stays_as_it_was(task: Task, pretrained: Backbone) -> None:
    model = Residual(depth="all").fit(task, pretrained, FEW)
    assert model.base is not None
    before, kept = pretrained.module.state_dict(), model.base.backbone.module.state_dict()
    assert all(torch.equal(before[name], kept[name]) for name in before)
    assert model.backbone.weights_hash != model.base.backbone.weights_hash


@pytest.mark.slow
def test_held_out_rows_see_the_sum_too(task: Task, pretrained: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_out_module, "FEWEST_HELD_OUT", 3)
    given = []
    make = held_out_module.HeldOut.__init__
    monkeypatch.setattr(
        held_out_module.HeldOut,
        "__init__",
        lambda self, images, learner, margins=None: given.append(margins) or make(self, images, learner, margins),
    )
    Residual().fit(task, pretrained, FEW)
    margins = Residual().margins(task, pretrained)
    assert given
    assert all(any(np.array_equal(row, one) for one in margins) for row in given[0])
