"""Rebuild the embedded emoji set, byte for byte, from two emoji packages.

    python scripts/build_emoji.py emoji-datasource-google-16.0.0.tgz emoji-datasource-twitter-16.0.0.tgz

Each package is a `.tgz` as its registry serves it, or the folder it unpacks to. Emoji are chosen from the metadata alone: both
vendors draw them, their subcategory belongs to a class below, and they are base forms without a skin tone. From a class with
more than `MOST_PER_CLASS` emoji, as many are taken at equal steps in the order of the Unicode charts.
"""

from __future__ import annotations

import argparse
import json
import tarfile
import zipfile
from pathlib import Path

MOST_PER_CLASS = 45
OUT = Path(__file__).resolve().parents[1] / "src/headstart/data/built_in/emoji_pictures"
CLASSES: dict[str, tuple[str, ...]] = {
    "bird": ("animal-bird",),
    "boat and plane": ("transport-air", "transport-water"),
    "bug": ("animal-bug",),
    "building": ("place-building", "place-religious"),
    "clock": ("time",),
    "clothing": ("clothing",),
    "drink": ("drink",),
    "face": ("face-smiling", "face-affection", "face-tongue", "face-neutral-skeptical", "face-concerned", "face-unwell"),
    "flag": ("country-flag",),
    "fruit": ("food-fruit",),
    "hand": ("hands", "hand-fingers-open", "hand-fingers-partial", "hand-single-finger", "hand-fingers-closed"),
    "mammal": ("animal-mammal",),
    "meal": ("food-prepared", "food-asian"),
    "music": ("music", "musical-instrument"),
    "person": ("person", "person-role"),
    "plant": ("plant-flower", "plant-other"),
    "sea animal": ("animal-marine",),
    "sky": ("sky & weather",),
    "sport": ("sport",),
    "tool": ("tool",),
    "vegetable": ("food-vegetable",),
    "vehicle": ("transport-ground",),
}


def files_of(place: Path) -> dict[str, bytes]:
    """The metadata and the 64-pixel pictures of a package, by path inside it; an archive is read once, front to back."""
    wanted = ("emoji.json", "img/")
    if place.is_dir():
        paths = {str(file.relative_to(place)): file for file in place.rglob("*") if file.is_file()}
        return {path: file.read_bytes() for path, file in paths.items() if path.startswith(wanted)}
    found = {}
    with tarfile.open(place) as archive:
        for member in archive:
            path = member.name.removeprefix("package/")
            stream = archive.extractfile(member) if path.startswith(wanted) and "/sheets" not in path else None
            if stream is not None:
                found[path] = stream.read()
    return found


def chosen(entries: list[dict[str, object]]) -> dict[str, list[str]]:
    """The image file names of each class, in chart order, at most `MOST_PER_CLASS` of them at equal steps."""
    in_both = [entry for entry in entries if entry["has_img_google"] and entry["has_img_twitter"]]
    in_order = sorted(in_both, key=lambda entry: int(str(entry["sort_order"])))
    picked = {}
    for name, subcategories in CLASSES.items():
        files = [str(entry["image"]) for entry in in_order if entry["subcategory"] in subcategories]
        keep = min(len(files), MOST_PER_CLASS)
        picked[name] = [files[step * len(files) // keep] for step in range(keep)]
    return picked


def write_zip(path: Path, files: dict[str, bytes]) -> None:
    """A zip archive that depends on names and contents only: stored, in name order, with one fixed date."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, files[name])


def main() -> None:
    """Read the two packages and write `noto.zip` and `twemoji.zip`."""
    parser = argparse.ArgumentParser(description="Rebuild the embedded emoji set.")
    parser.add_argument("google", type=Path, help="emoji-datasource-google: its .tgz or the unpacked folder")
    parser.add_argument("twitter", type=Path, help="emoji-datasource-twitter: its .tgz or the unpacked folder")
    parser.add_argument("--out", type=Path, default=OUT, help="where the two archives go")
    options = parser.parse_args()
    packages = {"google": files_of(options.google), "twitter": files_of(options.twitter)}
    pictures: dict[str, dict[str, bytes]] = {"google": {}, "twitter": {}}
    for name, files in chosen(json.loads(packages["google"]["emoji.json"])).items():
        for file in files:
            for vendor, package in packages.items():
                pictures[vendor][f"{name}/{file}"] = package[f"img/{vendor}/64/{file}"]
    options.out.mkdir(parents=True, exist_ok=True)
    write_zip(options.out / "noto.zip", pictures["google"])
    write_zip(options.out / "twemoji.zip", pictures["twitter"])


if __name__ == "__main__":
    main()
