from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_data import smooth, write_classes

from headstart.core.errors import DataError, PlanError
from headstart.data.reading import read_task
from headstart.data.sources.task_with_sources import only_sources
from headstart.data.task import Task

pytestmark = pytest.mark.slow


def vectors(path: Path, labels: list[str] | None, domains: list[str] | None = None, seed: int = 0, width: int = 5) -> str:
    """An .npz file of random features."""
    num = len(labels or domains or range(13))
    arrays = {"features": np.random.default_rng(seed).normal(size=(num, width))}
    arrays |= {} if labels is None else {"labels": np.array(labels)}
    arrays |= {} if domains is None else {"domain": np.array(domains)}
    np.savez(path, **arrays)
    return str(path)


def codes(task: Task) -> list[str]:
    return [finding.code for finding in task.findings]


def found(task: Task, code: str):
    (one,) = [finding for finding in task.findings if finding.code == code]
    return one


def test_a_folder_of_loose_pictures_is_an_unlabeled_target(tmp_path):
    source = write_classes(tmp_path / "source", {"cat": 7, "dog": 5}, seed=1)
    (tmp_path / "target").mkdir()
    for at, pixels in enumerate(smooth(11, 40, seed=2)):
        Image.fromarray(pixels).save(tmp_path / "target" / f"{at}.png")
    task = read_task(tmp_path / "target", sources=[source])
    assert (len(task.train), len(task.unlabeled), len(task.source), task.test) == (0, 11, 12, None)
    assert task.classes == ("cat", "dog")
    assert task.source.class_counts.tolist() == [7, 5]
    assert set(task.source.domains) == {"source"}
    assert (task.unlabeled.hidden_labels == -1).all()
    assert (task.native_pixels, task.folds, task.pool.class_counts.tolist()) == (40, (), [0, 0])
    assert codes(task) == ["no-test"]
    summary = task.summary()
    assert (summary.num_source, summary.source_domains, summary.train_counts) == (12, ("source",), (0, 0))


def test_an_unlabeled_folder_with_a_labeled_test_keeps_the_test_sealed(tmp_path):
    source = write_classes(tmp_path / "source", {"cat": 7, "dog": 5}, seed=1)
    target = write_classes(tmp_path / "target", {"unlabeled": 9, "test/dog": 3, "test/Cat": 2, "test/emu": 1}, seed=2)
    task = read_task(target, sources=[source])
    assert (len(task.train), len(task.unlabeled), len(task.test)) == (0, 9, 6)
    assert sorted(task.test.hidden_labels.tolist()) == [-1, 0, 0, 1, 1, 1]
    assert task.classes == ("Cat", "dog")
    with pytest.raises(DataError, match=r"^Test labels are sealed"):
        _ = task.test.labels
    assert found(task, "unknown-classes").title == (
        'Test images of classes that neither a source nor a target label shows (1): "emu". No accuracy counts them.'
    )
    assert found(task, "class-names-merged").evidence == {"merged": {"cat": "Cat"}}


def test_labels_of_the_target_are_taken_off_on_request(tmp_path):
    source = write_classes(tmp_path / "source", {"cat": 7, "dog": 5}, seed=1)
    target = write_classes(tmp_path / "target", {"cat": 20, "dog": 10, "emu": 10}, seed=2)
    task = read_task(target, seed=3, per_class=0, sources=[source])
    assert (len(task.train), len(task.unlabeled), len(task.test)) == (0, 32, 8)
    assert task.classes == ("cat", "dog")
    assert task.validation is None
    assert (task.unlabeled.hidden_labels == -1).all()
    assert sorted(task.test.hidden_labels.tolist()) == [-1, -1, 0, 0, 0, 0, 1, 1]
    assert found(task, "target-labels-hidden").evidence == {"hidden": 32, "sealed": 8}


