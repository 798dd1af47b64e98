from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from headstart.core.errors import DataError
from headstart.data.additions import all_of, read_addition
from headstart.data.images import ArrayImages, ImageSet


def written(place: Path, counts: dict[str, int]) -> str:
    draw = np.random.default_rng(3)
    for name, count in counts.items():
        (place / name).mkdir(parents=True)
        for number in range(count):
            Image.fromarray(draw.integers(0, 255, (12, 12, 3)).astype(np.uint8)).save(place / name / f"{number}.png")
    return str(place)


def test_new_classes_come_behind_the_known_ones(tmp_path: Path) -> None:
    found = read_addition(written(tmp_path / "more", {"zebra": 11, "ant": 7, "cat": 5}), ("dog", "cat"))
    assert found.added == ("ant", "zebra")
    assert found.learn.classes == found.held_out.classes == ("dog", "cat", "ant", "zebra")
    assert (found.learn.class_counts + found.held_out.class_counts).tolist() == [0, 5, 7, 11]
    assert found.held_out.class_counts[1:].tolist() in ([1, 1, 2], [1, 1, 3], [1, 2, 2], [1, 2, 3])
    names = {found.learn.images.name(row) for row in range(len(found.learn))}
    assert not names & {found.held_out.images.name(row) for row in range(len(found.held_out))}


def test_one_class_suffices_and_the_seed_decides(tmp_path: Path) -> None:
    place = written(tmp_path / "more", {"ant": 23})
    first, again, other = (read_addition(place, ("dog", "cat"), seed) for seed in (1, 1, 2))
    assert first.fingerprint == again.fingerprint != other.fingerprint
    assert len(first.held_out) in {4, 5}


def test_a_given_test_split_is_what_is_held_out(tmp_path: Path) -> None:
    place = tmp_path / "more"
    written(place / "train", {"ant": 5})
    Image.fromarray(np.full((12, 12, 3), 7, np.uint8)).save(place / "train" / "ant" / "plain.png")
    (place / "test" / "ant").mkdir(parents=True)
    Image.fromarray(np.random.default_rng(9).integers(0, 255, (12, 12, 3)).astype(np.uint8)).save(
        place / "test" / "ant" / "0.png"
    )
    found = read_addition(str(place), ("dog",))
    assert (len(found.learn), len(found.held_out)) == (6, 1)


def test_copies_stay_on_one_side_and_known_pictures_are_left_out(tmp_path: Path) -> None:
    place = written(tmp_path / "more", {"ant": 9})
    for number in range(9):
        picture = tmp_path / "more" / "ant" / f"{number}.png"
        (tmp_path / "more" / "ant" / f"copy-{number}.png").write_bytes(picture.read_bytes())
    found = read_addition(place, ("dog",))
    assert len(found.learn) + len(found.held_out) == 18
    assert not set(found.learn.content_keys) & set(found.held_out.content_keys)
    known = set(found.held_out.content_keys)
    rest = read_addition(place, ("dog",), without=known)
    assert len(rest.learn) + len(rest.held_out) == 18 - 2 * len(known)
    assert not known & {*rest.learn.content_keys, *rest.held_out.content_keys}


def test_a_group_that_spans_classes_stays_on_one_side(tmp_path: Path) -> None:
    place = Path(written(tmp_path / "more", {"ant": 10, "bee": 10}))
    shown = [(name, number, number) for name, first in (("ant", 0), ("bee", 3)) for number in range(first, 10)]
    lines = [f"{name}/{number}.png,{name},scene-{scene}" for name, number, scene in shown]
    scene_of = {f"{name}/{number}.png": scene for name, number, scene in shown}
    (place / "manifest.csv").write_text("\n".join(["path,label,group", *lines]))
    sides = [read_addition(str(place / "manifest.csv"), (), seed) for seed in range(4)]
    for found in sides:
        names = [
            ["/".join(part.images.name(row).split("/")[-2:]) for row in range(len(part))]
            for part in (found.learn, found.held_out)
        ]
        scenes = [{scene_of[name] for name in side} for side in names]
        assert not scenes[0] & scenes[1]
        assert len(found.held_out)
        assert found.learn.class_counts.all()
        assert len(found.learn) + len(found.held_out) == 17


@pytest.mark.parametrize("known", [True, False])
def test_a_place_without_new_images_is_refused(tmp_path: Path, known: bool) -> None:
    place = written(tmp_path / "more", {"ant": 4 if known else 0, "unlabeled": 3})
    keys = (
        ()
        if not known
        else {key for part in ("learn", "held_out") for key in getattr(read_addition(place, ()), part).content_keys}
    )
    with pytest.raises(DataError) as error:
        read_addition(place, (), without=keys)
    assert str(error.value) == (f"{place} holds no readable image with a label that is not known already. Give labeled images.")


def test_a_class_with_one_image_is_refused(tmp_path: Path) -> None:
    place = written(tmp_path / "more", {"ant": 4, "bee": 1})
    with pytest.raises(DataError) as error:
        read_addition(place, ("dog",))
    assert str(error.value) == (f'{place} has one image of "bee". Two are needed: one to learn from, and one to measure by.')


def test_one_image_of_a_known_class_is_learned_from(tmp_path: Path) -> None:
    found = read_addition(written(tmp_path / "more", {"ant": 7, "dog": 1}), ("dog",))
    assert found.learn.class_counts[0] == 1
    assert found.held_out.class_counts[0] == 0


def test_copies_of_one_image_leave_nothing_to_measure_by(tmp_path: Path) -> None:
    place = written(tmp_path / "more", {"ant": 1})
    for number in range(1, 5):
        shutil.copy(tmp_path / "more" / "ant" / "0.png", tmp_path / "more" / "ant" / f"{number}.png")
    assert len(read_addition(place, ("ant",)).learn) == 5  # of a class that is known they are corrections
    with pytest.raises(DataError) as error:
        read_addition(place, ("dog",))
    assert str(error.value) == (
        f"{place} leaves no image to measure by: those of a class are copies of one another, or of one group. Add others."
    )


def test_a_test_split_alone_leaves_nothing_to_learn_from(tmp_path: Path) -> None:
    place = tmp_path / "more"
    written(place / "train", {"ant": 5})
    (place / "test" / "ant").mkdir(parents=True)
    for number in (3, 4):
        shutil.move(place / "train" / "ant" / f"{number}.png", place / "test" / "ant")
    train = read_addition(str(place), ()).learn.content_keys
    with pytest.raises(DataError) as error:
        read_addition(str(place), ("ant",), without=train)
    assert str(error.value) == f"{place} has new images in its test split only. Add some to learn from."


def test_sets_joined_keep_their_groups_apart() -> None:
    pixels = np.zeros((5, 8, 8, 3), np.uint8)
    one = ImageSet(ArrayImages(pixels, "one", np.arange(5)), ("a", "b"), np.array([0, 1, 1, 0, 1]), np.array([0, 0, 1, 2, 2]))
    two = replace(one.take([1, 2, 4]), classes=("a", "b", "c"))
    whole = all_of([one, two, two], ("a", "b", "c", "d"))
    assert whole.classes == ("a", "b", "c", "d")
    assert whole.labels.tolist() == [0, 1, 1, 0, 1] + 2 * [1, 1, 1]
    assert whole.groups.tolist() == [0, 0, 1, 2, 2, 3, 4, 5, 6, 7, 8]
