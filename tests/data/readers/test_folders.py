from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from headstart.core.errors import DataError
from headstart.data.readers.folders import Folders


def make(root: Path, *names: str) -> Path:
    """Files below a folder; those with the ending of a picture are one-pixel pictures."""
    root.mkdir(parents=True, exist_ok=True)
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".png":
            Image.new("RGB", (1, 1)).save(path)
        else:
            path.write_text("text")
    return root


def rows(root: Path) -> list[tuple[str, str | None, str]]:
    raw = Folders().read(str(root))
    names = [os.path.relpath(raw.images.name(row), root) for row in range(len(raw.images))]
    assert raw.groups == raw.domains == ("",) * len(names)
    return list(zip(names, raw.labels, raw.splits, strict=True))


def findings(root: Path) -> dict[str, tuple[str, list[str]]]:
    return {f.code: (f.severity, f.evidence["paths"]) for f in Folders().read(str(root)).findings}


def message(root: Path) -> str:
    with pytest.raises(DataError) as caught:
        Folders().read(str(root))
    return str(caught.value).replace(str(root), "ROOT")


def test_a_folder_is_a_class_whatever_lies_nested_in_it(tmp_path):
    make(tmp_path / "set", "dog/b.png", "dog/a.png", "dog/puppies/small/c.PNG".replace("PNG", "png"), "cat/d.png")
    assert rows(tmp_path / "set") == [
        ("cat/d.png", "cat", ""),
        ("dog/a.png", "dog", ""),
        ("dog/b.png", "dog", ""),
        ("dog/puppies/small/c.png", "dog", ""),
    ]
    raw = Folders().read(str(tmp_path / "set"))
    assert (raw.name, raw.findings) == ("set", ())


@pytest.mark.parametrize(("validation", "test"), [("val", "test"), ("valid", "Testing"), ("Validation", "TEST")])
def test_given_splits_are_kept_under_their_usual_names(tmp_path, validation, test):
    make(tmp_path, "train/a/1.png", "train/b/2.png", f"{validation}/a/3.png", f"{test}/b/4.png", "unlabeled/x/y/5.png")
    assert sorted(row[1:] for row in rows(tmp_path) if row[1]) == [
        ("a", "train"),
        ("a", "validation"),
        ("b", "test"),
        ("b", "train"),
    ]
    assert [row for row in rows(tmp_path) if row[1] is None] == [("unlabeled/x/y/5.png", None, "unlabeled")]


def test_unlabeled_pictures_may_lie_beside_class_folders_or_alone(tmp_path):
    make(tmp_path / "one", "a/1.png", "b/2.png", "unlabeled/3.png")
    assert rows(tmp_path / "one")[-1] == ("unlabeled/3.png", None, "unlabeled")
    make(tmp_path / "two", "unlabelled/3.png")
    assert rows(tmp_path / "two") == [("unlabelled/3.png", None, "unlabeled")]


def test_a_class_called_train_is_a_class_when_it_holds_pictures_only(tmp_path):
    make(tmp_path, "train/1.png", "bus/2.png")
    assert [row[1] for row in rows(tmp_path)] == ["bus", "train"]


def test_hidden_and_system_files_are_ignored_in_silence(tmp_path):
    make(
        tmp_path, "a/1.png", "a/.2.png", "b/3.png", ".git/4.png", "__MACOSX/a/5.png", "b/Thumbs.db", "b/.ipynb_checkpoints/6.png"
    )
    assert [row[0] for row in rows(tmp_path)] == ["a/1.png", "b/3.png"]
    assert findings(tmp_path) == {}


def test_what_is_worked_around_is_found(tmp_path):
    make(tmp_path, "a/1.png", "b/2.png", "b/notes.txt", "stray.png", "README.md")
    (tmp_path / "c").mkdir()
    (tmp_path / "a" / "gone.png").symlink_to(tmp_path / "nothing.png")
    (tmp_path / "b" / "loop").symlink_to(tmp_path / "b")
    (tmp_path / "b" / "up").symlink_to(tmp_path.parent)
    (tmp_path / "b" / "self.png").symlink_to("self.png")
    assert findings(tmp_path) == {
        "broken-link": ("warning", ["a/gone.png", "b/self.png"]),
        "empty-class": ("warning", ["c"]),
        "link-loop": ("warning", ["b/loop", "b/up"]),
        "other-file": ("info", ["README.md", "b/notes.txt"]),
        "stray-image": ("warning", ["stray.png"]),
    }
    assert [row[0] for row in rows(tmp_path)] == ["a/1.png", "b/2.png"]