def test_validation_labels_are_learned_from_where_there_are_no_others_and_hidden_on_request(tmp_path):
    source = write_classes(tmp_path / "source", {"cat": 7, "dog": 5}, seed=1)
    target = write_classes(tmp_path / "target", {"unlabeled": 9, "validation/dog": 3, "validation/cat": 2}, seed=2)
    task = read_task(target, sources=[source])
    assert (len(task.train), task.validation, len(task.unlabeled)) == (5, None, 9)
    hidden = read_task(target, sources=[source], per_class=0)
    assert (len(hidden.train), hidden.validation, len(hidden.unlabeled)) == (0, None, 14)


def test_the_split_of_a_labeled_target_is_that_without_sources(tmp_path):
    source = write_classes(tmp_path / "source", {"cat": 7, "yak": 5}, seed=1)
    target = write_classes(tmp_path / "target", {"cat": 20, "dog": 10}, seed=2)
    alone, joined = (read_task(target, seed=5, test=0.2, sources=sources) for sources in ((), [source]))
    assert joined.train.content_keys == alone.train.content_keys
    assert joined.test.content_keys == alone.test.content_keys
    assert joined.classes == ("cat", "dog", "yak")
    assert joined.train.class_counts.tolist() == [16, 8, 0]
    assert joined.source.class_counts.tolist() == [7, 0, 5]
    assert joined.fingerprint != alone.fingerprint


def test_several_sources_are_one_set_with_groups_of_their_own(tmp_path):
    first = write_classes(tmp_path / "a" / "photos", {"cat": 7, "dog": 5}, seed=1)
    second = write_classes(tmp_path / "b" / "photos", {"cat": 3, "dog": 4}, seed=2)
    target = write_classes(tmp_path / "target", {"cat": 6, "dog": 6}, seed=3)
    task = read_task(target, test=0.2, sources=[first, second])
    assert task.source.domain_names == ("photos", "photos (2)")
    assert task.source.of_domain("photos (2)").class_counts.tolist() == [3, 4]
    everything = np.concatenate([task.train.groups, task.test.groups, task.source.groups])
    assert len(np.unique(everything)) == len(everything)
    assert task.source.content_keys == tuple(task.source.images.content_key(row) for row in range(19))


def test_images_in_both_domains_count_once(tmp_path):
    source = write_classes(tmp_path / "source", {"cat": 7, "dog": 5}, seed=1)
    target = write_classes(tmp_path / "target", {"cat": 6, "dog": 6}, seed=2)
    (source / "dog" / "000.png").write_bytes((target / "cat" / "000.png").read_bytes())
    Image.open(target / "dog" / "003.png").save(source / "cat" / "002.jpg", quality=70)
    task = read_task(target, sources=[source])
    assert len(task.train) == 12
    assert task.source.class_counts.tolist() == [7, 4]
    leak = found(task, "domain-leak")
    assert leak.title == (
        'Images of source "source" that stand in the target, too (2), or share a group with its test images (0), are left out of '
        "the source."
    )
    assert {Path(path).name for path in leak.evidence["paths"]} == {"002.jpg", "000.png"}


def test_a_picture_of_two_sources_counts_once_and_contradicts_another_class_name(tmp_path):
    first = write_classes(tmp_path / "first", {"cat": 7, "dog": 5}, seed=1)
    second = write_classes(tmp_path / "second", {"Cat": 6, "dog": 6}, seed=2)
    target = write_classes(tmp_path / "target", {"unlabeled": 6}, seed=3)
    for theirs, mine in (("cat/000", "Cat/000"), ("cat/001", "Cat/001"), ("cat/002", "dog/002")):
        shutil.copy(first / f"{theirs}.png", second / f"{mine}.png")
    Image.open(first / "dog" / "003.png").save(second / "dog" / "003.jpg", quality=70)
    (second / "dog" / "003.png").unlink()
    task = read_task(target, sources=[first, second])
    assert task.source.of_domain("first").class_counts.tolist() == [7, 5]
    assert task.source.of_domain("second").class_counts.tolist() == [4, 5]
    assert found(task, "repeated-in-sources").title == (
        'Images of source "second" that an earlier source has, too (3), are left out of it.'
    )
    assert {Path(path).name for path in found(task, "repeated-in-sources").evidence["paths"]} == {"000.png", "001.png", "003.jpg"}
    assert found(task, "contradictory-sources").title == (
        'Images of source "second" that an earlier source has under another class (1): one of the two is wrong.'
    )
    one, other = (task.source.of_domain(name) for name in ("first", "second"))
    (shared,) = np.intersect1d(one.groups, other.groups)
    names = [part.images.name(int(np.flatnonzero(part.groups == shared)[0])) for part in (one, other)]
    assert names == [str(first / "cat" / "002.png"), str(second / "dog" / "002.png")]


