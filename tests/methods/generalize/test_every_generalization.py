from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from domains_made import domain_task
from gradient_contract import assert_equal, assert_resumes, kinds_of
from torch import Tensor, nn

from headstart.backbones.backbone import Backbone
from headstart.core.errors import DataError, PlanError
from headstart.data.task import Task
from headstart.evaluation.protocols import evaluate
from headstart.losses.deep_coral import deep_coral
from headstart.losses.group_dro import group_weights
from headstart.losses.irm_penalty import irm_penalty
from headstart.methods import method_from
from headstart.methods.generalize.domain_coral import DomainCoral
from headstart.methods.generalize.erm import Erm
from headstart.methods.generalize.erm_average import ErmAverage, PassedThrough
from headstart.methods.generalize.group_dro import GroupDro, Weights
from headstart.methods.generalize.irm import Irm
from headstart.methods.generalize.v_rex import VRex
from headstart.training.batches import Batch
from headstart.training.settings import Training

pytestmark = pytest.mark.slow

KINDS = kinds_of("generalize")
COMPARING = ["domain_coral", "group_dro", "irm", "v_rex"]
TRAINING = Training(epochs=2, batch_size=13, views=2, checkpoint_seconds=1e-9)
"""Seven steps on the largest domain's 41 rows."""

each_method = pytest.mark.parametrize("kind", KINDS)


class Scripted(nn.Module):
    """Gives what it is given as features and as logits."""

    def __init__(self, extra: nn.Module | None = None) -> None:
        super().__init__()
        self.extra = extra
        self.head = nn.Identity()

    def features(self, inputs: Tensor) -> Tensor:
        return inputs


@pytest.fixture
def batch() -> dict[str, Batch]:
    draw = torch.Generator().manual_seed(3)
    made = {}
    for name, rows in (("domain 0", 5), ("domain 1", 4), ("domain 2", 7)):
        labels = torch.arange(rows) % 3
        made[name] = Batch(torch.randn(rows, 3, generator=draw), labels, torch.eye(3)[labels], torch.arange(rows))
    return made


def entropies(batch: dict[str, Batch]) -> Tensor:
    return torch.stack([nn.functional.cross_entropy(part.images, part.labels) for part in batch.values()])


@each_method
def test_it_is_right_on_a_domain_that_it_has_not_seen(kind: str, pretrained: Backbone) -> None:
    task = domain_task()
    assert task.unlabeled is None
    assert len(task.train) == 0
    model = method_from({"kind": kind}).fit(task, pretrained, TRAINING.model_copy(update={"epochs": 6, "lr": 3e-3}))
    evaluation, _ = evaluate(model, task.test)
    assert evaluation.metrics["balanced_accuracy"].value > 1 / 3 + 0.3


@each_method
def test_it_never_looks_at_target_pictures(kind: str, pretrained: Backbone) -> None:
    task, method = domain_task(), method_from({"kind": kind})
    with_pool = replace(task, unlabeled=task.source.take(np.arange(9)))
    assert_equal(method.fit(task, pretrained, TRAINING), method.fit(with_pool, pretrained, TRAINING))


@each_method
def test_without_a_source_it_is_refused(kind: str, pretrained: Backbone) -> None:
    task = domain_task()
    with pytest.raises(DataError, match=f"{kind} needs labeled images of a source domain, and squares has none"):
        method_from({"kind": kind}).fit(replace(task, train=task.source, source=None), pretrained, TRAINING)


@pytest.mark.parametrize("kind", COMPARING)
def test_what_compares_domains_needs_two(kind: str, pretrained: Backbone) -> None:
    task = domain_task()
    alone = replace(task, source=task.source.take(np.arange(41)))
    with pytest.raises(DataError) as caught:
        method_from({"kind": kind}).fit(alone, pretrained, TRAINING)
    assert str(caught.value) == (
        f"{kind} compares domains, and all labeled images of squares are of one, dark. "
        "Name several sources with --source, or choose erm."
    )
    few = replace(alone, train=replace(task.source.take(np.arange(41, 50)), domains=()))
    method_from({"kind": kind}).fit(few, pretrained, TRAINING.model_copy(update={"epochs": 1}))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in COMPARING])
def test_others_do_with_one(kind: str, pretrained: Backbone) -> None:
    task = domain_task()
    alone = replace(task, source=task.source.take(np.arange(41)))
    method_from({"kind": kind}).fit(alone, pretrained, TRAINING.model_copy(update={"epochs": 1}))


