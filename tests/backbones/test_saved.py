"""A saved backbone is used without its network as long as the weights are those that were saved."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from headstart.backbones.backbone import Backbone, hash_of
from headstart.backbones.descriptions import Description
from headstart.backbones.loading import load_backbone
from headstart.backbones.programs import Describe
from headstart.backbones.saved import SavedBackbone, extractor_in, hash_of_file
from headstart.core.errors import PretrainedError
from headstart.data.transforms import Transform


@pytest.fixture
def folder(tmp_path):
    backbone = load_backbone("timm/test_resnet", "none", 32, mean=(0.1, 0.2, 0.3))
    backbone.engine = "torch-float32"
    backbone.save(tmp_path / "backbone")
    return tmp_path / "backbone"


@pytest.mark.parametrize("name", ["timm/test_resnet", "timm/test_vit", "small_cnn", "pixels", "embeddings"])
def test_it_knows_what_the_backbone_knows(name, tmp_path):
    given = load_backbone(name, "pretrained" if name in ("pixels", "embeddings") else "none")
    given.save(tmp_path)
    found = extractor_in(tmp_path)
    assert isinstance(found, SavedBackbone)
    for attribute in (
        "card", "transform", "weights", "source_classes", "stage_names", "output_names", "feature_width", "weights_hash",
        "engine", "identity",
    ):  # fmt: skip
        assert getattr(found, attribute) == getattr(given, attribute), attribute
    assert Description(found).content_key == Describe(given).content_key
    assert "network" not in vars(found)
    assert found.network.weights_hash == given.weights_hash


def test_its_network_has_its_engine_and_gives_the_same_features(folder):
    found, given = extractor_in(folder), Backbone.load(folder)
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 3, 32, 32), dtype=np.uint8))
    with torch.no_grad():
        assert torch.equal(found.network(images), given(images))
    assert found.network is found.network
    assert found.network.engine == "torch-float32"
    assert Description(found).loaded().backbone is found.network


def test_it_is_saved_again_as_it_is(folder, tmp_path):
    extractor_in(folder).save(tmp_path / "again")
    for name in ("card.json", "weights.safetensors"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()


def test_the_hash_of_a_file_is_that_of_the_network_for_every_type(tmp_path):
    state = {
        "b.half": torch.arange(3).half(), "a.brain": torch.arange(6).bfloat16().view(2, 3), "c.count": torch.tensor(7),
        "is_on": torch.tensor([True]), "no_rows": torch.zeros(0, dtype=torch.float64),
    }  # fmt: skip
    module = torch.nn.Module()
    for name, tensor in state.items():
        module.register_buffer(name.replace(".", "_"), tensor)
    save_file(dict(module.state_dict()), tmp_path / "state.safetensors")
    assert hash_of_file(tmp_path / "state.safetensors", Transform(pixels=8)) == hash_of(module)


def test_the_network_is_loaded_at_once_where_an_earlier_version_saved_it(folder):
    values = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    del values["output_names"], values["feature_width"], values["checksum"]
    (folder / "card.json").write_text(json.dumps(values), encoding="utf-8")
    found = extractor_in(folder)
    assert isinstance(found, Backbone)
    assert found.weights_hash == Backbone.load(folder).weights_hash


def test_weights_that_were_not_saved_with_the_record_are_refused(folder):
    state = load_file(folder / "weights.safetensors")
    save_file({name: tensor + 1 for name, tensor in state.items()}, folder / "weights.safetensors")
    with pytest.raises(
        PretrainedError, match=r"\(weights\.safetensors: has other weights than card\.json says\)\. Fit the run again"
    ):
        extractor_in(folder)


def test_damaged_weights_are_named(folder):
    path = folder / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(PretrainedError, match=rf"^{re.escape(str(folder))} holds no whole backbone \(weights\.safetensors: "):
        extractor_in(folder)


def test_a_folder_that_changes_meanwhile_is_named(folder):
    found = extractor_in(folder)
    other = Backbone.load(folder)
    for parameter in other.parameters():
        parameter.data += 1
    other.refreshed().save(folder)
    with pytest.raises(PretrainedError) as caught:
        _ = found.network
    assert str(caught.value) == f"{folder} was changed while it was in use. Run the command again."
