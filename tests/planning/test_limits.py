"""Limits: a plan that will not fit into memory is refused in one sentence before it begins, and what fits is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from headstart.backbones import activation_memory, batch_rows, loading
from headstart.backbones.activation_memory import bytes_learned_from_picture, bytes_of_picture, num_features
from headstart.backbones.batch_rows import rows_that_fit
from headstart.backbones.loading import load_backbone
from headstart.core.errors import PretrainedError
from headstart.features.extract import features_of
from headstart.features.store.transient import TransientStore
from headstart.planning import announcement, limits
from headstart.planning.announcement import announcements, in_slices
from headstart.planning.limits import MemoryLimitError, check_memory, need_of, slices_that_fit
from headstart.planning.plan import Plan
from headstart.training.settings import Training

GB = 1_000_000_000


@pytest.fixture
def with_memory(monkeypatch):
    def set_to(num_bytes: float, total: float | None = None) -> None:
        for module in (batch_rows, loading, limits):
            monkeypatch.setattr(module, "available_bytes", lambda: int(num_bytes))
        for module in (activation_memory, limits):
            monkeypatch.setattr(module, "available_to_networks", lambda: int(num_bytes))
        monkeypatch.setattr(limits, "total_to_networks", lambda: int(total or num_bytes))

    return set_to


@pytest.fixture
def trained(make_candidate):
    def make(pixels: int = 64, weights: str = "none", **training):
        return make_candidate(
            "scratch",
            "small_cnn",
            weights=weights,
            input_pixels=pixels,
            method={"kind": "fine_tune"},
            training=Training(**training),
        )

    return make


def refusal(candidate, task, num_rows, backbone) -> str:
    with pytest.raises(MemoryLimitError) as caught:
        check_memory(candidate, task, num_rows, backbone)
    return str(caught.value)


def test_activations_grow_with_the_square_of_the_side_and_nothing_is_computed():
    small, large = (bytes_of_picture(load_backbone("small_resnet", "none", side)) for side in (64, 128))
    assert 3.5 * small < large < 4.5 * small


def test_what_is_kept_for_gradients_is_less_where_the_first_part_is_frozen():
    backbone = load_backbone("test_efficientnet", "none")
    last = backbone.anatomy.blocks[-1]
    behind = frozenset(id(weight) for weight in backbone.module.get_submodule(last).parameters())
    whole = bytes_learned_from_picture(backbone)
    assert 0 < bytes_learned_from_picture(backbone, behind) < whole / 2
    assert whole > bytes_of_picture(backbone)


def test_shapes_tell_the_widths_of_all_stages(pictures):
    backbone = load_backbone("small_cnn", "none", 8)
    found = features_of(pictures.labeled, backbone)
    assert num_features(backbone) == sum(block.shape[1] for block in (*found.stages, *found.stds))


def test_a_side_that_cannot_fit_is_refused_before_the_network_runs(with_memory):
    with_memory(2 * GB)
    with pytest.raises(PretrainedError) as caught:
        load_backbone("small_cnn", "none", 4096)
    said = str(caught.value)
    assert said.startswith("small_cnn at 4096 pixels takes ")
    assert "GB of memory before anything is learned, and 2.0 GB are available. Set input_pixels to " in said
    assert said.endswith("64 is the network's own.")


def test_training_that_cannot_fit_names_what_would(pictures, with_memory, trained):
    candidate, backbone = trained(512, batch_size=512), load_backbone("small_cnn", "none", 512)
    with_memory(20 * GB)
    said = refusal(candidate, pictures, 50, backbone)
    assert said.startswith("small_cnn from scratch will take about ")
    assert "GB of memory, and 20.0 GB are available. Set training.batch_size to " in said
    fitting = int(said.split("training.batch_size to ")[1].split()[0])
    check_memory(trained(512, batch_size=fitting), pictures, 50, backbone)
    with_memory(200 * GB)
    check_memory(candidate, pictures, 50, backbone)


def test_a_matrix_of_many_rows_that_cannot_fit_is_refused(vectors, make_candidate, with_memory):
    task = vectors()
    wide = replace(task.train.images, features=np.zeros((len(task.train), 30_000), np.float32))
    task = replace(task, train=replace(task.train, images=wide))
    candidate = make_candidate(pretrained="embeddings", method={"kind": "ridge"})
    backbone = load_backbone("embeddings")
    with_memory(5 * GB)
    said = refusal(candidate, task, 40_000, backbone)
    assert "will take about 21.6 GB of memory, and 5.0 GB are available. Set max_rows to " in said
    check_memory(candidate, task, 4_000, backbone)
    check_memory(make_candidate(pretrained="embeddings", method={"kind": "knn"}), task, 40_000, backbone)


def test_what_a_closed_form_keeps_of_each_row_counts(vectors, make_candidate, with_memory):
    task, backbone = vectors(), load_backbone("embeddings")
    task = replace(task, unlabeled=task.train)
    kernel, pool = (make_candidate(pretrained="embeddings", method={"kind": kind}) for kind in ("kernel_ridge", "tim"))
    assert need_of(kernel, task, 1_000_000, backbone).matrices == 4 * 1_000 * 1_000_000
    assert need_of(pool, task, 1_000_000, backbone).matrices == 6 * 4 * 256 * (1_000_000 + len(task.train))
    with_memory(1.5 * GB)
    assert refusal(kernel, task, 1_000_000, backbone).endswith(
        " will take about 4.0 GB of memory, and 1.5 GB are available. Set max_rows to 625000 or less."
    )
    check_memory(kernel, task, 600_000, backbone)


def test_batches_get_smaller_where_they_do_not_fit(with_memory):
    backbone = load_backbone("small_cnn", "none", 512)
    with_memory(20 * GB)
    assert rows_that_fit(backbone, 16) == 16
    with_memory(GB)
    assert 1 < rows_that_fit(backbone, 16) < 16
    with_memory(1000)
    assert rows_that_fit(backbone, 16) == 1


def test_features_are_the_same_in_smaller_batches(pictures, with_memory, monkeypatch):
    backbone = load_backbone("small_cnn", "none", 8)
    expected = np.asarray(features_of(pictures.labeled, backbone).penultimate)
    monkeypatch.setattr("headstart.features.described.rows_that_fit", lambda *_: 3)
    store = TransientStore()
    monkeypatch.setattr("headstart.features.extract.feature_store", lambda *_: store)
    assert np.allclose(np.asarray(features_of(pictures.labeled, backbone).penultimate), expected, atol=1e-5)


def test_a_batch_goes_through_in_slices_only_where_the_machine_is_too_small(pictures, with_memory, trained, monkeypatch):
    backbone = load_backbone("small_cnn", "none", 512)
    candidate = trained(512, batch_size=512)
    with_memory(GB, total=20 * GB)
    assert slices_that_fit(candidate, pictures, 50, backbone) == 1  # it learns the statistics of whole batches
    monkeypatch.setattr(limits, "_passes_in_slices", lambda _: True)
    with_memory(200 * GB)
    assert slices_that_fit(candidate, pictures, 50, backbone) == 1
    with_memory(GB, total=20 * GB)
    slices = slices_that_fit(candidate, pictures, 50, backbone)
    assert slices in (4, 8, 16)
    with_memory(20 * GB)
    check_memory(trained(512, batch_size=512, accumulate=slices), pictures, 50, backbone)


def test_slices_are_said_and_written_into_the_plan(pictures, monkeypatch):
    said = []
    monkeypatch.setattr(announcement, "note", said.append)
    plan = Plan(data="squares", pretrained="small_cnn", weights="none", input_pixels=8, method={"kind": "fine_tune"})
    assert in_slices(pictures, plan) == plan
    monkeypatch.setattr(announcement, "slices_that_fit", lambda *_: 4)
    assert in_slices(pictures, plan).training.accumulate == 4
    assert said == [
        "A batch of 32 pictures does not fit into memory: it passes the network in 4 slices (training.accumulate = 4), which "
        "takes longer and learns the same."
    ]


def test_a_side_far_above_all_that_pictures_show_is_priced(pictures):
    plan = Plan(data="squares", pretrained="small_cnn", weights="none", input_pixels=8, method={"kind": "ridge"})
    assert announcements(pictures, plan) == []
    (said, *_) = announcements(pictures, plan.model_copy(update={"input_pixels": 256}))
    assert said == (
        "input_pixels = 256 takes about 16 times as long as 64, and shows nothing more: the pictures have a side of about 8, and "
        "small_cnn was made for 64."
    )


def test_a_fit_of_hours_says_so_before_it_begins(pictures, with_memory):
    with_memory(2000 * GB)
    plan = Plan(
        data="squares", pretrained="small_cnn", weights="none", input_pixels=512, method={"kind": "fine_tune"},
        training=Training(epochs=10_000, batch_size=4096),
    )  # fmt: skip
    said = announcements(pictures, plan)[-1]
    assert said.startswith("The fit will take about ")
    assert said.endswith(" hours. After Ctrl-C the same command goes on.")
