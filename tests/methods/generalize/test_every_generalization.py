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
from headstart.methods import method_from
from headstart.methods.generalize.domain_coral import DomainCoral
from headstart.methods.generalize.erm import Erm
from headstart.methods.generalize.erm_average import ErmAverage, PassedThrough
from headstart.methods.generalize.group_dro import GroupDro, Weights
from headstart.methods.generalize.mix_style import MixStyle
from headstart.training import mix_style
from headstart.training.batches import Batch
from headstart.training.settings import Training

pytestmark = pytest.mark.slow

KINDS = kinds_of("generalize")
COMPARING = ["domain_coral", "group_dro"]
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
        method_from({"kind": kind}).fit(replace(task, train=replace(task.source, domains=()), source=None), pretrained, TRAINING)


@each_method
def test_labeled_rows_that_name_their_domains_are_as_good_as_sources(kind: str, pretrained: Backbone) -> None:
    task, method = domain_task(), method_from({"kind": kind})
    training = TRAINING.model_copy(update={"epochs": 1})
    assert_equal(
        method.fit(task, pretrained, training),
        method.fit(replace(task, train=task.source, source=None), pretrained, training),
    )


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


def test_batches_of_one_row_are_refused(pretrained: Backbone) -> None:
    with pytest.raises(PlanError, match="domain_coral takes statistics of batches"):
        DomainCoral().fit(domain_task(), pretrained, Training(batch_size=1))


@each_method
def test_its_price_counts_every_domain(kind: str, pretrained: Backbone) -> None:
    assert method_from({"kind": kind}).predicted_seconds(domain_task(), pretrained, TRAINING) > 0


def test_erm_lets_every_domain_count_alike(batch: Any) -> None:
    assert float(Erm().losses(Scripted(), batch, 0.0)["cross_entropy"]) == pytest.approx(float(entropies(batch).mean()))


@each_method
def test_it_is_fed_and_cut_as_erm_is_so_that_gains_over_erm_are_its_own(kind: str, pretrained: Backbone) -> None:
    task, method = domain_task(), method_from({"kind": kind})
    own, plain = (one.streams(one._joined(task)) for one in (method, Erm()))
    assert own.keys() == plain.keys()
    for name, stream in own.items():
        other = plain[name]
        assert stream.images.fingerprint == other.images.fingerprint
        assert (str(stream.view), stream.also, stream.times) == (str(other.view), other.also, other.times)
        assert (stream.smooth, stream.least_steps) == (other.smooth, other.least_steps)
    groups, expected = (_cut(one, task, pretrained).rate_groups() for one in (method, Erm()))
    assert [(one.name, one.scale, len(one.parameters)) for one in groups] == [
        (one.name, one.scale, len(one.parameters)) for one in expected
    ]


def _cut(method: Any, task: Task, pretrained: Backbone) -> Any:
    learner = method._built(method._joined(task), pretrained, TRAINING)
    learner.freeze_up_to(method.stages(pretrained)[-1])
    return learner


def test_mix_style_mixes_behind_the_first_two_stages_however_deep_the_trained_part_begins(
    pretrained: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    method: Any = MixStyle(probability=1.0, depth="late")
    assert Erm(depth="late").stages(pretrained) == ("blocks.1",)
    assert method.stages(pretrained) == ("blocks.0",)
    learner = _cut(method, domain_task(), pretrained)
    assert [group.name for group in learner.rate_groups()] == ["blocks.2", "head"]
    mixed: list[int] = []
    monkeypatch.setattr(mix_style, "styles_mixed", lambda maps, *_: mixed.append(maps.shape[1]) or maps)
    with mix_style.mixing_styles(learner, 1.0, 0.1):
        learner(torch.rand(4, *learner.boundary.shape))
    assert mixed == [learner.boundary.shape[0], pretrained.module.get_submodule("blocks.1").convolution.out_channels]


@pytest.mark.parametrize("depth", ["all", "third"])
def test_mix_style_cuts_no_later_than_it_trains(depth: Any, pretrained: Backbone) -> None:
    assert MixStyle(depth=depth).stages(pretrained) == Erm(depth=depth).stages(pretrained)


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
