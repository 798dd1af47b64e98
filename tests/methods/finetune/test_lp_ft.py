from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from headstart.backbones.backbone import Backbone
from headstart.backbones.loading import load_backbone
from headstart.data.task import Task
from headstart.features.extract import features_of
from headstart.methods import base
from headstart.methods.finetune.lp_ft import LpFt
from headstart.methods.probe.ridge import Ridge
from headstart.training import gradual_unfreezing
from headstart.training import held_out as held_out_module
from headstart.training.batches import Batches
from headstart.training.learner import Classifier
from headstart.training.learning_rate_finder import LearningRateCurve
from headstart.training.settings import Training


def test_before_the_first_step_it_predicts_what_ridge_predicts(task: Task, pretrained: Backbone) -> None:
    method, training = LpFt(view="plain"), Training(batch_size=29)
    learner = method._built(task, pretrained, training).eval()
    batch = Batches("train", method.streams(task)["train"], learner.transform(), training).at(0, torch.device("cpu"))
    with torch.inference_mode():
        logits = learner(batch.images).numpy()
    features = features_of(task.train, pretrained)
    # The head sees raw penultimate features, so the solution it must agree with is the one on these.
    from headstart.heads.ridge_leave_one_out import fit_ridge

    fit = fit_ridge(np.asarray(features.penultimate), task.train.labels, 3)
    expected = (features.penultimate @ fit.weight + fit.bias) / fit.temperature
    np.testing.assert_allclose(logits, expected[batch.rows.numpy()], atol=5e-3)
    accuracy = (logits.argmax(1) == batch.labels.numpy()).mean()
    ridge = Ridge(blocks="penultimate").fit(task, pretrained, training).predict(task.train)
    assert accuracy == pytest.approx((expected.argmax(1) == task.train.labels).mean())
    assert abs(accuracy - ridge.correct.mean()) < 0.2


def test_without_weights_statistics_are_learned(task: Task) -> None:
    scratch = load_backbone("small_cnn", "none", 8, seed=1)
    model = LpFt().fit(task, scratch, Training(epochs=1, batch_size=7))
    name = "blocks.0.norm.running_mean"
    assert not torch.equal(scratch.module.state_dict()[name], model.backbone.module.state_dict()[name])


@pytest.mark.slow
def test_early_stages_move_less_than_late_ones(task: Task, pretrained: Backbone) -> None:
    training = Training(epochs=2, batch_size=7, clip=0.0, weight_decay=0.0)
    model = LpFt(depth="all", stage_decay=0.1).fit(task, pretrained, training)
    before, after = pretrained.module.state_dict(), model.backbone.module.state_dict()
    moved = {
        index: float((after[f"blocks.{index}.convolution.weight"] - before[f"blocks.{index}.convolution.weight"]).abs().mean())
        for index in range(3)
    }
    assert moved[0] < moved[1] < moved[2]


@pytest.mark.slow
@pytest.mark.parametrize("depth", ["early", "all"])
def test_it_learns_the_task(task: Task, pretrained: Backbone, depth: str) -> None:
    model = LpFt(depth=depth).fit(task, pretrained, Training(epochs=12, batch_size=7))
    assert model.temperature == 1.0
    assert model.predict(task.train).correct.mean() > 0.9


@pytest.mark.slow
def test_a_killed_fit_in_phases_goes_on_from_its_folder(task: Task, pretrained: Backbone, tmp_path: Path) -> None:
    training = Training(epochs=3, batch_size=7, checkpoint_seconds=1e-9)
    hashes = [LpFt(depth="early").fit(task, pretrained, training, tmp_path).backbone.weights_hash for _ in range(2)]
    assert hashes == [LpFt(depth="early").fit(task, pretrained, training).backbone.weights_hash] * 2


@pytest.mark.slow
def test_held_out_rows_are_unknown_to_the_head_that_they_judge(
    task: Task, pretrained: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_out_module, "FEWEST_HELD_OUT", 3)
    built: list[int] = []
    whole = LpFt.build
    monkeypatch.setattr(LpFt, "build", lambda self, part, *rest: built.append(len(part.train)) or whole(self, part, *rest))
    model = LpFt(depth="early").fit(task, pretrained, Training(epochs=3, batch_size=7))
    held = held_out_module.held_out(task.train, 0)
    assert held is not None
    assert built == [len(held.fit)]
    assert len(held.held_out) >= 3
    assert model.predict(task.train).correct.mean() > 0.5


def test_the_price_counts_every_phase_with_its_share_of_the_epochs(
    task: Task, pretrained: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, int]] = []

    def probe(learner: Classifier, few: object, losses: object, training: Training, num_rows: dict[str, int]) -> float:
        assert learner.boundary is not None
        asked.append((learner.boundary.stage, training.epochs))
        assert num_rows == {"train": len(task.train)}
        return 1000.0

    monkeypatch.setattr(gradual_unfreezing, "cost_probe", probe)
    price = LpFt(depth="early").predicted_seconds(task, pretrained, Training(epochs=13))
    assert [epochs for _, epochs in asked] == [7, 7]
    assert [stage for stage, _ in asked] == list(LpFt(depth="early").stages(pretrained))
    assert 0 <= price - 2000 < 1000  # what is left is the time that building took


@pytest.mark.slow
def test_the_step_size_is_looked_for_where_the_first_phase_begins(
    task: Task, pretrained: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    tested: list[str] = []
    whole = base.learning_rate_curve

    def watched(learner: Classifier, *rest: object) -> LearningRateCurve:
        assert learner.boundary is not None
        tested.append(learner.boundary.stage)
        return whole(learner, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(base, "learning_rate_curve", watched)
    before = pretrained.weights_hash
    curve = LpFt(depth="early").rate_curve(task, pretrained, Training(batch_size=7))
    assert tested == [LpFt(depth="early").stages(pretrained)[0]]
    assert curve.before == 1e-3
    assert pretrained._hash() == before
