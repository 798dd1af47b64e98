from __future__ import annotations

import io
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest

from headstart.core.errors import DataError
from headstart.data.readers.cifar import VERSIONS, Cifar, Version

RNG = np.random.default_rng(5)
NAMES = {"cifar10": [f"class {n}" for n in range(10)], "cifar100": [f"fine {n}" for n in range(100)]}


class Made:
    """The files of a tiny set of one version, and what is in them."""

    def __init__(self, version: Version) -> None:
        self.version = version
        self.files: dict[str, bytes] = {}
        self.planes: list[np.ndarray] = []
        self.labels: list[int] = []
        self.splits: list[str] = []
        names = NAMES[version.name]
        for number, file in enumerate((*version.train, version.test)):
            planes = RNG.integers(0, 256, (number + 2, 3072), dtype=np.uint8)
            labels = RNG.integers(0, len(names), number + 2).tolist()
            self.files[file] = self.pickled(planes, labels) if version.pickled else self.binary(planes, labels)
            self.planes.append(planes)
            self.labels += labels
            self.splits += ["test" if file == version.test else "train"] * len(labels)
        if version.pickled:
            kind = "label_names" if version.name == "cifar10" else "fine_label_names"
            self.files[version.names] = pickle.dumps({kind: names, "coarse_label_names": ["x"]}, 2)
        else:
            self.files[version.names] = ("\n".join(names) + "\n\n").encode()

    def pickled(self, planes: np.ndarray, labels: list[int]) -> bytes:
        fine = (
            {b"labels": labels}
            if self.version.name == "cifar10"
            else {b"fine_labels": labels, b"coarse_labels": [0] * len(labels)}
        )
        return pickle.dumps({b"data": planes, **fine, b"filenames": [b"x.png"] * len(labels)}, 2)

    def binary(self, planes: np.ndarray, labels: list[int]) -> bytes:
        fine = np.array(labels, dtype=np.uint8)[:, None]
        coarse = np.full_like(fine, 99)
        return np.concatenate([fine, planes] if self.version.name == "cifar10" else [coarse, fine, planes], axis=1).tobytes()

    def folder(self, root: Path) -> str:
        root.mkdir(parents=True, exist_ok=True)
        for name, content in self.files.items():
            (root / name).write_bytes(content)
        return str(root)

    def archive(self, path: Path) -> str:
        with tarfile.open(path, "w:gz") as archive:
            for name, content in {"readme.html": b"<p>", **self.files}.items():
                member = tarfile.TarInfo(f"{self.version.folder}/{name}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        return str(path)


def message(place: str, root: Path) -> str:
    with pytest.raises(DataError) as caught:
        Cifar().read(place)
    return str(caught.value).replace(str(root), "ROOT")


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.folder)
@pytest.mark.parametrize("form", ["folder", "folder around", "archive", "folder around archive"])
def test_every_version_is_read_from_every_form(tmp_path, version, form):
    made = Made(version)
    place = {
        "folder": lambda: made.folder(tmp_path / "any name"),
        "folder around": lambda: made.folder(tmp_path / version.folder) and str(tmp_path),
        "archive": lambda: made.archive(tmp_path / "any.tar.gz"),
        "folder around archive": lambda: made.archive(tmp_path / f"{version.folder}.tar.gz") and str(tmp_path),
    }[form]()
    assert Cifar().recognizes(place)
    raw = Cifar().read(place)
    assert raw.name == version.name
    assert raw.labels == tuple(NAMES[version.name][label] for label in made.labels)
    assert raw.splits == tuple(made.splits)
    assert raw.findings == ()
    planes = np.concatenate(made.planes)
    for row in range(len(planes)):
        expected = np.stack([planes[row, 1024 * channel :][:1024].reshape(32, 32) for channel in range(3)], axis=-1)
        np.testing.assert_array_equal(np.asarray(raw.images.read(row)), expected)


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.folder)
def test_missing_files_are_found(tmp_path, version):
    made = Made(version)
    del made.files[version.names]
    raw = Cifar().read(made.folder(tmp_path))
    assert raw.labels == tuple(str(label) for label in made.labels)
    (found,) = raw.findings
    assert (found.code, found.severity) == ("missing-files", "warning")
    assert found.title == f"{version.names} of the CIFAR distribution is missing."


def test_class_folders_called_train_and_test_are_not_cifar(tmp_path):
    for name in ("train", "test", "meta"):
        (tmp_path / name).mkdir()
    assert not Cifar().recognizes(str(tmp_path))


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return eval, ("1 / 0",)


TEN_PY, TEN_BIN, HUNDRED_PY, HUNDRED_BIN = VERSIONS
PLANES = np.zeros((2, 3072), dtype=np.uint8)

