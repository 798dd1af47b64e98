"""Pictures in another range than the weights were trained on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headstart.backbones.catalog import card_of
from headstart.backbones.loading import load_backbone
from headstart.data.reading import read_task
from headstart.data.task import Task
from headstart.planning.improving.rules.wrong_input_range import wrong_input_range

ZERO, ONE, HALF, BYTE = (0.0,) * 3, (1.0,) * 3, (0.5,) * 3, (1 / 255,) * 3
RANGES = {"0 to 255": (ZERO, BYTE), "tenfold": (HALF, (0.05,) * 3), "black": (HALF, (50.0,) * 3)}


@pytest.fixture(scope="module")
def emoji() -> Task:
    task = read_task("emoji-noto")
    return replace(task, train=task.train.take(range(0, len(task.train), 43)), test=None)


@pytest.fixture
def seen(make_evidence, emoji):
    """What the rule says of pictures brought to a range."""

    def see(mean=None, std=None, **other):
        plan = {"mean": mean, "std": std, "input_pixels": 32, **other}
        backbone = load_backbone("efficientnet_lite0", plan.get("weights", "pretrained"), 32, mean=mean, std=std)
        return list(wrong_input_range(replace(make_evidence(plan=plan), task=emoji, backbone=backbone)))

    return see


@pytest.mark.slow
@pytest.mark.parametrize("name", RANGES)
def test_a_range_far_from_the_one_of_the_running_averages_goes_back_to_the_card_s(seen, name):
    mean, std = RANGES[name]
    (said,) = seen(mean, std)
    assert said.plan.mean is None
    assert said.plan.std is None
    assert said.reason.startswith("the first normalization meets inputs off by a factor of ")
    assert said.reason.endswith("change the input range.")


@pytest.mark.slow
def test_the_range_of_the_card_and_one_near_it_are_left_alone(seen):
    assert not seen()
    assert not seen((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@pytest.mark.slow
def test_a_card_that_names_the_wrong_range_gives_way_to_the_usual_one_that_fits(seen, monkeypatch):
    wrong = card_of("efficientnet_lite0").model_copy(update={"mean": ZERO, "std": BYTE})
    monkeypatch.setattr("headstart.planning.improving.rules.wrong_input_range.card_of", lambda _: wrong)
    (said,) = seen(ZERO, BYTE)
    assert said.plan.std in {HALF, (0.229, 0.224, 0.225)}
    assert said.plan.mean is not None


def test_random_weights_have_no_range(seen):
    assert not seen(ZERO, BYTE, weights="none", pretrained="efficientnet_lite0")


@pytest.mark.slow
def test_a_network_without_batch_normalization_has_nothing_to_compare_with(make_evidence, emoji, monkeypatch):
    monkeypatch.setattr("headstart.planning.improving.rules.wrong_input_range._first_normalization", lambda _: None)
    backbone = load_backbone("efficientnet_lite0", "pretrained", 32, mean=ZERO, std=BYTE)
    plan = {"mean": ZERO, "std": BYTE, "input_pixels": 32}
    assert not list(wrong_input_range(replace(make_evidence(plan=plan), task=emoji, backbone=backbone)))
