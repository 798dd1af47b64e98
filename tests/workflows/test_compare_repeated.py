"""A run that repeats another one is told from one that does not, and a run that went on elsewhere says so."""

from __future__ import annotations

import json

import pytest
from runs_made import write_vectors

import headstart
from headstart.core.conditions import CODE
from headstart.core.dropping import noting_drops
from headstart.runs.workspace import Workspace


@pytest.fixture
def fitted(tmp_path, monkeypatch):
    """Fits a plan to vectors in a new folder, with an empty cache."""
    place = write_vectors(tmp_path / "vectors.npz")

    def fit(name: str, seed: int = 0):
        monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / f"cache-{name}"))
        return headstart.fit(place, method="ridge", pretrained="embeddings", seed=seed, out=tmp_path / name)

    return fit


def test_a_run_made_again_has_the_same_bytes(fitted, headstart_command):
    first, again, other = fitted("first"), fitted("again"), fitted("other", seed=1)
    assert [one.repeated for one in headstart.compare(first, again, other)] == [True, False]
    answer = headstart_command("compare", first.folder, again.folder)
    said = " ".join(answer.out.split())
    assert "have the same bytes, but for measured times and memory." in said
    (again.folder / "known.txt").write_text("")
    assert not headstart.compare(first, again)[0].repeated


def test_the_record_says_what_is_guaranteed(fitted):
    run = fitted("run")
    sentence = run.repeatability
    assert sentence.startswith("The same command with seed 0, given on the same machine with as many threads (")
    assert json.loads((run.folder / "result.json").read_text())["repeatability"] == sentence
    assert sentence in (run.folder / "card.md").read_text()
    assert sentence in (run.folder / "report.html").read_text()


def test_a_run_that_went_on_with_other_threads_says_so(tmp_path, monkeypatch):
    workspace = Workspace(tmp_path / "run")
    monkeypatch.setattr("torch.get_num_threads", lambda: 3)
    workspace.write_environment()
    with noting_drops():
        workspace.write_noted()
        assert workspace.run.noticed is None
        monkeypatch.setattr("torch.get_num_threads", lambda: 2)
        workspace.write_environment()
        workspace.write_noted()
    (finding,) = workspace.run.noticed.findings
    assert finding.code == CODE
    assert finding.evidence["steps"] == ["threads 3"]
