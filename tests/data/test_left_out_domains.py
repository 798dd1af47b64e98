from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from headstart.core.errors import DataError, PlanError
from headstart.core.language import language_named
from headstart.data.reading import read_task
from headstart.data.task import MOST_DOMAIN_FOLDS, Task

CITIES = ("oslo", "rome", "turin")


def vectors(place: Path, name: str = "vectors", **columns: list[str]) -> str:
    """Feature vectors of the classes "a" and "b"; the columns have a cell a row."""
    rng = np.random.default_rng(len(name))
    labels = columns.pop("labels")
    features = rng.normal(size=(len(labels), 4)) + np.array([ord((label or "a")[0]) for label in labels])[:, None]
    np.savez(place / f"{name}.npz", features=features.astype(np.float32), labels=np.array(labels), **columns)
    return str(place / f"{name}.npz")


@pytest.fixture
def place(tmp_path: Path) -> str:
    """Seven, five and nine rows of three cities."""
    domains = ["rome"] * 7 + ["oslo"] * 5 + ["turin"] * 9
    return vectors(tmp_path, labels=list("ab" * 10 + "a"), domain=domains)


def left_out(task: Task) -> list[set[str]]:
    """The domains of the held-out rows of each fold; none of them is among those that it is fitted to."""
    domains = np.array(task.labeled.domains)
    for fold in task.folds:
        assert not set(domains[fold.fit]) & set(domains[fold.held_out])
        assert sorted([*fold.fit, *fold.held_out]) == list(range(len(domains)))
    return [set(domains[fold.held_out]) for fold in task.folds]


def test_each_domain_is_left_out_once(place):
    task = read_task(place, leave_domain_out=True)
    assert sorted(map(sorted, left_out(task))) == [[city] for city in CITIES]
    assert np.array_equal(task.train.groups, [CITIES.index(name) for name in task.train.domains])
    assert (task.test, task.leave_domain_out) == (None, True)