BROKEN = {
    "bomb": (
        TEN_PY,
        {"data_batch_2": pickle.dumps({b"data": Bomb()}, 2)},
        "ROOT: data_batch_2: is a pickle that holds __builtin__.eval, and only plain values and number arrays are read. "
        "Get the file from its authors.",
    ),
    "no data": (TEN_PY, {"test_batch": pickle.dumps({}, 2)}, 'ROOT: test_batch: has no "data". Get the file again.'),
    "a list": (TEN_PY, {"test_batch": pickle.dumps([], 2)}, 'ROOT: test_batch: has no "data". Get the file again.'),
    "wrong width": (
        TEN_PY,
        {"test_batch": pickle.dumps({b"data": PLANES[:, :3000], b"labels": [0, 1]}, 2)},
        "ROOT: test_batch: its data is uint8 (2, 3000), and must be uint8 [sample, 3072]. Get the file again.",
    ),
    "data of text": (
        TEN_PY,
        {"test_batch": pickle.dumps({b"data": "pixels", b"labels": [0, 1]}, 2)},
        "ROOT: test_batch: its data is str, and must be uint8 [sample, 3072]. Get the file again.",
    ),
    "few labels": (
        TEN_PY,
        {"test_batch": pickle.dumps({b"data": PLANES, b"labels": [0]}, 2)},
        "ROOT: test_batch: has 1 labels for 2 pictures. Get the file again.",
    ),
    "high label": (
        HUNDRED_PY,
        {"test": pickle.dumps({b"data": PLANES, b"fine_labels": np.array([0, 100])}, 2)},
        "ROOT: test: has the label 100, and labels go from 0 to 99. Get the file again.",
    ),
    "high label, binary": (
        TEN_BIN,
        {"test_batch.bin": b"\x0a" + bytes(3072)},
        "ROOT: test_batch.bin: has the label 10, and labels go from 0 to 9. Get the file again.",
    ),
    "truncated binary": (
        HUNDRED_BIN,
        {"train.bin": bytes(3074 * 2 - 1)},
        "ROOT: train.bin: has 6,147 bytes, which is no multiple of 3,074. Get the file again.",
    ),
    "empty binary": (
        TEN_BIN,
        {"data_batch_1.bin": b""},
        "ROOT: data_batch_1.bin: has 0 bytes, which is no multiple of 3,073. Get the file again.",
    ),
    "few names": (
        TEN_BIN,
        {"batches.meta.txt": b"a\nb\nb\n"},
        "ROOT: batches.meta.txt: has 2 different class names where 10 belong. Get it again.",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_file_that_cannot_be_used_is_refused_in_a_sentence(tmp_path, kind):
    version, files, expected = BROKEN[kind]
    made = Made(version)
    made.files.update(files)
    assert message(made.folder(tmp_path), tmp_path) == expected


def test_an_archive_that_cannot_be_used_is_refused_in_a_sentence(tmp_path, monkeypatch):
    whole = Path(Made(TEN_BIN).archive(tmp_path / "cifar.tar.gz"))
    (tmp_path / "cut.tar.gz").write_bytes(whole.read_bytes()[:9_000])
    assert message(str(tmp_path / "cut.tar.gz"), tmp_path) == (
        "ROOT/cut.tar.gz: is not an archive, or a damaged one. Get it again."
    )
    (tmp_path / "text.tar.gz").write_text("hello")
    assert message(str(tmp_path / "text.tar.gz"), tmp_path) == (
        "ROOT/text.tar.gz: is not an archive, or a damaged one. Get it again."
    )
    with tarfile.open(tmp_path / "flowers.tgz", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("rose/1.png"), io.BytesIO())
    assert message(str(tmp_path / "flowers.tgz"), tmp_path) == (
        "ROOT/flowers.tgz: is not a CIFAR archive. Unpack it and point at the folder."
    )
    monkeypatch.setattr("headstart.data.readers.cifar.MAX_ARCHIVE_BYTES", 1_000)
    assert message(str(whole), tmp_path) == "ROOT/cifar.tar.gz: unpacks to more than the 1,000 bytes allowed. Get it again."


def test_links_in_an_archive_are_not_followed(tmp_path):
    (tmp_path / "secret").write_bytes(bytes(3073))
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
            member = tarfile.TarInfo("cifar-10-batches-bin/data_batch_1.bin")
            member.type, member.linkname = kind, str(tmp_path / "secret")
            archive.addfile(member)
    assert message(str(tmp_path / "a.tar.gz"), tmp_path).endswith("is not a CIFAR archive. Unpack it and point at the folder.")


def test_two_archives_in_a_folder_are_refused(tmp_path):
    Made(TEN_PY).archive(tmp_path / "cifar-10-python.tar.gz")
    Made(HUNDRED_PY).archive(tmp_path / "cifar-100-python.tar.gz")
    assert message(str(tmp_path), tmp_path) == (
        "ROOT: holds cifar-10-python.tar.gz and cifar-100-python.tar.gz. Point at one of them."
    )


@pytest.mark.parametrize("place", ["a\0b.tar.gz", "n" * 5_000, "/nonexistent.tar.gz", "", "emoji"])
def test_recognizing_never_raises(place):
    assert Cifar().recognizes(place) is False