def test_the_same_source_twice_is_one(tmp_path):
    source = write_classes(tmp_path / "source", {"cat": 7, "dog": 5}, seed=1)
    target = write_classes(tmp_path / "target", {"unlabeled": 6}, seed=3)
    task = read_task(target, sources=[source, source])
    assert task.source.domain_names == ("source",)
    assert len(task.source) == 12
    assert found(task, "one-class-source").title == (
        'Source "source (2)" is left out: it shows no class once copies are left out, and two are needed to tell anything apart.'
    )


def test_a_group_of_one_place_has_one_number_in_all_its_source_domains(tmp_path):
    source = write_classes(tmp_path / "source", {"cat": 6, "dog": 6}, seed=1)
    lines = [
        f"{name}/{number:03}.png,{name},{name}{number % 3},{'day' if number < 3 else 'night'}"
        for name in ("cat", "dog")
        for number in range(6)
    ]
    (source / "manifest.csv").write_text("\n".join(["path,label,group,domain", *lines]), encoding="utf-8")
    target = write_classes(tmp_path / "target", {"unlabeled": 6}, seed=3)
    task = read_task(target, sources=[source])
    day, night = (set(task.source.of_domain(f"source/{name}").groups.tolist()) for name in ("day", "night"))
    assert day == night
    assert len(day) == 6
    assert not day & set(task.unlabeled.groups.tolist())


def test_domains_of_one_place_are_separated_by_their_column(tmp_path):
    labels = ["a", "b", "a", "b"] * 6
    domains = ["day"] * 8 + ["night"] * 8 + ["dusk"] * 8
    task = read_task(vectors(tmp_path / "all.npz", labels, domains), target=["night"])
    assert task.name == "all-night"
    assert len(task.train) == 8
    assert task.source.domain_names == ("day", "dusk")
    assert task.source.class_counts.tolist() == [8, 8]
    assert len(read_task(tmp_path / "all.npz").labeled) == 24


def test_a_source_image_of_a_group_that_is_tested_is_left_out_and_others_keep_the_group():
    task = read_task("emoji", target=["twemoji"], per_class=0)
    assert not np.intersect1d(task.source.groups, task.test.groups).size
    assert set(task.source.groups) == set(task.unlabeled.groups)
    assert found(task, "domain-leak").evidence["groups"] == len(task.test)


def test_vectors_without_labels_are_a_target(tmp_path):
    source = vectors(tmp_path / "source.npz", ["x", "y"] * 6, seed=1)
    task = read_task(vectors(tmp_path / "target.npz", None), sources=[source])
    assert (len(task.train), len(task.unlabeled), len(task.source)) == (0, 13, 12)
    assert task.pool.images.vectors().shape == (13, 5)
    assert task.unlabeled.groups.max() < task.source.groups.min()


def test_a_manifest_without_a_column_of_labels_is_a_target(tmp_path):
    source = write_classes(tmp_path / "source", {"cat": 7, "dog": 5}, seed=1)
    write_classes(tmp_path / "target", {"all": 4}, seed=2)
    (tmp_path / "target" / "manifest.csv").write_text("path\nall/000.png\nall/001.png\nall/003.png\n", encoding="utf-8")
    task = read_task(tmp_path / "target", sources=[source])
    assert (len(task.train), len(task.unlabeled), len(task.source)) == (0, 3, 12)


