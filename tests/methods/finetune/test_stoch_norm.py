from __future__ import annotations

import pytest
import torch

from headstart.backbones.backbone import Backbone
from headstart.core.errors import PlanError
from headstart.data.task import Task
from headstart.methods.finetune.stoch_norm import StochNorm
from headstart.methods.model import Model
from headstart.training.settings import Training
from headstart.training.stochastic_norm import StochasticNorm

TRAINING = Training(epochs=2, batch_size=7)


def statistics_moved(pretrained: Backbone, model: Model) -> set[str]:
    before, after = pretrained.module.state_dict(), model.backbone.module.state_dict()
    return {name.split(".norm")[0] for name in before if "running" in name and not torch.equal(before[name], after[name])}


@pytest.mark.slow
def test_statistics_behind_the_cut_follow_the_task_and_those_before_it_stay(task: Task, pretrained: Backbone) -> None:
    assert statistics_moved(pretrained, StochNorm(depth="late").fit(task, pretrained, TRAINING)) == {"blocks.2"}
    assert statistics_moved(pretrained, StochNorm(depth="all").fit(task, pretrained, TRAINING)) == {
        "blocks.0",
        "blocks.1",
        "blocks.2",
    }


@pytest.mark.slow
def test_while_it_trains_every_norm_draws_and_what_is_deployed_has_plain_ones(task: Task, pretrained: Backbone) -> None:
    learner = StochNorm(batch_share=0.3)._built(task, pretrained, TRAINING)
    drawing = [part for part in learner.backbone.modules() if isinstance(part, StochasticNorm)]
    assert [part.batch_share for part in drawing] == [0.3] * 3
    model = StochNorm().fit(task, pretrained, TRAINING)
    assert list(model.backbone.module.state_dict()) == list(pretrained.module.state_dict())
    assert not any(isinstance(part, StochasticNorm) for part in model.backbone.modules())


@pytest.mark.slow
def test_the_share_of_the_batch_s_statistics_matters(task: Task, pretrained: Backbone) -> None:
    hashes = {StochNorm(batch_share=share).fit(task, pretrained, TRAINING).backbone.weights_hash for share in (0.0, 0.5, 1.0)}
    assert len(hashes) == 3


def test_batches_of_one_row_are_refused(task: Task, pretrained: Backbone) -> None:
    with pytest.raises(PlanError) as error:
        StochNorm().fit(task, pretrained, Training(batch_size=1))
    assert str(error.value) == (
        "stoch_norm takes statistics of batches, and training.batch_size = 1 leaves none. Set it to 2 or more, better 16."
    )
