from __future__ import annotations

import math

import pytest
from scripted import Scripted, batch, logits

from headstart.backbones.backbone import Backbone
from headstart.data.streams import Stream
from headstart.data.task import Task
from headstart.methods.semi.fix_match import FixMatch
from headstart.training import gradual_unfreezing
from headstart.training.settings import Training

TRAIN = logits([0.7, 0.2, 0.1])
WEAK = logits([0.96, 0.03, 0.01], [0.1, 0.3, 0.6], [0.0003, 0.9994, 0.0003])
STRONG = logits([0.3, 0.5, 0.2], [0.1, 0.2, 0.7], [0.25, 0.5, 0.25])


def test_sure_rows_teach_their_class_and_all_rows_are_counted() -> None:
    losses = FixMatch(unlabeled_weight=2).losses(Scripted(), batch(TRAIN, [0], WEAK, STRONG), 0.0)
    assert float(losses["cross_entropy"]) == pytest.approx(-math.log(0.7))
    assert float(losses["fix_match"]) == pytest.approx(2 * -(math.log(0.3) + math.log(0.5)) / 3)


@pytest.mark.parametrize(("threshold", "taught"), [(0.97, [0.5]), (0.9995, []), (0.5, [0.3, 0.7, 0.5])])
def test_the_threshold_decides_who_counts(threshold: float, taught: list[float]) -> None:
    losses = FixMatch(threshold=threshold).losses(Scripted(), batch(TRAIN, [0], WEAK, STRONG), 0.0)
    assert float(losses["fix_match"]) == pytest.approx(-sum(map(math.log, taught)) / 3)


def test_weak_views_carry_no_gradient() -> None:
    weak, strong = WEAK.clone().requires_grad_(), STRONG.clone().requires_grad_()
    FixMatch().losses(Scripted(), batch(TRAIN, [0], weak, strong), 0.0)["fix_match"].backward()
    assert weak.grad is None
    assert strong.grad is not None
    assert [bool(row.any()) for row in strong.grad] == [True, False, True]


def test_the_price_counts_the_whole_pool(squares: Task, pretrained: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[dict[str, int], dict[str, int]]] = []

    def probe(learner: object, few: dict[str, Stream], losses: object, training: object, num_rows: dict[str, int]) -> float:
        asked.append(({name: len(stream.images) for name, stream in few.items()}, num_rows))
        return 1.0

    monkeypatch.setattr(gradual_unfreezing, "cost_probe", probe)
    FixMatch(depth="late").predicted_seconds(squares, pretrained, Training(batch_size=7))
    assert asked == [({"train": 7, "unlabeled": 7}, {"train": 19, "unlabeled": 31})]
