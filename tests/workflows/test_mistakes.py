"""Maps of the most confident mistakes: kept by a run, shown in its report, bounded in time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import headstart
from headstart.attribution.explanation import ExplainedMistakes, Explanation
from headstart.core.language import language_named
from headstart.workflows import mistakes as workflow


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Noise that is a little darker or lighter, so that many images are predicted wrongly."""
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    for level, name in enumerate(("dark", "light")):
        Path("data", name).mkdir(parents=True)
        for row in range(17):
            pixels = draw.integers(0, 240, (12, 14, 3)) + 8 * level
            Image.fromarray(pixels.astype(np.uint8)).save(Path("data", name, f"{row}.png"))
    return Path("data")


def test_a_run_has_maps_of_its_most_confident_mistakes(data):
    run = headstart.fit(data, method="ridge", pretrained="pixels", out="own")
    found, predictions = run.explained_mistakes, run.predictions
    assert 0 < len(found.explanations) <= workflow.MOST_MISTAKES
    for one in found.explanations:
        row = predictions.names.index(one.path)
        assert one.label == predictions.classes[predictions.predicted[row]] != predictions.classes[predictions.labels[row]]
        assert len(one.random_areas) == workflow.RANDOM_MAPS
        assert one.path not in [near.name for near in one.nearest]
        assert [near.contribution for near in one.nearest] == sorted((near.contribution for near in one.nearest), reverse=True)
    report = Path("own/report.html").read_text(encoding="utf-8")
    assert "Where it looked in these mistakes" in report
    assert report.count("places that speak for") == len(found.explanations)
    assert "mistakes.json" in run.manifest.files
    again = headstart.fit(data, method="ridge", pretrained="pixels", out="own")
    assert again.explained_mistakes == found


def test_what_would_take_too_long_is_left_out_and_said_to_be(data, monkeypatch):
    monkeypatch.setattr(workflow, "seconds_of", lambda model: 0.1)
    found = headstart.fit(data, method="ridge", pretrained="pixels", out="own").explained_mistakes
    assert found.explanations == ()
    assert found.sentence == "Maps of mistakes were left out: one takes about 7 s here. `headstart explain` makes them."
    assert language_named("zh").sentence(found.sentence).startswith("未制作错误的归因图：在此机器上每张约需 7 秒")
    assert found.sentence in Path("own/report.html").read_text(encoding="utf-8").replace("<code>", "`").replace("</code>", "`")


def test_as_many_as_there_is_time_for_are_explained(data, monkeypatch):
    monkeypatch.setattr(workflow, "seconds_of", lambda model: 2.9 / workflow.PREDICTIONS / 2.5)
    found = headstart.fit(data, method="ridge", pretrained="pixels", out="own").explained_mistakes
    assert len(found.explanations) == 2
    assert ExplainedMistakes.from_json(found.to_json()) == found


def test_training_images_that_take_too_long_are_not_compared_and_their_time_counts(data, monkeypatch):
    monkeypatch.setattr(workflow, "seconds_of", lambda model: 0.9 / workflow.PREDICTIONS)
    monkeypatch.setattr(workflow, "seconds_of_comparing", lambda model, learned: 1.4)
    found = headstart.fit(data, method="ridge", pretrained="pixels", out="own").explained_mistakes
    assert len(found.explanations) == 1
    assert all(one.nearest for one in found.explanations)
    monkeypatch.setattr(workflow, "seconds_of_comparing", lambda model, learned: 1.6)
    found = headstart.fit(data, method="ridge", pretrained="pixels", out="other").explained_mistakes
    assert len(found.explanations) == 3
    assert not any(one.nearest for one in found.explanations)


def test_of_an_ensemble_that_takes_long_the_cheapest_member_is_asked(data, monkeypatch):
    model = headstart.fit(data, method="ridge", pretrained="pixels", out="own").model
    partner = replace(model, novelty_detector=None)
    both = replace(model, partners=(partner,), shares=(0.5, 0.5))
    assert workflow._asked(both) is both
    cost = {False: 1.0, True: 0.01}
    monkeypatch.setattr(workflow, "seconds_of", lambda one: cost[one.novelty_detector is None and not one.partners])
    assert workflow._asked(both) is partner
    assert workflow._asked(model) is model
    found = ExplainedMistakes(by="rise", explanations=(explanation(),) * 4, member="pixels")
    assert found.sentence.endswith(" They are maps of pixels alone, a member of the ensemble.")
    assert language_named("zh").sentence(found.sentence).endswith("这些图只属于集成的一个成员 pixels。")


def explanation() -> Explanation:
    return Explanation(path="a", label="b", probability=0.9, map=((1.0,),), deletion_area=0.2, random_areas=(0.3,))


def test_feature_vectors_have_no_maps(tmp_path):
    vectors = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    np.savez(tmp_path / "vectors.npz", features=vectors, labels=np.array(["a", "b"])[np.arange(40) % 2])
    run = headstart.fit(tmp_path / "vectors.npz", method="ridge", pretrained="embeddings", out=tmp_path / "own")
    assert run.explained_mistakes is None