def test_a_class_of_one_target_image_stays_where_a_source_has_it(tmp_path):
    source = write_classes(tmp_path / "source", {"cat": 7, "dog": 5}, seed=1)
    target = write_classes(tmp_path / "target", {"cat": 6, "dog": 1, "emu": 1}, seed=2)
    task = read_task(target, sources=[source])
    assert task.classes == ("cat", "dog")
    assert task.train.class_counts.tolist() == [6, 1]
    assert found(task, "tiny-class").evidence["classes"] == ["emu"]


def test_sources_that_cannot_teach_are_left_out_and_named(tmp_path):
    target = write_classes(tmp_path / "target", {"cat": 6, "dog": 6}, seed=2)
    foreign = write_classes(tmp_path / "foreign", {"shoe": 3, "hat": 3}, seed=3)
    single = write_classes(tmp_path / "single", {"cat": 3}, seed=4)
    task = read_task(target, sources=[foreign, single])
    assert (task.source, task.classes) == (None, ("cat", "dog"))
    assert found(task, "no-common-class").title == (
        'Source "foreign" is left out: none of its classes ("hat", "shoe") is one of the target ("cat", "dog").'
    )
    assert found(task, "one-class-source").title == (
        'Source "single" is left out: it shows one class only ("cat"), and two are needed to tell anything apart.'
    )


@pytest.mark.parametrize(
    ("target", "options", "sentence"),
    [
        (
            "loose",
            {"sources": ["single"]},
            'ROOT/loose: has no labels of two classes, and no source can stand in. Source "single" '
            'is left out: it shows one class only ("cat"), and two are needed to tell anything apart. Give another source.',
        ),
        (
            "tested",
            {"sources": ["source"]},
            'ROOT/tested: tests on "emu", "yak", and the labels to learn from are "cat", "dog": '
            "no class in common. Name the classes alike, or give another source.",
        ),
        (
            "onlytest",
            {"sources": ["source"]},
            "ROOT/onlytest: has no image outside of its test split, and a source is compared with two at least. Add images, with "
            "labels or without. Copies of the test images in unlabeled/ will do.",
        ),
        (
            "lonely",
            {"sources": ["source"]},
            "ROOT/lonely: has one image outside of its test split, and a source is compared with two at least. Add images, with "
            "labels or without. Copies of the test images in unlabeled/ will do.",
        ),
        (
            "loose",
            {"sources": ["loose"]},
            "ROOT/loose: 4 pictures lie in no class folder (the first is 000.png). Sort them into one "
            "folder a class, put them into unlabeled/, or name them in a manifest.csv.",
        ),
        (
            "loose",
            {"sources": ["bare"]},
            "ROOT/bare: is given as a source and has no labeled image to learn from. Put one folder a class there.",
        ),
        (
            "loose",
            {"sources": ["rows.npz"]},
            'The target consists of pictures, and the source "rows/day" of feature vectors. Give both as pictures.',
        ),
        (
            "rows.npz",
            {"sources": ["wide.npz"]},
            'The target has 5 features a row, and the source "wide" has 7. Make both with the same network.',
        ),
        ("loose", {"target": ["night"]}, 'ROOT/loose: names no domains, so that "night" is none of them. Add a column "domain".'),
        (
            "rows.npz",
            {"target": ["nihgt"]},
            'ROOT/rows.npz: has no domain "nihgt". Did you mean "night"? Its domains are "day", "night".',
        ),
        (
            "rows.npz",
            {"target": ["night", "day"]},
            'ROOT/rows.npz: no other domain than "night", "day" has a labeled image, so that there is no source. Add one.',
        ),
    ],
)
def test_places_that_cannot_be_joined_are_refused_in_one_sentence(tmp_path, target, options, sentence):
    write_classes(tmp_path / "source", {"cat": 7, "dog": 5}, seed=1)
    write_classes(tmp_path / "single", {"cat": 3}, seed=2)
    write_classes(tmp_path, {"loose": 4}, seed=3)
    write_classes(tmp_path, {"bare/unlabeled": 4}, seed=3)
    write_classes(tmp_path / "tested", {"unlabeled": 4, "test/emu": 2, "test/yak": 1}, seed=4)
    write_classes(tmp_path / "onlytest", {"test/cat": 2, "test/dog": 1}, seed=5)
    write_classes(tmp_path / "lonely", {"unlabeled": 1, "test/cat": 2, "test/dog": 1}, seed=6)
    vectors(tmp_path / "rows.npz", ["x", "y"] * 4, ["day", "night", "night", "day"] * 2)
    vectors(tmp_path / "wide.npz", ["x", "y"] * 4, width=7)
    options = {key: [str(tmp_path / one) for one in value] if key == "sources" else value for key, value in options.items()}
    with pytest.raises(DataError) as error:
        read_task(tmp_path / target, **options)
    assert str(error.value).replace(str(tmp_path), "ROOT") == sentence


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"per_class": -1}, "per_class = -1: give 0 to use no label of the target, or more to use so many a class."),
        ({"pool": True}, "pool takes the labels off all training images but per_class of each class. Set per_class, too."),
    ],
)
def test_label_budgets_that_mean_nothing_are_refused(options, sentence):
    with pytest.raises(PlanError) as error:
        read_task("emoji", target=["noto"], **options)
    assert str(error.value) == sentence


