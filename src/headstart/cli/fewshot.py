"""`headstart fewshot`: classes from a few images each, added and removed without training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from headstart.cli import _options as options
from headstart.cli._printing import answer, facts, interval, plain, said, table, told
from headstart.cli._rows import paths_from, print_rows

POSITION = 17

GalleryFolder: TypeAlias = Annotated[Path, typer.Argument(metavar="GALLERY", help="The gallery's folder.", show_default=False)]
Name: TypeAlias = Annotated[str, typer.Argument(metavar="NAME", help="Name of the class.", show_default=False)]

NewBackbone: TypeAlias = Annotated[
    str | None, typer.Option(metavar="NAME", help="Backbone of a new gallery; see `headstart models`.", show_default=False)
]
NewSource: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="DATA",
        help="Labeled images of many other classes: a new gallery meta-trains on them if that is better.",
        show_default=False,
    ),
]
NewMethod: TypeAlias = Annotated[
    str | None, typer.Option(metavar="KIND", help="Meta-train by this method, without a comparison.", show_default=False)
]


def fewshot() -> None:
    """Learn classes from one to five images each, and recognize them."""


def enroll(
    gallery: GalleryFolder,
    name: Name,
    images: Annotated[list[str], typer.Argument(metavar="IMAGE...", help="Images or folders of images.", show_default=False)],
    pretrained: NewBackbone = None,
    source: NewSource = None,
    method: NewMethod = None,
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Add a class; the first one creates the gallery. Files that cannot be read are left out, with exit code 1."""
    from headstart.workflows.enroll import enroll as enroll_class

    is_new = not (gallery / "gallery.json").exists()
    opened, left_out = enroll_class(
        gallery, name, paths_from(images), pretrained=pretrained, source=source, method=method, seed=seed
    )
    if is_new:
        _tell(opened.state.card.sentence)
    classes = opened.classes()
    _tell(*(f"left out: {row['error']}" for row in left_out))
    found = {"gallery": str(gallery), "class": name, "num_images": classes[name], "left_out": left_out}
    answer(as_json, found, f"{name}: {_images(classes[name])}. The gallery holds {_classes(len(classes))}.", soft_wrap=True)
    if left_out:
        raise typer.Exit(1)


def forget(gallery: GalleryFolder, name: Name, as_json: options.Json = False) -> None:
    """Remove a class; predictions are then as before it was enrolled."""
    from headstart.gallery import Gallery

    opened = Gallery.open(gallery)
    opened.forget(name)
    num_classes = len(opened.classes())
    found = {"gallery": str(gallery), "forgotten": name, "num_classes": num_classes}
    answer(as_json, found, f"{name} is forgotten. The gallery holds {_classes(num_classes)}.", soft_wrap=True)


def list_classes(gallery: GalleryFolder, as_json: options.Json = False) -> None:
    """List the classes, the backbone and the embedding of a gallery."""
    from headstart.gallery import Gallery

    opened = Gallery.open(gallery)
    classes, card = opened.classes(), opened.state.card
    made = [("Backbone", f"{card.pretrained} at {card.input_pixels} pixels")]
    if card.sentence:
        made.append(("Embedding", card.sentence))
    shown = [(plain(name, "bold"), f"{count:,}") for name, count in classes.items()]
    listed = table(("class", "images"), shown, right=("images",)) if classes else "It has no class yet."
    rows = [{"name": name, "num_images": count} for name, count in classes.items()]
    answer(as_json, {"gallery": str(gallery), **card.to_dict(), "classes": rows}, facts(made), "", listed)


def predict(
    gallery: GalleryFolder,
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH...", help="Images, folders of images, or - for paths on stdin.", show_default=False),
    ],
    refuse: Annotated[bool, typer.Option("--refuse", help="Give no label to images that are unlike every class.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Predict the class of each image, and flag images unlike every class; exit code 1 if files cannot be read."""
    from headstart.gallery import Gallery

    rows = Gallery.open(gallery).predict(paths_from(paths), refuse)
    print_rows(rows, as_json, ("label", "probability"), _cells)
    if any("error" in row for row in rows):
        raise typer.Exit(1)


def shots(
    data: options.Data,
    ways: Annotated[int, typer.Option(min=2, metavar="N", help="Number of classes in a gallery.")] = 5,
    pretrained: NewBackbone = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE.html", help="Also draw the curve.", show_default=False)
    ] = None,
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Show how accuracy grows with the number of images per class, and how much it depends on which images are enrolled."""
    from headstart.data.reading import read_task
    from headstart.gallery.shots import shots_curve
    from headstart.report.pages import write_shots

    curve = shots_curve(read_task(data, seed), pretrained, ways)
    if out:
        write_shots(curve, out)
    rows = []
    for point in curve.points:
        spans = (interval({"low": one.low, "high": one.high}) for one in (point.accuracy, point))
        rows.append((str(point.shots), f"{point.accuracy.value:.3f}", *spans))
    columns = ("images a class", "accuracy", "95% interval", "nine of ten galleries")
    answer(as_json, curve.to_dict(), curve.sentence, "", table(columns, rows, right=columns[1:]))


SUBCOMMANDS = {"enroll": enroll, "forget": forget, "list": list_classes, "predict": predict, "shots": shots}


def _cells(row: dict[str, Any]) -> tuple[Any, ...]:
    """The class and its probability, with similarity and threshold where the image is unlike every class."""
    unknown = row["unknown"]
    near = f"similarity {unknown['similarity']:.2f}, threshold {unknown['threshold']:.2f}"
    if row["label"] is None:
        label = said(f"unknown (best guess: {row['best_guess']}, {near})")
    else:
        label = plain(row["label"], "bold").append(said(f" (perhaps unknown: {near})" if unknown["flag"] else "", style="yellow"))
    return label, f"{row['probability']:.3f}"


def _tell(*sentences: str) -> None:
    for sentence in filter(None, sentences):
        told(sentence)


def _images(count: int) -> str:
    return f"{count:,} image{'s' * (count != 1)}"


def _classes(count: int) -> str:
    return f"{count:,} class{'es' * (count != 1)}"
