"""Verification: whether the files, weights, versions and labels of a run are those of its manifest."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from headstart.core.progress import progress
from headstart.core.records import Record
from headstart.runs.manifest import Manifest, hash_of_file
from headstart.runs.provenance import versions_now, weights_hash_of
from headstart.runs.run_folder import RunFolder

LABELS = "labels and splits"
CHANGED_FILE = "{name}: is not as the run wrote it. Restore it from a copy, or fit the run anew."
ABSENT_FILE = "{name}: is gone. Restore it from a copy, or fit the run anew."
CHANGED_LABELS = (
    "{name}: its labels, or the images that it holds, are not as the run read them. Restore the labels and take out what was "
    "added, or fit the run anew."
)
CHANGED_WEIGHTS = "{name}: has other weights than those that the run started from. Put the former ones back, or fit the run anew."
ABSENT_WEIGHTS = "{name}: its weights are no longer on this machine. Install or download them again."
OTHER_VERSION = "{name}: is {now}, and the run was made with {before}. Install {before}, or expect small differences."
ABSENT_PACKAGE = "{name}: is not installed, and the run was made with {before}. Install {before}, or expect small differences."


class Mismatch(Record):
    """Something that is not as the manifest says.

    Attributes:
        name: Of the file, image, model or package.
        sentence: What differs, and what to do.
    """

    name: str
    sentence: str


class VerifiedKind(Record):
    """What was checked of one kind.

    Attributes:
        name: The kind: "files", "images", "labels and splits", "weights" or "versions".
        num: How many the manifest names.
        num_checked: How many of them could be checked.
        mismatches: Those that are not as it says.
    """

    name: str
    num: int
    num_checked: int
    mismatches: tuple[Mismatch, ...] = ()


class Verification(Record):
    """What `headstart verify` found.

    Attributes:
        run: The folder, of a run or of another kind.
        kind: "run", "cache", "gallery", "study", "model" or "bundle".
        manifest: Of a run, SHA-256 of the manifest itself, to be compared with one that was noted elsewhere: who changes a file
            can write another manifest, too.
        kinds: What was checked, by kind.
    """

    run: str
    kind: str = "run"
    manifest: str = ""
    kinds: tuple[VerifiedKind, ...]

    @property
    def same(self) -> bool:
        """Whether nothing that could be checked differs."""
        return not any(kind.mismatches for kind in self.kinds)

    @property
    def sentence(self) -> str:
        """What was found."""
        different = sum(len(kind.mismatches) for kind in self.kinds)
        looked_at = sum(kind.num_checked for kind in self.kinds)
        left = sum(kind.num - kind.num_checked for kind in self.kinds)
        unchecked = f" {left:,} could not be checked here." if left else ""
        if self.kind != "run":
            return f"{different:,} of {looked_at:,} files are damaged." if different else f"All {looked_at:,} files are sound."
        if different:
            return f"{different:,} of {looked_at:,} files, images, weights and versions are not as the run left them.{unchecked}"
        return f"All {looked_at:,} files, images, weights and versions are as the run left them.{unchecked}"


UNCHECKED_LABELS = VerifiedKind(name=LABELS, num=1, num_checked=0)
"""Of data that cannot be read as the run read them."""


def verified_files(run: RunFolder, manifest: Manifest) -> VerifiedKind:
    """Each file of the run's folder that the manifest names."""

    def found() -> Iterator[Mismatch]:
        with progress(len(manifest.files), "Checking files") as advance:
            for name, known in manifest.files.items():
                path = run.folder / name
                if not path.is_file():
                    yield Mismatch(name=name, sentence=ABSENT_FILE.format(name=name))
                elif hash_of_file(path) != known:
                    yield Mismatch(name=name, sentence=CHANGED_FILE.format(name=name))
                advance(1)

    return _kind("files", len(manifest.files), found())


def verified_labels(place: str, is_same: Callable[[], bool]) -> VerifiedKind:
    """Whether the run's data, which `is_same` reads again and compares, give the same images, labels and splits."""
    found = [] if is_same() else [Mismatch(name=place, sentence=CHANGED_LABELS.format(name=place))]
    return _kind(LABELS, 1, found)


def verified_weights(manifest: Manifest) -> VerifiedKind:
    """What each network started from; those that were not there when the run ended are not checked."""
    known = [one for one in manifest.weights if one.weights_hash is not None]
    found = list[Mismatch]()
    for one in known:
        now = weights_hash_of(one.name, one.weights, one.input_pixels, manifest.seed)
        if now != one.weights_hash:
            template = ABSENT_WEIGHTS if now is None else CHANGED_WEIGHTS
            found.append(Mismatch(name=one.name, sentence=template.format(name=one.name)))
    return VerifiedKind(name="weights", num=len(manifest.weights), num_checked=len(known), mismatches=tuple(found))


def verified_versions(manifest: Manifest) -> VerifiedKind:
    """Python and each package that the manifest names."""
    now = versions_now()
    found = list[Mismatch]()
    for name, before in manifest.versions.items():
        if now.get(name) != before:
            template = OTHER_VERSION if name in now else ABSENT_PACKAGE
            found.append(Mismatch(name=name, sentence=template.format(name=name, now=now.get(name), before=before)))
    return _kind("versions", len(manifest.versions), found)


def _kind(name: str, num: int, mismatches: Iterator[Mismatch] | list[Mismatch]) -> VerifiedKind:
    return VerifiedKind(name=name, num=num, num_checked=num, mismatches=tuple(mismatches))