def test_without_a_source_its_own_classes_are_gone_and_labels_are_renumbered(tmp_path):
    first = write_classes(tmp_path / "first", {"ant": 7, "cat": 5}, seed=1)
    second = write_classes(tmp_path / "second", {"bee": 3, "cat": 4}, seed=2)
    target = write_classes(tmp_path / "target", {"cat": 10, "dog": 10}, seed=3)
    task = read_task(target, test=0.2, sources=[first, second])
    assert task.classes == ("ant", "bee", "cat", "dog")
    one = only_sources(task, ["second"])
    assert (one.classes, one.source.domain_names) == (("bee", "cat", "dog"), ("second",))
    assert one.source.class_counts.tolist() == [3, 4, 0]
    assert one.train.class_counts.tolist() == [0, 8, 8]
    alone, never = only_sources(task, ()), read_task(target, test=0.2)
    assert (alone.source, alone.classes) == (None, never.classes)
    assert alone.train.labels.tolist() == never.train.labels.tolist()
    assert alone.test.hidden_labels.tolist() == never.test.hidden_labels.tolist()
    assert alone.test.sealed
    assert alone.fingerprint == never.fingerprint
    assert only_sources(task, ["first", "second"]) is task
    assert only_sources(alone, ["first"]) is alone


def test_without_its_only_source_an_unlabeled_target_keeps_the_names_of_classes(tmp_path):
    source = write_classes(tmp_path / "source", {"cat": 7, "dog": 5}, seed=1)
    target = write_classes(tmp_path / "target", {"unlabeled": 6}, seed=2)
    alone = only_sources(read_task(target, sources=[source]), ())
    assert (alone.source, alone.classes, len(alone.train), len(alone.unlabeled)) == (None, ("cat", "dog"), 0, 6)


def test_a_test_class_that_only_a_dropped_source_shows_is_unknown(tmp_path):
    first = write_classes(tmp_path / "first", {"ant": 7, "cat": 5}, seed=1)
    second = write_classes(tmp_path / "second", {"cat": 3, "dog": 4}, seed=2)
    target = write_classes(tmp_path / "target", {"unlabeled": 6, "test/ant": 2, "test/dog": 3}, seed=3)
    one = only_sources(read_task(target, sources=[first, second]), ["second"])
    assert one.classes == ("cat", "dog")
    assert sorted(one.test.hidden_labels.tolist()) == [-1, -1, 1, 1, 1]


def test_a_test_of_classes_that_only_a_dropped_source_shows_is_none(tmp_path):
    source = write_classes(tmp_path / "source", {"ant": 7, "cat": 5}, seed=1)
    target = write_classes(tmp_path / "target", {"train/cat": 6, "train/dog": 6, "test/ant": 3}, seed=3)
    task = read_task(target, sources=[source])
    assert len(task.test) == 3
    alone = only_sources(task, ())
    assert (alone.classes, alone.test) == (("cat", "dog"), None)