def test_of_many_domains_several_are_left_out_at_a_time(tmp_path):
    domains = [f"d{row // 4}" for row in range(4 * (MOST_DOMAIN_FOLDS + 3))]
    task = read_task(vectors(tmp_path, labels=list("ab") * (len(domains) // 2), domain=domains), leave_domain_out=True)
    found = left_out(task)
    assert len(found) == MOST_DOMAIN_FOLDS
    assert sorted(name for each in found for name in each) == sorted(set(domains))


def test_without_the_option_nothing_changes_and_with_it_it_is_another_task(place):
    plain = read_task(place)
    assert plain.fingerprint == read_task(place, leave_domain_out=False).fingerprint
    assert plain.fingerprint != read_task(place, leave_domain_out=True).fingerprint
    assert len(plain.folds) == 5


def test_a_share_for_the_test_takes_whole_domains(place):
    task = read_task(place, leave_domain_out=True, test=0.2)
    assert task.test is not None
    assert set(task.test.domains) == {"oslo"}
    assert set(task.train.domains) == {"rome", "turin"}


def test_many_rows_set_no_test_aside_by_default(place, monkeypatch):
    monkeypatch.setattr("headstart.data.split_assignment.HOLDOUT_ROWS", 10)
    assert read_task(place).test is not None
    task = read_task(place, leave_domain_out=True)
    assert task.test is None
    assert len(task.folds) == 3


def test_further_places_are_further_domains(tmp_path):
    first = vectors(tmp_path, "first", labels=list("ab" * 4))
    second = vectors(tmp_path, "second", labels=list("ab" * 3), domain=["east", "east", "east", "", "", ""])
    task = read_task(first, sources=[second], leave_domain_out=True)
    assert sorted(map(sorted, left_out(task))) == [["east"], ["first"], ["second"]]
    assert (task.source, task.source_places) == (None, (second,))


def test_a_domain_that_lies_in_two_places_is_one(tmp_path):
    first = vectors(tmp_path, "first", labels=list("ab" * 4), domain=["c"] * 4 + ["x"] * 4)
    second = vectors(tmp_path, "second", labels=list("ab" * 5), domain=["y"] * 4 + ["c"] * 6)
    task = read_task(first, sources=[second], leave_domain_out=True)
    assert sorted(map(sorted, left_out(task))) == [["c"], ["x"], ["y"]]
    assert task.train.domains.count("c") == 10


@pytest.mark.parametrize("columns", [{}, {"domain": ["", "", "", "", "x", "x"]}], ids=["no column", "empty cells"])
def test_places_of_the_same_name_are_told_apart_by_the_folders_above(tmp_path, columns):
    places = []
    for folder, name, labels in (("p", "train", "ababab"), ("q", "train", "bababa"), ("q", "rest", "ababab")):
        (tmp_path / folder).mkdir(exist_ok=True)
        places.append(vectors(tmp_path / folder, name, labels=list(labels), **columns))
    task = read_task(places[0], sources=places[1:], leave_domain_out=True)
    assert set(task.train.domains) == {"p/train.npz", "q/train.npz", "rest", *columns.get("domain", ())} - {""}


def test_copies_in_another_domain_and_unlabeled_rows_are_left_out(tmp_path):
    labels, domains = list("ab" * 6), ["x"] * 6 + ["y"] * 6
    place = vectors(tmp_path, labels=[*labels, ""], domain=[*domains, "x"])
    with np.load(place) as held:
        arrays = dict(held)
    arrays["features"][8] = arrays["features"][0]
    np.savez(place, **arrays)
    task = read_task(place, leave_domain_out=True)
    assert len(task.train) == 11
    assert task.unlabeled is None
    (finding,) = [one for one in task.findings if one.code == "leave-domain-out"]
    assert (finding.severity, finding.evidence) == ("info", {"copies": 1, "unlabeled": 1, "related": 0})
    assert finding.title == (
        "Whole domains are left out: 1 images that are copies of images of another domain and 1 unlabeled images are not learned "
        "from, and 0 images belong to groups that lie in several domains."
    )


def test_groups_that_lie_in_several_domains_are_a_warning(tmp_path):
    groups = ["g", "", "", "", "", "", "g", "", "", "", "", ""]
    place = vectors(tmp_path, labels=list("ab" * 6), domain=["x"] * 6 + ["y"] * 6, group=groups)
    task = read_task(place, leave_domain_out=True)
    assert len(task.train) == 12
    (finding,) = [one for one in task.findings if one.code == "leave-domain-out"]
    assert (finding.severity, finding.evidence["related"]) == ("warning", 2)


@pytest.mark.parametrize(
    ("labels", "columns", "message"),
    [
        (
            "abab",
            {},
            '{place}: names no domains, and --leave-domain-out leaves them out. Add a column "domain", or name other '
            "domains with --source.",
        ),
        (
            "ababab",
            {"domain": ["x", "x", "y", "y", "", ""]},
            '{place}: 2 labeled images have no domain. Fill the column "domain" for --leave-domain-out.',
        ),
        (
            "abab",
            {"domain": ["x"] * 4},
            '{place}: all images to learn from are of the domain "x", and --leave-domain-out needs two. Add another.',
        ),
        (
            "ababaa",
            {"domain": ["x", "x", "x", "x", "y", "y"]},
            '{place}: the domain "y" has labeled images of "a" alone, and left out it would tell nothing. Add images of '
            "another class to it, or take it away.",
        ),
        (
            "abcdabcd",
            {"domain": ["x", "x", "y", "y"] * 2},
            "{place}: fewer than two classes are in several domains, so that nothing can be learned from some domains for "
            "another. Add images of the same classes to each.",
        ),
    ],
    ids=["no column", "empty cells", "one domain", "one class", "no class in two domains"],
)
def test_domains_that_cannot_be_left_out_are_one_sentence(tmp_path, labels, columns, message):
    place = vectors(tmp_path, labels=list(labels), **columns)
    with pytest.raises(DataError) as caught:
        read_task(place, leave_domain_out=True)
    assert str(caught.value) == message.format(place=place)


def test_a_given_test_is_of_domains_that_are_not_learned_from(tmp_path):
    split, labels = ["train"] * 8 + ["test"] * 4, list("ab" * 6)
    unseen = vectors(tmp_path, "unseen", labels=labels, domain=["x"] * 4 + ["y"] * 4 + ["z"] * 4, split=split)
    task = read_task(unseen, leave_domain_out=True)
    assert task.test is not None
    assert (set(task.train.domains), set(task.test.domains)) == ({"x", "y"}, {"z"})
    seen = vectors(tmp_path, "seen", labels=labels, domain=["x"] * 4 + ["y"] * 6 + ["z"] * 2, split=split)
    with pytest.raises(DataError) as caught:
        read_task(seen, leave_domain_out=True)
    assert str(caught.value) == (
        f'{seen}: the domain "y" is in train and in test, so that it is learned from before it is tested. Move its images to one '
        "of the two, or leave out --leave-domain-out."
    )
    assert "既在训练中又在测试中" in language_named("zh").sentence(str(caught.value))


def test_what_contradicts_the_option_is_one_sentence(tmp_path, place):
    with pytest.raises(PlanError) as caught:
        read_task(place, leave_domain_out=True, target=["oslo"])
    assert str(caught.value) == (
        "--leave-domain-out leaves out each domain in turn, and --target-domain oslo names one that is never learned from. "
        "Leave out one of the two."
    )
    for pool in (False, True):
        with pytest.raises(PlanError) as caught:
            read_task(place, leave_domain_out=True, per_class=2, pool=pool)
        assert str(caught.value) == (
            "--per-class 2 tests on domains that it learns from, and --leave-domain-out tests on other domains alone. Leave out "
            "one of the two."
        )
        assert "--per-class 2 在" in language_named("zh").sentence(str(caught.value))
    split = ["train"] * 8 + ["validation"] * 4
    given = vectors(tmp_path, "given", labels=list("ab" * 6), domain=["x", "x", "y", "y"] * 3, split=split)
    with pytest.raises(PlanError) as caught:
        read_task(given, leave_domain_out=True)
    assert str(caught.value) == (
        f"{given} has a validation split, which chooses, and --leave-domain-out chooses by domains that are left out. Mark its "
        "images as train, or leave the option out."
    )
