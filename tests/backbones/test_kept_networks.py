"""Networks are loaded once, shared, and loaded anew where somebody changed them or the files that decide them."""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

from headstart.backbones import kept_networks, loading
from headstart.backbones.backbone import hash_of
from headstart.backbones.kept_networks import Network, kept_network, stamps_of
from headstart.backbones.loading import load_backbone
from headstart.backbones.stages import anatomy_of


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch):
    monkeypatch.setattr(kept_networks, "_NETWORKS", type(kept_networks._NETWORKS)())


@pytest.fixture
def traced(monkeypatch) -> Counter:
    """Counts how often a network is traced, by its class."""
    counts: Counter = Counter()

    def counting(module, pixels):
        counts[type(module).__name__] += 1
        return anatomy_of(module, pixels)

    monkeypatch.setattr(loading, "anatomy_of", counting)
    return counts


def small(width: int = 3) -> Network:
    module = nn.Sequential(nn.Conv2d(3, width, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 2)).eval()
    return Network(module, anatomy_of(module, 8), hash_of(module))


def test_a_network_is_loaded_once_for_all_sides(traced):
    first, second, third = (load_backbone("efficientnet_lite0", input_pixels=side) for side in (64, 96, 64))
    assert first.module is second.module is third.module
    assert sum(traced.values()) == 1
    assert (first.transform.pixels, second.transform.pixels) == (64, 96)
    assert first.weights_hash == second.weights_hash == hash_of(first.module)


def test_random_weights_are_shared_by_seed_and_side_alone():
    first, same, other, smaller = (
        load_backbone("small_cnn", "none", side, seed) for side, seed in ((32, 0), (32, 0), (32, 1), (16, 0))
    )
    assert first.module is same.module
    assert len({first.weights_hash, other.weights_hash, smaller.weights_hash}) == 3


def test_another_normalization_shares_the_network_but_not_the_hash():
    plain, other = load_backbone("efficientnet_lite0"), load_backbone("efficientnet_lite0", mean=(0.1, 0.2, 0.3))
    assert plain.module is other.module
    assert plain.weights_hash != other.weights_hash


@pytest.mark.parametrize("change", ["weights", "data", "mode", "structure", "class", "gradients"])
def test_whoever_changes_a_network_keeps_it_to_himself(change):
    changed = load_backbone("small_cnn", "none", 16)
    before = changed.weights_hash
    if change == "weights":
        with torch.no_grad():
            next(changed.module.parameters()).add_(1.0)
    elif change == "data":
        next(changed.module.parameters()).data.neg_()  # which raises no version
    elif change == "mode":
        changed.train()
    elif change == "structure":
        changed.module.extra = nn.ReLU()
    elif change == "class":
        changed.module.__class__ = type("Other", (type(changed.module),), {})
    else:
        next(changed.module.parameters()).requires_grad_(False)
    fresh = load_backbone("small_cnn", "none", 16)
    assert fresh.module is not changed.module
    assert fresh.weights_hash == before == hash_of(fresh.module)
    assert not fresh.module.training


def test_a_copy_may_be_changed():
    shared = load_backbone("small_cnn", "none", 16)
    with torch.no_grad():
        next(shared.copy().module.parameters()).add_(1.0)
    assert load_backbone("small_cnn", "none", 16).module is shared.module


def test_a_file_that_changed_is_read_again(tmp_path):
    from safetensors.torch import save_file

    path = tmp_path / "weights.safetensors"
    state = load_backbone("timm/resnet18.a1_in1k", "none").module.state_dict()
    save_file(state, path)
    first = load_backbone("timm/resnet18.a1_in1k", path)
    assert load_backbone("timm/resnet18.a1_in1k", path).module is first.module
    save_file({name: value + 1 for name, value in state.items()}, path)
    os.utime(path, ns=(1, 1))
    assert load_backbone("timm/resnet18.a1_in1k", path).weights_hash != first.weights_hash


def test_those_used_longest_ago_make_room(monkeypatch):
    one = small()
    monkeypatch.setattr(kept_networks, "MOST_BYTES", int(2.5 * one.num_bytes))
    for key in ("a", "b", "a", "c"):
        kept_network(key, small)
    assert list(kept_networks._NETWORKS) == ["a", "c"]
    large = kept_network("large", lambda: small(width=1_000))
    assert list(kept_networks._NETWORKS) == ["large"]
    assert kept_network("large", small) is large


def test_an_absent_file_has_no_stamp(tmp_path):
    assert stamps_of([tmp_path / "absent"]) is None
    assert stamps_of([]) == ()


def test_a_network_can_be_loaded_in_inference_mode():
    with torch.inference_mode():
        first = load_backbone("small_cnn", "none", 32)
    assert not any(tensor.is_inference() for tensor in first.module.state_dict().values())
    assert load_backbone("small_cnn", "none", 32).module is first.module


def test_threads_share_no_network():
    own = load_backbone("small_cnn", "none", 16)
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(load_backbone, "small_cnn", "none", 16).result()
    assert other.module is not own.module
    assert other.weights_hash == own.weights_hash
    assert load_backbone("small_cnn", "none", 16).module is own.module
