from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from headstart.data.folds import Fold
from headstart.data.images import ImageSet
from headstart.data.streams import Stream
from headstart.training import gradual_unfreezing, interpolation, loop
from headstart.training.batches import Batch
from headstart.training.gradual_unfreezing import GradualUnfreezing, Reached
from headstart.training.interpolation import SHARES
from headstart.training.learner import Classifier
from headstart.training.settings import Training

New = Callable[[], Classifier]
Streams = dict[str, Stream]
STAGES = ("blocks.1", "blocks.0")
FOLD = Fold(np.arange(0, 31, 2), np.arange(1, 31, 2))


@pytest.fixture
def new_frozen() -> New:
    """A learner on pictures of side 16, whose network has two places to cut."""
    from headstart.backbones.loading import load_backbone

    def make() -> Classifier:
        torch.manual_seed(3)
        return Classifier(load_backbone("small_cnn", "none", 16, seed=1), 3, frozen_statistics=True)

    return make


def _same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return all(torch.equal(first[name], second[name]) for name in first)


def _state(learner: Classifier) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in learner.state_dict().items()}


def test_only_what_lies_behind_the_earliest_cut_moves(
    streams: Streams, settings: Training, new_frozen: New, losses: Any, pictures: ImageSet
) -> None:
    learner = new_frozen()
    before = _state(learner)
    assert GradualUnfreezing(learner, STAGES, losses, settings).trained(streams) is learner
    moved = {name.rsplit(".", 1)[0] for name, tensor in learner.state_dict().items() if not torch.equal(tensor, before[name])}
    assert "head" in moved
    assert any("blocks.1.convolution" in name for name in moved)
    assert not any("blocks.0" in name for name in moved)
    images = torch.from_numpy(learner.transform().decode(pictures.images, np.arange(31))).permute(0, 3, 1, 2)
    with torch.inference_mode():
        assert (learner(images).argmax(1).numpy() == pictures.labels).mean() > 0.9


def test_a_later_cut_leaves_more_as_it_was(streams: Streams, settings: Training, new_frozen: New, losses: Any) -> None:
    learner = new_frozen()
    before = _state(learner)
    GradualUnfreezing(learner, STAGES[:1], losses, settings).trained(streams)
    name = "backbone.module.blocks.1.convolution.weight"
    assert torch.equal(learner.state_dict()[name], before[name])


@pytest.mark.slow
@pytest.mark.parametrize("kills", [(9,), (10, 6)])
def test_killed_phases_go_on_to_bit_identical_weights(
    streams: Streams,
    settings: Training,
    new_frozen: New,
    losses: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kills: tuple[int, ...],
) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_PAUSE", 0.0)
    training = settings.model_copy(update={"checkpoint_seconds": 1e-9})
    left = [10_000]

    def killed(learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        found: dict[str, Tensor] = losses(learner, batch, progress)
        return found

    undisturbed = GradualUnfreezing(new_frozen(), STAGES, losses, training).trained_while_better(streams, FOLD)
    for after in kills:
        left[0] = after
        with pytest.raises(KeyboardInterrupt):
            GradualUnfreezing(new_frozen(), STAGES, killed, training, tmp_path).trained_while_better(streams, FOLD)
    left[0] = 10_000
    resumed = GradualUnfreezing(new_frozen(), STAGES, killed, training, tmp_path).trained_while_better(streams, FOLD)
    assert _same(resumed.state_dict(), undisturbed.state_dict())


def test_a_share_of_0_is_the_beginning_and_settles_nothing(
    streams: Streams, settings: Training, new_frozen: New, losses: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpolation, "SHARES", [0.0])
    learner = new_frozen()
    before = _state(learner)
    GradualUnfreezing(learner, STAGES, losses, settings, tmp_path).trained_while_better(streams, FOLD)
    assert learner.boundary is None
    assert _same(learner.state_dict(), before)
    assert not (tmp_path / "settling").exists()


@pytest.mark.slow
def test_of_a_phase_that_does_harm_little_is_taken(
    streams: Streams, settings: Training, new_frozen: New, losses: Any, pictures: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistaken(learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        labels = (batch["train"].labels + 1) % 3
        return {"cross_entropy": functional.cross_entropy(learner(batch["train"].images), labels)}

    learner = GradualUnfreezing(new_frozen(), STAGES, losses, settings).trained(streams)
    found: list[Reached] = []
    whole = GradualUnfreezing._reached
    monkeypatch.setattr(GradualUnfreezing, "_reached", lambda self, *args: found.append(whole(self, *args)) or found[-1])
    GradualUnfreezing(learner, STAGES, mistaken, settings).trained_while_better(streams, FOLD)
    assert found[0].share < 0.5
    assert found[0].losses.mean() < 0.3


def test_phases_that_help_are_kept_and_trained_on_all_rows_at_the_end(
    streams: Streams, settings: Training, new_frozen: New, losses: Any, tmp_path: Path
) -> None:
    learner = new_frozen()
    before = _state(learner)
    GradualUnfreezing(learner, STAGES, losses, settings, tmp_path).trained_while_better(streams, FOLD)
    assert not _same(learner.state_dict(), before)
    folders = {path.name for path in tmp_path.iterdir()}
    assert {"blocks.1", "settling"} <= folders
    assert not list(tmp_path.rglob("cache"))


def test_only_a_fall_beyond_noise_is_an_improvement() -> None:
    draw = np.random.default_rng(0).normal(size=101)
    before = Reached("a", {}, 0.0, draw)
    assert Reached("b", {}, 1.0, draw - 0.1 + 0.01 * draw).improves_on(before)
    assert not Reached("b", {}, 1.0, draw).improves_on(before)
    assert not Reached("b", {}, 1.0, draw - 0.01 + draw[::-1]).improves_on(before)


def test_the_price_counts_every_phase(streams: Streams, new_frozen: New, losses: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    training, met = Training(epochs=40, batch_size=7), []
    monkeypatch.setattr(gradual_unfreezing, "cost_probe", lambda learner, *given: met.append(learner.boundary.stage) or 3.0)
    seconds = GradualUnfreezing(new_frozen(), STAGES[:2], losses, training).predicted_seconds(streams, {"train": 310})
    assert met == list(STAGES[:2])
    assert seconds == 6.0


def test_the_price_counts_held_out_rows_and_the_end_on_all_rows(
    streams: Streams, new_frozen: New, losses: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = Training(epochs=40, batch_size=7)
    priced: list[int] = []
    monkeypatch.setattr(
        gradual_unfreezing, "cost_probe", lambda learner, few, losses, training, rows: priced.append(rows["train"]) or 3.0
    )
    monkeypatch.setattr(gradual_unfreezing, "counted", lambda: nullcontext(SimpleNamespace(seconds=0.5)))
    monkeypatch.setattr(gradual_unfreezing, "slowness", lambda: 1.0)
    seconds = GradualUnfreezing(new_frozen(), STAGES[:2], losses, training).predicted_seconds(streams, {"train": 310}, 31)
    assert priced == [279, 279]
    judging = len(SHARES) * 0.5 * 31 / len(streams["train"].images)
    assert seconds == pytest.approx(2 * (3.0 + judging) + 3.0 * 310 / 279 * 3 / 20)
