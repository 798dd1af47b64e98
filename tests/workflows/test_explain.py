"""Explain: maps over pictures, whether they can be trusted, and what is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import headstart
from headstart.attribution.explanation import Explanation, explanations_of, verdict_on_maps
from headstart.core.errors import DataError, PlanError
from headstart.workflows import explain as workflow
from headstart.workflows.explain import BY_CONTRIBUTION, Explained


def corners(folder: Path, count: int, seed: int) -> None:
    """Noise with a red patch at the top left, or a blue one at the bottom right."""
    draw = np.random.default_rng(seed)
    for name, place, color in (("red", 1, (200, 20, 20)), ("blue", 9, (20, 20, 200))):
        (folder / name).mkdir(parents=True)
        for row in range(count):
            pixels = draw.integers(60, 120, (16, 18, 3)).astype(np.uint8)
            pixels[place : place + 6, place : place + 6] = color
            Image.fromarray(pixels).save(folder / name / f"{row}.png")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> headstart.Run:
    monkeypatch.chdir(tmp_path)
    corners(Path("learned"), 14, 0)
    corners(Path("new"), 3, 1)
    return headstart.fit("learned", method="ridge", pretrained="pixels", out="own")


def explanation(area: float, *random: float) -> Explanation:
    return Explanation(path="a", label="b", probability=0.9, map=((1.0,),), deletion_area=area, random_areas=random)


def test_maps_name_the_decisive_place_and_beat_random_ones(run):
    found = headstart.explain(run, "new")
    assert [one.label for one in found.explanations] == ["blue"] * 3 + ["red"] * 3
    assert sum(one.beats_random for one in found.explanations) >= 5
    assert found.sentence.startswith("On ")
    for one in found.explanations:
        row, column = np.unravel_index(np.array(one.map).argmax(), (7, 7))
        assert (row < 3) == (one.label == "red")
        assert (column < 3) == (one.label == "red")
        assert len(one.nearest) == 5
        assert one.nearest[0].label == one.label
        assert one.nearest[0].contribution > 0
        with Image.open(one.overlay) as drawn:
            assert drawn.size == (18 * 13, 16 * 13)
            assert np.abs(np.asarray(drawn, int) - np.asarray(Image.open(one.path).resize(drawn.size, 0), int)).max() > 50
    assert found.nearest == BY_CONTRIBUTION
    assert Explained.from_json(Path("own/explained/explained.json").read_text(encoding="utf-8")) == found
    assert headstart.verify(run).same  # what is explained later is no part of the run


def test_another_class_can_be_asked_about(run):
    (found,) = headstart.explain(run, "new/red/0.png", label="blue", num=0, by="occlusion", out="elsewhere").explanations
    assert (found.label, found.nearest) == ("blue", ())
    assert found.probability < 0.5
    assert np.array(found.map).min() < 0  # the red patch speaks against it
    assert Path(found.overlay).parent == Path("elsewhere")
    with pytest.raises(PlanError, match=r'^label = "blu" is no class\. Did you mean "blue"\? Known: blue, red\.$'):
        headstart.explain(run, "new", label="blu")


def test_what_cannot_be_explained_is_refused_in_a_sentence(run, tmp_path):
    with pytest.raises(PlanError, match=r"^pixels has no map of places inside, .* Choose --by rise\.$"):
        headstart.explain(run, "new", by="grad_cam")
    with pytest.raises(PlanError, match=r'^"gradcam" is not a map\.'):
        headstart.explain(run, "new", by="gradcam")
    with pytest.raises(PlanError, match=r"^num = -1: name 0 training images or more\.$"):
        headstart.explain(run, "new", num=-1)
    Path("new/broken.png").write_bytes(b"no picture")
    found = headstart.explain(run, ["new/red/0.png", "new/broken.png"])
    assert list(found.unreadable) == ["new/broken.png"]
    assert len(found.explanations) == 1
    with pytest.raises(DataError, match=r"^None of the 1 images can be read: "):
        headstart.explain(run, "new/broken.png")
    vectors = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32) + np.arange(40)[:, None] % 2
    np.savez(tmp_path / "vectors.npz", features=vectors, labels=np.array(["a", "b"])[np.arange(40) % 2])
    embedded = headstart.fit("vectors.npz", method="ridge", pretrained="embeddings", out="embedded")
    with pytest.raises(DataError, match=r"^embedded was fitted on feature vectors, and it is pictures that are explained\."):
        headstart.explain(embedded, "vectors.npz")


def test_training_images_that_are_gone_are_said_to_be(run):
    Path("learned").rename("moved")
    found = headstart.explain(run, "new/red/0.png")
    assert found.nearest == "Training images are not shown: the data of own are gone, have changed or lay in memory."
    assert found.explanations[0].nearest == ()


def test_what_is_said_of_maps_follows_from_a_sign_test():
    better, worse = explanation(0.2, 0.3, 0.5), explanation(0.6, 0.3, 0.5)
    assert verdict_on_maps([better] * 9 + [worse]) == (
        "On 9 of 10 pictures the probability falls sooner by the map than by random maps: the maps name places that the model "
        "needs."
    )
    assert verdict_on_maps([better] * 6 + [worse] * 4).endswith("which chance explains: do not trust maps of this model.")
    assert verdict_on_maps([better] * 4).endswith("too few pictures to tell whether maps of this model can be trusted.")
    assert verdict_on_maps([better] * 5).endswith("the maps name places that the model needs.")


def test_the_command_prints_areas_and_names_files_that_cannot_be_read(run, headstart_command):
    Path("new/broken.png").write_bytes(b"no picture")
    answer = headstart_command("explain", "own", "new/red/0.png", "new/broken.png", "--json")
    assert answer.code == 1
    assert json.loads(answer.out)["explanations"][0]["label"] == "red"
    assert "new/broken.png: " in answer.err
    shown = headstart_command("explain", "own", "new/red/0.png")
    assert shown.code == 0
    assert "red" in shown.out
    assert " red" in shown.out


def test_a_file_whose_name_is_no_text_is_explained_and_predicted(run, headstart_command):
    odd = os.fsdecode(b"new/bad\xff.png")
    Path("new/red/0.png").rename(odd)
    (found,) = headstart.explain(run, odd, num=0).explanations
    assert Explained.read(Path("own/explained/explained.json")).explanations == (found,)
    assert Path(found.overlay).is_file()
    assert headstart_command("predict", "own", odd, "--out", "rows.csv").code == 0
    assert b"new/bad\xff.png,red," in Path("rows.csv").read_bytes()


def test_copies_count_once_and_are_no_evidence_for_themselves(run):
    Path("copies").mkdir()
    for number in range(6):
        Path(f"copies/{number}.png").write_bytes(Path("learned/red/3.png").read_bytes())
    found = headstart.explain(run, "copies")
    assert found.sentence.startswith(("On 1 of 1 ", "On 0 of 1 "))
    assert len({(one.deletion_area, one.random_areas) for one in found.explanations}) == 1
    for one in found.explanations:
        assert len(one.nearest) == 5
        assert "learned/red/3.png" not in [near.name for near in one.nearest]


def test_a_map_beats_random_ones_below_their_median():
    assert explanation(0.4, 0.1, 0.5, 0.5).beats_random  # the mean is 0.37
    assert not explanation(0.4, 0.3, 0.3, 0.9).beats_random  # the mean is 0.5


def test_pictures_are_explained_and_written_block_by_block(run, monkeypatch, capsys):
    whole = headstart.explain(run, "new", num=2)
    monkeypatch.delenv("HEADSTART_QUIET", raising=False)
    monkeypatch.setattr(workflow, "BLOCK_ROWS", 4)
    monkeypatch.setattr(workflow, "LITTLE_SECONDS", 0.0)
    assert headstart.explain(run, "new", num=2) == whole
    assert "Explaining 6 pictures: less than a minute." in capsys.readouterr().err
    blocks = []

    def stopped(model, images, *rest):
        if blocks:
            raise KeyboardInterrupt
        blocks.append(len(images))
        return explanations_of(model, images, *rest)

    monkeypatch.setattr(workflow, "explanations_of", stopped)
    with pytest.raises(KeyboardInterrupt):
        headstart.explain(run, "new", num=2, out="part")
    assert blocks == [4]
    kept = Explained.read(Path("part/explained.json")).explanations
    assert [one.path for one in kept] == [one.path for one in whole.explanations[:4]]
    assert len(list(Path("part").glob("*.png"))) == 4


def test_overlays_of_before_are_replaced_and_other_files_stay(run):
    odd = f"new/{'a b' * 60}.png"
    Path("new/red/0.png").rename(odd)
    first = headstart.explain(run, [odd, "new/red"], num=0, out="mine").explanations
    assert Path(first[0].overlay).name == f"1-{('a_b' * 60)[:40]}.png"
    Path("mine/own.png").write_bytes(b"another's")
    (second,) = headstart.explain(run, "new/blue/1.png", num=0, out="mine").explanations
    assert sorted(path.name for path in Path("mine").iterdir()) == ["1-1.png", "explained.json", "own.png"]
    assert Path(second.overlay).name == "1-1.png"
    Path("mine/explained.json").write_text("{}", encoding="utf-8")
    with pytest.raises(PlanError, match=r"^mine.explained\.json: run is missing\."):
        headstart.explain(run, "new/blue/1.png", num=0, out="mine")
    assert Path("mine/1-1.png").exists()