@pytest.mark.parametrize("kind", ["domain_coral", "irm"])
def test_batches_of_one_row_are_refused(kind: str, pretrained: Backbone) -> None:
    with pytest.raises(PlanError, match=f"{kind} takes statistics of batches"):
        method_from({"kind": kind}).fit(domain_task(), pretrained, Training(batch_size=1))


@each_method
def test_its_price_counts_every_domain(kind: str, pretrained: Backbone) -> None:
    assert method_from({"kind": kind}).predicted_seconds(domain_task(), pretrained, TRAINING) > 0


def test_erm_lets_every_domain_count_alike(batch: Any) -> None:
    assert float(Erm().losses(Scripted(), batch, 0.0)["cross_entropy"]) == pytest.approx(float(entropies(batch).mean()))


def test_v_rex_penalizes_the_variance_after_a_while(batch: Any) -> None:
    for progress, share in ((0.1, 0.0), (0.15, 0.5), (0.9, 1.0)):
        losses = VRex(weight=3, begin=0.1).losses(Scripted(), batch, progress)
        assert float(losses["cross_entropy"]) == pytest.approx(float(entropies(batch).mean()))
        assert float(losses["risk_variance"]) == pytest.approx(share * 3 * float(entropies(batch).var(correction=0)), abs=1e-6)


def test_irm_penalizes_domains_that_would_like_another_scale(batch: Any) -> None:
    losses = Irm(weight=5, begin=0.1).losses(Scripted(), batch, 0.5)
    expected = np.mean([float(irm_penalty(part.images, part.targets)) for part in batch.values()])
    assert float(losses["invariance"]) == pytest.approx(5 * expected, rel=1e-5)


def test_domain_coral_draws_all_pairs_together(batch: Any) -> None:
    losses = DomainCoral(weight=2).losses(Scripted(), batch, 0.0)
    gaps = [
        float(deep_coral(one, other)) + float((one.mean(0) - other.mean(0)).square().mean())
        for one, other in combinations([part.images for part in batch.values()], 2)
    ]
    assert len(gaps) == 3
    assert float(losses["coral"]) == pytest.approx(2 * np.mean(gaps), rel=1e-5)


def test_group_dro_follows_the_worst_from_step_to_step(batch: Any) -> None:
    memory = Weights(3)
    expected = torch.full((3,), 1 / 3)
    for _ in range(2):
        loss = GroupDro(step=0.5).losses(Scripted(memory), batch, 0.0)["cross_entropy"]
        expected = group_weights(expected, entropies(batch), 0.5)
        assert float(loss) == pytest.approx(float((expected * entropies(batch)).sum()))
    torch.testing.assert_close(memory.weights, expected)


def test_erm_average_keeps_the_mean_of_what_it_passed_through_since_it_began(batch: Any) -> None:
    learner = nn.Linear(1, 1, bias=False)
    learner.weight.data.fill_(0.0)
    mean = PassedThrough(learner)
    for weight, counting in ((5.0, False), (7.0, False), (1.0, True), (4.0, True)):
        learner.weight.data.fill_(weight)
        mean.counting.fill_(counting)
        mean.update(learner)
    # The weights where counting began are those after the step before, 7.
    assert float(mean.mean.weights()["weight"]) == pytest.approx((7 + 1 + 4) / 3)


def test_erm_average_deploys_the_mean(pretrained: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    task, training = domain_task(), TRAINING.model_copy(update={"ema": 0.0})
    seen: list[torch.Tensor] = []
    whole = ErmAverage.after_step

    def noting(self: Any, learner: Any, step: int) -> None:
        seen.append(learner.head.weight.detach().clone())
        whole(self, learner, step)

    monkeypatch.setattr(ErmAverage, "after_step", noting)
    model = ErmAverage(begin=0.5).fit(task, pretrained, training)
    # Progress is 4/7 in the fifth of seven steps, where counting begins.
    expected = torch.stack(seen[3:]).mean(dim=0)
    torch.testing.assert_close(torch.from_numpy(np.asarray(model.head.arrays()["weight"])).T, expected)


def test_a_task_may_have_labeled_target_rows_as_one_more_domain(pretrained: Backbone) -> None:
    task: Task = domain_task()
    few = replace(task, train=replace(task.source.take(np.arange(0, 60, 5)), domains=()))
    assert list(GroupDro().streams(GroupDro()._joined(few))) == ["domain 0", "domain 1", "domain 2", "domain 3"]


@pytest.mark.parametrize("kind", ["erm_average", "group_dro", "mix_style"])
def test_a_killed_fit_goes_on_to_the_same_weights(
    kind: str, pretrained: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method: Any = method_from({"kind": kind})
    assert_resumes(method, domain_task(), pretrained, TRAINING, tmp_path, monkeypatch, (5,))
