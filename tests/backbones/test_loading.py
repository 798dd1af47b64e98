"""Names become cards, cards become backbones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from urllib.error import URLError

import pytest
import torch

from headstart.backbones.catalog import card_of, pretrained
from headstart.backbones.loading import load_backbone
from headstart.backbones.providers.base import GIVE_FILE
from headstart.core.errors import PlanError, PretrainedError


@pytest.mark.slow
def test_listing_cards_does_not_import_torch() -> None:
    code = "import sys; from headstart.backbones.catalog import pretrained; pretrained(); assert 'torch' not in sys.modules"
    source = Path(__file__).parents[2] / "src"
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": str(source), "HOME": str(source)})


def test_names_are_unique_and_lead_back_to_their_cards() -> None:
    cards = pretrained()
    assert len({card.name for card in cards}) == len(cards)
    for card in cards:
        assert card_of(card.name) == card


def test_cards_can_be_kept_by_license_and_provider() -> None:
    assert {card.license for card in pretrained(license="Apache-2.0")} == {"Apache-2.0"}
    assert {card.provider for card in pretrained(provider="packaged")} == {"packaged"}
    assert "efficientnet_lite0" in {card.name for card in pretrained(license="permissive")}


def test_unknown_provider_is_named() -> None:
    with pytest.raises(PlanError, match=r'^"packged" is not a provider\. Did you mean "packaged"\? Known: packaged, '):
        pretrained(provider="packged")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("efficientnet_lite1", "efficientnet_lite1"),
        ("resnet50", "torchvision/resnet50"),
        ("resnet34", "torchvision/resnet34"),
        ("resnet26", "timm/resnet26"),
        ("timm/resnet50.a1_in1k", "timm/resnet50.a1_in1k"),
        ("torchvision/resnet50.IMAGENET1K_V1", "torchvision/resnet50.IMAGENET1K_V1"),
    ],
)
def test_bare_names_are_looked_up_in_a_fixed_order(name: str, found: str) -> None:
    assert card_of(name).name == found


def test_versions_of_torchvision_weights_have_their_own_accuracy() -> None:
    first, second = card_of("torchvision/resnet50.IMAGENET1K_V1"), card_of("torchvision/resnet50")
    assert (first.source_accuracy, second.source_accuracy) == (0.7613, 0.80858)


def test_advertised_torchvision_cards_agree_with_torchvision() -> None:
    from headstart.backbones.providers.torchvision import _card_from, _chosen

    for card in pretrained(provider="torchvision"):
        assert _card_from(card.architecture, _chosen(card.architecture)) == card


def test_advertised_timm_cards_agree_with_timm(monkeypatch: pytest.MonkeyPatch) -> None:
    from headstart.backbones.providers.timm import Timm

    advertised = pretrained(provider="timm")
    monkeypatch.setattr(Timm, "cards", lambda self: [])
    for card in advertised:
        assert card_of(card.name) == card.model_copy(update={"num_parameters": None})


def test_random_initialization_depends_on_the_seed_alone() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        first = load_backbone("timm/test_resnet", weights="none", seed=3)
        torch.manual_seed(2)
        again = load_backbone("timm/test_resnet", weights="none", seed=3)
        state = torch.get_rng_state()
        other = load_backbone("timm/test_resnet", weights="none", seed=4)
        assert torch.equal(torch.get_rng_state(), state)
    assert first.weights_hash == again.weights_hash != other.weights_hash


def test_input_side_is_checked() -> None:
    with pytest.raises(PretrainedError) as caught:
        load_backbone("efficientnet_lite0", weights="none", input_pixels=8)
    expected = "efficientnet_lite0 takes pictures of at least 32 pixels, and 8 was asked. Set pixels to 32 or more."
    assert str(caught.value) == expected


def test_network_of_one_size_says_which() -> None:
    with pytest.raises(PretrainedError) as caught:
        load_backbone("timm/test_vit3", weights="none", input_pixels=192)
    expected = "timm/test_vit3 does not run on 192 pixels (Input height (192) doesn't match model (160).). Set pixels to 160."
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("resnet50", f"Bring the file resnet50-11ad3fa6.pth to {{torch}}/hub/checkpoints, or {GIVE_FILE}."),
        (
            "timm/resnet18.a1_in1k",
            "Bring the file model.safetensors of timm/resnet18.a1_in1k as {cache}/weights/resnet18.a1_in1k.safetensors, "
            f"or {GIVE_FILE}.",
        ),
    ],
)
def test_offline_hub_model_names_the_file_to_bring(name: str, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*args: object, **options: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    with pytest.raises(PretrainedError) as caught:
        load_backbone(name)
    place = file.format(torch=tmp_path / "torch", cache=tmp_path / "cache")
    assert str(caught.value) == f"{card_of(name).name}: its weights are not on this machine and cannot be fetched. {place}"


def test_brought_timm_file_is_found_and_marked_available(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from safetensors.torch import save_file

    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path))
    given = load_backbone("timm/test_resnet", weights="none", seed=7)
    (tmp_path / "weights").mkdir()
    save_file(given.module.state_dict(), tmp_path / "weights" / "test_resnet.safetensors")
    assert card_of("timm/test_resnet").available
    loaded = load_backbone("timm/test_resnet")
    assert loaded.weights_hash == given.weights_hash
    assert loaded.source_classes


def test_cached_torchvision_file_is_checked_against_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    path = folder / "resnet18-f37072fd.pth"
    path.write_bytes(b"other bytes")
    assert card_of("torchvision/resnet18").available
    with pytest.raises(PretrainedError) as caught:
        load_backbone("torchvision/resnet18")
    assert str(caught.value) == (
        f"{path} is not the file that was published: its SHA-256 starts with a3ead5ee and not as its name says. "
        f"Bring it again; if it is yours, {GIVE_FILE}."
    )


def test_pixels_backbone_is_the_picture_itself() -> None:
    backbone = load_backbone("pixels", input_pixels=5)
    images = torch.arange(2 * 3 * 25).reshape(2, 3, 5, 5).to(torch.uint8)
    assert backbone.feature_width == 75
    torch.testing.assert_close(backbone(images), images.flatten(1).float() / 255)
    assert backbone.describe(images).source_logits is None
