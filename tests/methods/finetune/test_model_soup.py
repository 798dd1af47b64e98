from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from headstart.backbones.backbone import Backbone
from headstart.core.errors import PlanError
from headstart.data.task import Task
from headstart.heads.temperature import fit_temperature, row_losses
from headstart.methods.finetune import model_soup
from headstart.methods.finetune.model_soup import ModelSoup
from headstart.methods.model import Model
from headstart.training import held_out as held_out_module
from headstart.training.held_out import held_out
from headstart.training.learner import Classifier
from headstart.training.settings import Training

TRAINING = Training(epochs=3, batch_size=7, seed=5)


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Training, int, dict[str, torch.Tensor]]]:
    """The recipe, the number of rows and the weights of each ingredient that is trained."""
    found: list[tuple[Training, int, dict[str, torch.Tensor]]] = []
    whole = model_soup.train

    def watched(learner: Classifier, streams, losses, training: Training, workspace=None) -> Classifier:
        whole(learner, streams, losses, training, workspace)
        state = {name: tensor.clone() for name, tensor in learner.state_dict().items()}
        found.append((training, len(streams["train"].images), state))
        return learner

    monkeypatch.setattr(model_soup, "train", watched)
    return found


def held_out_loss(model: Model, task: Task) -> float:
    fold = held_out(task.train, TRAINING.seed)
    assert fold is not None
    held = task.train.take(fold.held_out)
    scores = np.log(model.predict(held).raw_probs)
    return float(row_losses(scores, held.labels, fit_temperature(scores, held.labels)).mean())


@pytest.mark.slow
def test_without_rows_to_choose_by_all_ingredients_are_averaged(task: Task, pretrained: Backbone, ends) -> None:
    model = ModelSoup(num_ingredients=3).fit(task, pretrained, TRAINING)
    assert [rows for _, rows, _ in ends] == [29] * 3
    for name, tensor in model.backbone.module.state_dict().items():
        states = [state[f"backbone.module.{name}"].double() for _, _, state in ends]
        torch.testing.assert_close(tensor.double(), sum(states) / 3, rtol=1e-5, atol=1e-7)
    assert len({state["head.bias"].sum().item() for _, _, state in ends}) == 3


@pytest.mark.slow
def test_a_greedy_soup_is_no_worse_on_held_out_rows_than_its_first_ingredient(
    task: Task, pretrained: Backbone, ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_out_module, "FEWEST_HELD_OUT", 3)
    monkeypatch.setattr(held_out_module, "HELD_OUT_DIVISOR", 4)
    soup = ModelSoup(num_ingredients=3, spread=10).fit(task, pretrained, TRAINING)
    fold = held_out(task.train, TRAINING.seed)
    assert fold is not None
    assert [rows for _, rows, _ in ends] == [len(fold.fit)] * 3
    singles = []
    for _, _, state in ends:
        learner = Classifier(pretrained.copy(), 3).eval()
        learner.load_state_dict(state)
        singles.append(held_out_loss(model_soup.deployed(learner, task), task))
    assert held_out_loss(soup, task) <= min(singles) + 1e-4


def test_the_first_ingredient_has_the_plan_s_training_and_others_differ_within_the_spread() -> None:
    soup = ModelSoup(spread=3)
    recipes = [soup.recipe(TRAINING, index) for index in range(50)]
    assert recipes[0] == TRAINING
    rates = np.array([recipe.lr for recipe in recipes[1:]]) / TRAINING.lr
    assert 1 / 3 <= rates.min() < 0.5 < 2 < rates.max() <= 3
    assert len({recipe.seed for recipe in recipes}) == 50
    assert {recipe.epochs for recipe in recipes} == {3}
    assert recipes[7] == soup.recipe(TRAINING, 7) != soup.recipe(TRAINING.model_copy(update={"seed": 6}), 7)


@pytest.mark.slow
def test_a_killed_fit_goes_on_with_the_ingredient_it_was_at(
    task: Task, pretrained: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    soup = ModelSoup(num_ingredients=2)
    undisturbed = soup.fit(task, pretrained, TRAINING)
    whole, steps = model_soup._losses, [13 + 5]

    def killed(*args):
        if not steps[0]:
            raise KeyboardInterrupt
        steps[0] -= 1
        return whole(*args)

    training = TRAINING.model_copy(update={"checkpoint_seconds": 1e-9})
    monkeypatch.setattr(model_soup, "_losses", killed)
    with pytest.raises(KeyboardInterrupt):
        soup.fit(task, pretrained, training, tmp_path)
    steps[0] = 13  # what the second ingredient has, at most; the first is not trained again
    resumed = soup.fit(task, pretrained, training, tmp_path)
    assert resumed.backbone.weights_hash == undisturbed.backbone.weights_hash
    assert not list(tmp_path.rglob("cache"))


def test_the_price_counts_every_ingredient(task: Task, pretrained: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, int]] = []

    def probe(learner: Classifier, few, losses, training, num_rows: dict[str, int]) -> float:
        assert learner.boundary is not None
        asked.append(num_rows)
        return 1000.0

    monkeypatch.setattr(model_soup, "cost_probe", probe)
    price = ModelSoup(num_ingredients=7).predicted_seconds(task, pretrained, TRAINING)
    assert asked == [{"train": 29}]
    assert 0 <= price - 7000 < 1000  # what is left is the time that building took


def test_feature_vectors_are_refused(task: Task, pretrained: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(task.train.images), "embedded", True)
    with pytest.raises(PlanError) as error:
        ModelSoup().fit(task, pretrained, TRAINING)
    assert str(error.value) == (
        "squares holds feature vectors, and model_soup trains on pictures. Choose ridge or another closed form."
    )
