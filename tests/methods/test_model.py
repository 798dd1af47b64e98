"""A model gives p-values by whichever part of it has a novelty detector, and is saved with each of its networks once."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from headstart.backbones.loading import load_backbone
from headstart.core.errors import DataError, PretrainedError
from headstart.core.parsing import json_in, json_text
from headstart.data.images import Embeddings, ImageSet
from headstart.data.task import Task
from headstart.methods import method_from
from headstart.methods.model import Model
from headstart.novelty.detector import fit_detector
from headstart.training.settings import Training

CANNOT = (
    "This model was saved without a novelty detector: an earlier version fitted it, or it had too few images. Fit the run again, "
    "or leave out --refuse."
)


@pytest.fixture
def task() -> Task:
    labels = np.arange(47) % 3
    rows = np.random.default_rng(1).normal(size=(47, 5)) + 3 * np.eye(5)[labels]
    at = np.arange(47)
    return Task("set", ("a", "b", "c"), ImageSet(Embeddings(rows.astype(np.float32), "set", at), ("a", "b", "c"), labels, at))


@pytest.fixture
def plain(task) -> Model:
    backbone = load_backbone("embeddings", "pretrained", 0, 0)
    return method_from({"kind": "ridge"}).fit(task, backbone, Training())


@pytest.fixture
def knowing(task, plain) -> Model:
    return replace(plain, novelty_detector=fit_detector(task, plain.backbone))


def test_the_detector_comes_back_and_predictions_stay_as_they_are(task, plain, knowing, tmp_path):
    knowing.save(tmp_path)
    again = Model.load(tmp_path)
    assert np.array_equal(again.p_values(task.train), knowing.p_values(task.train))
    assert again.least_p_value == 1 / 48
    assert np.array_equal(again.predict(task.train).probs, plain.predict(task.train).probs)
    (tmp_path / "detector.safetensors").rename(tmp_path / "acquaintance.safetensors")  # as earlier versions wrote it
    card = (tmp_path / "model.json").read_text(encoding="utf-8")
    assert json.loads(card)["format"] == 2
    old = {("remembers" if key == "has_detector" else key): value for key, value in json.loads(card).items()}
    del old["checksum"], old["checksums"]
    (tmp_path / "model.json").write_text(json.dumps(old), encoding="utf-8")
    assert np.array_equal(Model.load(tmp_path).p_values(task.train), knowing.p_values(task.train))


@pytest.mark.parametrize("part", ["head.safetensors", "detector.safetensors", "partners/0/model.json"])
def test_parts_of_another_model_which_a_kill_while_one_takes_the_place_of_another_leaves_are_refused(knowing, tmp_path, part):
    replace(knowing, partners=(knowing,), shares=(0.5, 0.5)).save(tmp_path)
    before = (tmp_path / part).read_bytes()
    later = deepcopy(knowing)
    later.head.weight[0, 0] += 1.0
    later.novelty_detector.rows[0, 0] += 1.0
    replace(later, partners=(later,), shares=(0.5, 0.5), temperature=2.0).save(tmp_path)
    Model.load(tmp_path)
    (tmp_path / part).write_bytes(before)
    with pytest.raises(DataError) as caught:
        Model.load(tmp_path)
    named = "head.safetensors" if "partners" in part else part
    assert f"({named} is of another model than model.json)" in str(caught.value)


def test_a_model_of_an_earlier_version_predicts_and_says_that_it_has_no_detector(task, knowing, tmp_path):
    knowing.save(tmp_path)
    (tmp_path / "detector.safetensors").unlink()
    card = json.loads((tmp_path / "model.json").read_text(encoding="utf-8"))
    del card["has_detector"], card["checksum"]
    (tmp_path / "model.json").write_text(json.dumps(card), encoding="utf-8")
    old = Model.load(tmp_path)
    assert np.array_equal(old.predict(task.train).probs, knowing.predict(task.train).probs)
    assert old.least_p_value == 1.0
    with pytest.raises(DataError) as caught:
        old.p_values(task.train)
    assert str(caught.value) == CANNOT


def test_a_file_that_is_gone_makes_the_model_incomplete(knowing, tmp_path):
    knowing.save(tmp_path)
    (tmp_path / "detector.safetensors").unlink()
    with pytest.raises(DataError) as caught:
        Model.load(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path} holds no whole model (")


HEAD_OF = "the head in model.json and head.safetensors"
HEAD = '{"kind": "linear", "blocks": "stages"}'
FAULTS = {
    '{"format": 3}': "model.json was written by a newer headstart (format 3; this one reads up to 2). Update headstart",
    "{}": "model.json: classes is missing. temperature is missing. head is missing",
    "[]": "model.json: the content = []: input should be a valid dictionary or instance of Card",
    "{": "model.json: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
    '{"classes": ["a"], "temperature": 1, "head": {}}': f"{HEAD_OF}: 'kind' is missing",
    '{"classes": ["a"], "temperature": 1, "head": {"kind": "graph", "blocks": "stages"}}': f"{HEAD_OF}: 'axes' is missing",
    '{"classes": ["a"], "temperature": 1, "head": {"kind": "mean", "heads": 3}}': f"{HEAD_OF}: 'int' object is not iterable",
    f'{{"classes": ["a"], "temperature": 0, "head": {HEAD}}}': "model.json: temperature = 0: input should be greater than 0",
    f'{{"classes": ["a"], "temperature": 1, "head": {HEAD}, "partners": 2, "shares": [1, 1]}}': (
        "model.json: 2 shares for 3 members"
    ),
}


@pytest.mark.parametrize("text", FAULTS)
def test_a_card_that_was_damaged_is_one_sentence(text, plain, tmp_path):
    plain.save(tmp_path)
    (tmp_path / "model.json").write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        Model.load(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} holds no whole model ({FAULTS[text]}). Give the command that made it again: it fits what is missing."
    )
    assert Model.whole_in(tmp_path) is None


@pytest.mark.parametrize(
    ("name", "lacking", "where"),
    [
        ("head", "weight", HEAD_OF),
        ("detector", "calibration", "detector.safetensors"),
    ],
)
def test_a_file_that_lacks_an_array_is_one_sentence(name, lacking, where, knowing, tmp_path):
    knowing.save(tmp_path)
    path = tmp_path / f"{name}.safetensors"
    save_file({key: array for key, array in load_file(path).items() if key != lacking}, path)
    with pytest.raises(
        DataError, match=re.escape(f"{tmp_path} holds no whole model ({where}: '{lacking}' is missing). Give the")
    ):
        Model.load(tmp_path)


def test_a_model_is_whole_with_all_of_its_networks(task, plain, tmp_path):
    replace(plain, partners=(replace(plain, backbone=load_backbone("small_cnn", "none", 16, 0)),)).save(tmp_path)
    assert len(Model.whole_in(tmp_path).partners) == 1
    (tmp_path / "partners" / "0" / "backbone" / "weights.safetensors").unlink()
    assert Model.whole_in(tmp_path) is None


@pytest.mark.parametrize(("name", "what"), [("partners/0", "member 2 of 3"), ("partners/1", "member 3 of 3")])
@pytest.mark.parametrize("file", ["model.json", "head.safetensors"])
def test_a_member_that_is_missing_is_named_with_its_file_and_what_to_do(plain, tmp_path, name, what, file):
    replace(plain, partners=(plain, plain)).save(tmp_path)
    path = tmp_path / name / file
    path.unlink()
    with pytest.raises(DataError) as caught:
        Model.load(tmp_path)
    said = f"No such file or directory: {path}"
    assert str(caught.value) == (
        f"{tmp_path} consists of several models, and {what} cannot be loaded: {path.parent} holds no whole model ({said}). "
        "Give the command that made it again: it fits what is missing."
    )
    assert Model.whole_in(tmp_path) is None


@pytest.mark.parametrize("file", ["model.json", "head.safetensors", "backbone/card.json", "backbone/weights.safetensors"])
@pytest.mark.parametrize("damage", ["empty", "cut short"])
def test_a_member_that_is_damaged_is_named_with_its_file(plain, tmp_path, file, damage):
    replace(plain, partners=(replace(plain, backbone=load_backbone("small_cnn", "none", 16, 0)),)).save(tmp_path)
    path = tmp_path / "partners" / "0" / file
    path.write_bytes(b"" if damage == "empty" else path.read_bytes()[:-1])
    with pytest.raises(DataError) as caught:
        Model.load(tmp_path)
    what = "backbone" if "backbone" in file else "model"
    begun = (
        f"{tmp_path} consists of several models, and member 2 of 2 cannot be loaded: {path.parent} holds no whole {what} "
        f"({path.name}: "
    )
    assert str(caught.value).startswith(begun)
    assert str(caught.value).count(". ") == 1  # the fault, then what to do
    assert Model.whole_in(tmp_path) is None


def test_a_network_of_a_member_that_is_missing_is_named(plain, tmp_path):
    other = replace(plain, backbone=load_backbone("small_cnn", "none", 16, 0))
    replace(plain, partners=(other,)).save(tmp_path)
    (tmp_path / "partners" / "0" / "backbone" / "card.json").unlink()
    with pytest.raises(DataError) as caught:
        Model.load(tmp_path)
    network = tmp_path / "partners" / "0" / "backbone"
    assert str(caught.value) == (
        f"{tmp_path} consists of several models, and member 2 of 2 cannot be loaded: {network} holds no whole backbone "
        f"([Errno 2] No such file or directory: '{network / 'card.json'}'). Fit the run again."
    )


def test_a_model_that_another_corrects_and_a_member_of_other_classes_are_named(plain, tmp_path):
    replace(plain, base=plain, partners=(plain,)).save(tmp_path)
    card = tmp_path / "partners" / "0" / "model.json"
    text = card.read_text(encoding="utf-8")
    card.write_text(json_text(json_in(card) | {"classes": ["x", "y", "z"]}), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        Model.load(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} consists of several models, and member 2 of 2, in {card.parent}, has other classes. "
        "Give the command that made it again: it fits what is missing."
    )
    card.write_text(text, encoding="utf-8")
    (tmp_path / "base" / "model.json").unlink()
    with pytest.raises(DataError, match="and the model that it corrects cannot be loaded: "):
        Model.load(tmp_path)


def test_a_partner_or_the_model_that_is_corrected_gives_the_p_values(task, plain, knowing, tmp_path):
    p_values = knowing.p_values(task.train)
    for name, whole in {"base": replace(plain, base=knowing), "partner": replace(plain, partners=(plain, knowing))}.items():
        whole.save(tmp_path / name)
        assert np.array_equal(Model.load(tmp_path / name).p_values(task.train), p_values)


def test_a_network_that_several_parts_use_is_written_once(task, plain, tmp_path):
    other = method_from({"kind": "ridge"}).fit(task, plain.backbone, Training(seed=3))
    drawn = load_backbone("small_cnn", "none", 16, 0)
    network = replace(plain, backbone=drawn)
    whole = replace(plain, base=plain, partners=(other, replace(network, base=other), network))
    whole.save(tmp_path / "first")
    (tmp_path / "first").rename(tmp_path / "moved")
    written = sorted(str(path.parent.relative_to(tmp_path / "moved")) for path in tmp_path.rglob("weights.safetensors"))
    assert written == ["backbone", "partners/1/backbone"]
    again = Model.load(tmp_path / "moved")
    assert again.partners[2].backbone is again.partners[1].backbone
    assert again.partners[2].backbone.weights_hash == drawn.weights_hash
    assert again.base is not None
    assert again.base.backbone is again.partners[0].backbone is again.backbone
    expected = replace(plain, partners=(other,)).predict(task.train).probs
    assert np.array_equal(replace(again, base=None, partners=again.partners[:1]).predict(task.train).probs, expected)


def test_a_model_whose_network_is_gone_says_so(task, plain, tmp_path):
    replace(plain, partners=(plain,)).save(tmp_path)
    (tmp_path / "backbone" / "card.json").unlink()
    with pytest.raises(PretrainedError, match="holds no whole backbone"):
        Model.load(tmp_path)


def test_a_model_of_an_earlier_version_has_its_network_beside_it(task, plain, tmp_path):
    plain.save(tmp_path)
    card = json.loads((tmp_path / "model.json").read_text(encoding="utf-8"))
    assert card.pop("backbone") == "backbone"
    del card["checksum"]
    (tmp_path / "model.json").write_text(json.dumps(card), encoding="utf-8")
    assert np.array_equal(Model.load(tmp_path).predict(task.train).probs, plain.predict(task.train).probs)
