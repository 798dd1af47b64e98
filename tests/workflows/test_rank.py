"""Which models are candidates where the user names none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import headstart
from headstart.backbones.catalog import packaged
from headstart.workflows import decide, run
from headstart.workflows.rank import cards_named


@pytest.fixture
def labeled(tmp_path, monkeypatch):
    """Pictures of two classes, and a folder for runs."""
    rng = np.random.default_rng(4)
    for level, name in enumerate(("dark", "light")):
        (tmp_path / "shades" / name).mkdir(parents=True)
        for row in range(40):
            pixels = (120 * level + rng.integers(0, 120, (8, 8, 3))).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "shades" / name / f"{row}.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    return headstart.read_task("shades")


def names(cards) -> list[str]:
    return [card.name for card in cards]


def test_candidates_are_all_models_that_are_here_but_for_those_that_learned_the_labels(labeled):
    known = names(packaged())
    assert names(cards_named((), labeled)) == known
    for method in ("sim_clr", "supervised"):
        headstart.pretrain("shades", method=method, settings={"training.epochs": 1}, out=f"own-{method}")
    assert names(cards_named((), labeled)) == [*known, "run:own-sim_clr"]
    assert names(cards_named("run:own-supervised", labeled)) == ["run:own-supervised"]


def test_a_candidate_may_be_named_by_a_path(labeled):
    assert names(cards_named(Path("small_cnn"), labeled)) == ["small_cnn"]


def test_run_decide_and_rank_take_the_same_candidates(labeled, monkeypatch):
    taken = []

    def stopped(task, cards, **_):
        taken.append(names(cards))
        raise KeyboardInterrupt

    for owner, name in ((decide, "rank"), (headstart.workflows.rank, "rank_cards")):
        monkeypatch.setattr(owner, name, stopped)
    for verb in (run.run, decide.decide, headstart.rank):
        with pytest.raises(KeyboardInterrupt):
            verb("shades")
    assert taken == [names(packaged())] * 3
