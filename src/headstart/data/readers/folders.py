"""Class folders: one folder a class, in one set or in given splits, and a folder of unlabeled pictures."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from headstart.core.errors import DataError
from headstart.core.findings import MOST_EXAMPLES, Finding, Severity
from headstart.data.class_names import canonical, check_distinct
from headstart.data.decoding import IMAGE_SUFFIXES
from headstart.data.images import FileImages
from headstart.data.raw_dataset import RawDataset
from headstart.data.readers.base import Reader
from headstart.data.split_names import SPLIT_NAMES, holds_all_classes

JUNK = frozenset({"__macosx", "@eadir", "thumbs.db", "desktop.ini"})
"""What operating systems leave behind; ignored as hidden files are."""


class Folders(Reader):
    """DATA/<class>/**, DATA/{train,validation,test}/<class>/**, and DATA/unlabeled/** beside either."""

    precedence = 0
    summary: ClassVar[str] = "DATA/<class>/*.jpg, or DATA/{train,validation,test}/<class>/*.jpg; DATA/unlabeled/** beside them"

    def recognizes(self, place: str) -> bool:
        return os.path.isdir(place)  # noqa: PTH112  never raises, as Path.is_dir may

    def read(self, place: str) -> RawDataset:
        return self._found(Path(place), needs_labels=True).raw()

    def read_unsorted(self, place: str) -> RawDataset:
        # pictures that lie in the folder itself are unlabeled ones where there are no others
        found = self._found(Path(place), needs_labels=False)
        if not found.paths:
            found.add_loose()
        return found.raw()

    def _found(self, root: Path, *, needs_labels: bool) -> _Found:
        found = _Found(root)
        tops = found.folders_in(root)
        unlabeled = [folder for folder in tops if SPLIT_NAMES.get(folder.name.casefold()) == "unlabeled"]
        labeled = [folder for folder in tops if folder not in unlabeled]
        splits = _split_folders(root, labeled, found)
        if splits:
            for split, folder in splits.items():
                if split == "train" and not needs_labels and not found.folders_in(folder):
                    found.add_pictures(folder, None, "unlabeled")
                    continue
                _check_classes_not_wrapped(folder, found.folders_in(folder), found)
                found.add_classes(folder, split)
        elif _without_classes(labeled, found):
            if needs_labels:
                raise DataError(_why_no_classes(root, labeled))
            for folder in labeled:
                found.add_pictures(folder, None, "unlabeled")
        else:
            _check_classes_not_wrapped(root, labeled, found)
            found.add_classes(root, "", labeled)
        for folder in unlabeled:
            before = len(found.paths)
            found.add_pictures(folder, None, "unlabeled")
            if len(found.paths) == before:
                found._note("empty-unlabeled", folder)
        return found


def _split_folders(root: Path, folders: list[Path], found: _Found) -> dict[str, Path]:
    """The folder of each given split; empty when the folders are classes."""
    named = [folder for folder in folders if folder.name.casefold() in SPLIT_NAMES]
    with_classes = [folder for folder in named if found.folders_in(folder)]
    if not with_classes:
        return {}
    others = [folder.name for folder in folders if folder not in named]
    if others:
        raise DataError(
            f"{root}: holds the split folder {with_classes[0].name}/ beside {others[0]!r}. "
            "Move every class into the split folders, or remove what is no class."
        )
    splits: dict[str, Path] = {}
    for folder in named:
        split = SPLIT_NAMES[folder.name.casefold()]
        if split in splits:
            raise DataError(f"{root}: both {splits[split].name}/ and {folder.name}/ mean the {split} split. Merge them.")
        splits[split] = folder
    return splits


def _check_classes_not_wrapped(root: Path, folders: list[Path], found: _Found) -> None:
    inner = _where_classes_lie(folders, found)
    if inner is not None:
        deeper = inner.relative_to(root).as_posix()
        raise DataError(f"{root}: the folders of its classes lie deeper, in {deeper}/. Did you mean {inner}?")


def _where_classes_lie(folders: list[Path], found: _Found) -> Path | None:
    """The folder that holds several folders, where only one folder lies in each above it and no picture; else None."""
    deepest = None
    while len(folders) == 1 and not found.has_pictures(folders[0]):
        deepest = folders[0]
        folders = found.folders_in(deepest)
    return deepest if len(folders) > 1 else None


def _why_no_classes(root: Path, folders: list[Path]) -> str:
    names = " and ".join(f"{folder.name}/" for folder in folders)
    return (
        f"{root}: {names} {'holds' if len(folders) == 1 else 'hold'} pictures and no class folders. Sort them into one folder a "
        "class, or name them with their labels in a manifest.csv."
    )


def _without_classes(folders: list[Path], found: _Found) -> bool:
    """Whether the folders hold pictures of all classes by their names, and are not classes themselves.

    Several names without the word of a split, such as `photo` and `picture`, may be classes.
    """
    names = [folder.name for folder in folders]
    several = len(names) > 1 and not any(part in name.casefold() for name in names for part in SPLIT_NAMES)
    return bool(names) and not several and all(map(holds_all_classes, names)) and any(map(found.has_pictures, folders))


def _is_picture(entry: os.DirEntry[str]) -> bool:
    return os.path.splitext(entry.name)[1].lower() in IMAGE_SUFFIXES  # noqa: PTH122


@dataclass
class _Found:
    """What a walk through the folders met."""

    root: Path
    paths: list[Path] = field(default_factory=list)
    labels: list[str | None] = field(default_factory=list)
    splits: list[str] = field(default_factory=list)
    class_folders: list[str] = field(default_factory=list)
    met: dict[str, list[str]] = field(default_factory=dict)

    def entries(self, folder: Path) -> list[os.DirEntry[str]]:
        """What lies in a folder, sorted by name; hidden entries left out."""
        try:
            with os.scandir(folder) as entries:
                visible = [entry for entry in entries if not entry.name.startswith(".") and entry.name.casefold() not in JUNK]
        except OSError as error:
            if folder == self.root:
                raise DataError(f"{folder}: cannot be read ({error.strerror}). Make the folder readable.") from None
            self._note("unreadable-folder", folder)
            return []
        return sorted(visible, key=lambda entry: entry.name)

    def folders_in(self, folder: Path) -> list[Path]:
        """The folders directly inside, links to folders included."""
        return [Path(entry.path) for entry in self.entries(folder) if os.path.isdir(entry.path)]  # noqa: PTH112

    def has_pictures(self, folder: Path) -> bool:
        """Whether pictures lie directly in the folder."""
        return any(_is_picture(entry) for entry in self.entries(folder))

    def add_classes(self, folder: Path, split: str, classes: list[Path] | None = None) -> None:
        """List every class folder inside, and note pictures that lie beside them."""
        for entry in self.entries(folder):
            if os.path.isfile(entry.path):  # noqa: PTH113
                self._note("stray-image" if _is_picture(entry) else "other-file", Path(entry.path))
            elif not os.path.isdir(entry.path):  # noqa: PTH112
                self._note("broken-link", Path(entry.path))
        for class_folder in self.folders_in(folder) if classes is None else classes:
            self.class_folders.append(class_folder.name)
            before = len(self.paths)
            self.add_pictures(class_folder, canonical(class_folder.name), split)
            if len(self.paths) == before:
                self._note("empty-class", class_folder)

    def add_pictures(self, folder: Path, label: str | None, split: str) -> None:
        """List every picture below a folder."""
        for path in self._pictures_below(folder, frozenset()):
            self._add(path, label, split)

    def _add(self, path: Path, label: str | None, split: str) -> None:
        if _has_surrogates(path.name):
            self._note("undecodable-name", path)
        else:
            self.paths.append(path)
            self.labels.append(label)
            self.splits.append(split)

    def add_loose(self) -> None:
        """List the pictures that lie beside the class folders as unlabeled ones."""
        self.met.pop("stray-image", None)
        for entry in self.entries(self.root):
            if os.path.isfile(entry.path) and _is_picture(entry):  # noqa: PTH113
                self._add(Path(entry.path), None, "unlabeled")

    def _pictures_below(self, folder: Path, above: frozenset[str]) -> Iterator[Path]:
        real = os.path.realpath(folder)
        if real in above or self.root.resolve().is_relative_to(real):
            self._note("link-loop", folder)
            return
        for entry in self.entries(folder):
            path = Path(entry.path)
            if os.path.isdir(entry.path):  # noqa: PTH112
                yield from self._pictures_below(path, above | {real})
            elif not os.path.exists(entry.path):  # noqa: PTH110
                self._note("broken-link", path)
            elif not _is_picture(entry):
                self._note("other-file", path)
            else:
                yield path

    def _note(self, code: str, path: Path) -> None:
        noted = self.met.setdefault(code, [])
        relative = os.path.relpath(path, self.root)
        text = ascii(relative) if _has_surrogates(relative) else relative
        if text not in noted:
            noted.append(text)

    def raw(self) -> RawDataset:
        """Everything listed, once it is known to hold pictures."""
        check_distinct(self.class_folders, str(self.root))
        if not self.paths:
            raise DataError(self._why_nothing())
        return RawDataset(
            name=canonical(self.root.resolve().name) or "data",
            images=FileImages(tuple(self.paths)),
            labels=tuple(self.labels),
            splits=tuple(self.splits),
            findings=tuple(_finding(code, paths) for code, paths in sorted(self.met.items())),
        )

    def _why_nothing(self) -> str:
        stray = self.met.get("stray-image", [])
        if stray:
            return (
                f"{self.root}: {len(stray)} pictures lie in no class folder (the first is {stray[0]}). "
                "Sort them into one folder a class, put them into unlabeled/, or name them in a manifest.csv."
            )
        if "unreadable-folder" in self.met:
            return f"{self.root}: the folder {self.met['unreadable-folder'][0]} cannot be read. Make it readable."
        return f"{self.root}: holds no pictures (JPEG, PNG, WebP, BMP, TIFF or GIF). Put one folder a class there."


FINDINGS: dict[str, tuple[Severity, str, str]] = {
    "broken-link": ("warning", "Links that lead nowhere are left out ({n}).", "Restore what they point to, or delete them."),
    "empty-class": ("warning", "Class folders without pictures are left out ({n}).", "Add pictures or delete the folders."),
    "empty-unlabeled": (
        "warning",
        "The folder for unlabeled images holds none, so that nothing is learned from such.",
        "Put pictures into it, or delete it.",
    ),
    "link-loop": ("warning", "Links that lead back into a folder above them are not followed ({n}).", "Delete these links."),
    "other-file": ("info", "Files that are not pictures are ignored ({n}).", ""),
    "stray-image": (
        "warning",
        "Pictures that lie in no class folder are left out ({n}).",
        "Move them into a class folder, or into unlabeled/.",
    ),
    "undecodable-name": ("warning", "Pictures whose names are not valid Unicode are left out ({n}).", "Rename them."),
    "unreadable-folder": ("warning", "Folders that cannot be read are left out ({n}).", "Make them readable."),
}
"""Severity, title and advice by code; {n} is the number of paths."""


def _finding(code: str, paths: list[str]) -> Finding:
    severity, title, advice = FINDINGS[code]
    evidence = {"count": len(paths), "paths": paths[:MOST_EXAMPLES]}
    return Finding(code=code, severity=severity, title=title.format(n=len(paths)), evidence=evidence, advice=advice)


def _has_surrogates(text: str) -> bool:
    return any("\ud800" <= letter <= "\udfff" for letter in text)