def test_links_to_folders_and_pictures_are_followed(tmp_path):
    make(tmp_path / "store", "x/1.png", "2.png")
    make(tmp_path / "set", "b/3.png")
    (tmp_path / "set" / "a").symlink_to(tmp_path / "store" / "x")
    (tmp_path / "set" / "b" / "4.png").symlink_to(tmp_path / "store" / "2.png")
    assert [row[0] for row in rows(tmp_path / "set")] == ["a/1.png", "b/3.png", "b/4.png"]


def test_long_and_foreign_names_are_names(tmp_path):
    long = "n" * 240
    make(tmp_path, f"猫/{long}.png", "caf\u00e9/1.png")
    assert {row[1] for row in rows(tmp_path)} == {"猫", "café"}


def test_a_decomposed_name_is_composed(tmp_path):
    make(tmp_path, "cafe\u0301/1.png", "b/2.png")
    assert {row[1] for row in rows(tmp_path)} == {"caf\u00e9", "b"}


def test_names_that_are_not_unicode_are_found_or_refused(tmp_path):
    make(tmp_path, "a/1.png", "b/2.png")
    (tmp_path / "a" / "1.png").rename(tmp_path / "a" / os.fsdecode(b"\xff.png"))
    assert findings(tmp_path)["undecodable-name"] == ("warning", [r"'a/\udcff.png'"])
    (tmp_path / "a").rename(tmp_path / os.fsdecode(b"\xfe"))
    assert message(tmp_path) == r"ROOT: the class name '\udcfe' is not valid Unicode. Rename it."


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (
            ["Cat/1.png", "cat/2.png"],
            "ROOT: the classes 'Cat' and 'cat' have the same name but for case or accents' form. Rename one.",
        ),
        (
            ["train/caf\u00e9/1.png", "test/cafe\u0301/2.png"],
            r"ROOT: the classes 'cafe\u0301' and 'caf\xe9' have the same name but for case or accents' form. Rename one.",
        ),
        (
            ["1.png", "2.png"],
            "ROOT: 2 pictures lie in no class folder (the first is 1.png). "
            "Sort them into one folder a class, put them into unlabeled/, or name them in a manifest.csv.",
        ),
        (["a/1.txt"], "ROOT: holds no pictures (JPEG, PNG, WebP, BMP, TIFF or GIF). Put one folder a class there."),
        ([], "ROOT: holds no pictures (JPEG, PNG, WebP, BMP, TIFF or GIF). Put one folder a class there."),
        (["val/a/1.png", "valid/a/2.png"], "ROOT: both val/ and valid/ mean the validation split. Merge them."),
        (
            ["train/a/1.png", "b/2.png"],
            "ROOT: holds the split folder train/ beside 'b'. "
            "Move every class into the split folders, or remove what is no class.",
        ),
        (
            ["flowers/rose/1.png", "flowers/lily/2.png"],
            "ROOT: the folders of its classes lie deeper, in flowers/. Did you mean ROOT/flowers?",
        ),
    ],
)
def test_a_layout_that_cannot_be_used_is_refused_in_a_sentence(tmp_path, names, expected):
    assert message(make(tmp_path / "set", *names)) == expected


def refuse_scanning(monkeypatch, *refused: Path) -> None:
    """Permissions do not stop the superuser, who may run the tests."""
    real = os.scandir

    def scandir(folder):
        if Path(folder) in refused:
            raise PermissionError(13, "Permission denied")
        return real(folder)

    monkeypatch.setattr(os, "scandir", scandir)


def test_an_unreadable_folder_is_found_where_others_remain(tmp_path, monkeypatch):
    make(tmp_path, "a/1.png", "b/2.png", "c/3.png")
    refuse_scanning(monkeypatch, tmp_path / "b")
    assert findings(tmp_path)["unreadable-folder"] == ("warning", ["b"])
    assert [row[1] for row in rows(tmp_path)] == ["a", "c"]


def test_an_unreadable_root_is_refused(tmp_path, monkeypatch):
    make(tmp_path, "a/1.png")
    refuse_scanning(monkeypatch, tmp_path / "a")
    assert message(tmp_path) == "ROOT: the folder a cannot be read. Make it readable."
    refuse_scanning(monkeypatch, tmp_path)
    assert message(tmp_path) == "ROOT: cannot be read (Permission denied). Make the folder readable."


@pytest.mark.parametrize("place", ["a\0b", "n" * 5_000, "/nonexistent", "", "emoji"])
def test_recognizing_never_raises(place):
    assert Folders().recognizes(place) is False
