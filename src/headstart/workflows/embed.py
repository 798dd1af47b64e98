"""Embed: the features of images, in a file that is data again: every command reads it in place of the images."""

from __future__ import annotations

import zipfile
from collections import Counter
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from headstart.backbones.catalog import card_of, packaged
from headstart.backbones.input_size import side_for
from headstart.backbones.loading import load_backbone
from headstart.backbones.pretrained import Name, name_of
from headstart.core.arguments import AnyPath, checked
from headstart.core.errors import DataError, ExportError
from headstart.core.progress import stage
from headstart.core.records import atomic_file
from headstart.core.rows import Rows, row_slices
from headstart.core.types import UNLABELED
from headstart.core.unfinished import sweep
from headstart.data.cleaning import Cleaned, cleaned
from headstart.data.images import ImageSet
from headstart.data.readers import reader_for
from headstart.features.extract import features_of
from headstart.workflows.arguments import Data, place_of
from headstart.workflows.cluster import on_cluster

ROW_GROUP = 16_384
"""Rows that are written to a Parquet file at a time: 80 MB of 1,280 features."""


@checked
def embed(
    data: Data, out: AnyPath, *, pretrained: Name | None = None, pixels: int | None = None, cluster: str | None = None
) -> int:
    """Write what a pretrained model sees in images, with their labels, splits, groups and domains.

    Rows are the images that a task would use: unreadable and contradictory ones are left out, and copies of one image are one
    group, so that no split parts them. The features are those of the last stage, before the classifier.
    The number of rows comes back. The file ends in .npz or .parquet; `pixels` is the side of the input square. On a
    `cluster`, "auto" or ray://HOST:PORT, all nodes extract.
    """
    path = Path(out)
    if path.suffix.lower() not in WRITERS:
        raise ExportError(f'{path} ends in "{path.suffix}". Choose one of {", ".join(WRITERS)}.')
    card = card_of(name_of(pretrained or packaged()[0]))
    with stage("reading the data"):
        place = place_of(data)
        rows = cleaned(reader_for(place).read_unsorted(place).in_name_order())
    usable = np.flatnonzero(rows.usable)
    if rows.raw.images.embedded or not len(usable):
        contents = "feature vectors already" if rows.raw.images.embedded else "no readable image"
        raise DataError(f"{place if isinstance(place, str) else rows.raw.name} holds {contents}. Name images.")
    native = int(np.median(rows.scan.shorter_sides[usable]))
    backbone = load_backbone(card.name, "pretrained", pixels or side_for(card, native), 0)
    images = ImageSet(rows.raw.images.take(usable), (), np.full(len(usable), UNLABELED, np.int64), rows.groups[usable])
    images = images.with_content_keys(rows.scan.sha[row] for row in usable)
    with on_cluster(cluster, images), stage("embedding"):
        features = features_of(images, backbone).penultimate
    sweep(path.parent)
    with atomic_file(path) as stream:
        WRITERS[path.suffix.lower()](stream, features, _columns(rows, usable.tolist()))
    return len(usable)


def _columns(rows: Cleaned, usable: list[int]) -> dict[str, list[str]]:
    """What is known of each row, as text; columns that say nothing are left out, but for the labels."""
    raw, sizes = rows.raw, Counter(rows.groups[usable].tolist())
    columns = {
        "labels": [raw.labels[row] or "" for row in usable],
        "split": [raw.splits[row] for row in usable],
        "group": [f"g{rows.groups[row]}" if sizes[int(rows.groups[row])] > 1 else "" for row in usable],
        "domain": [raw.domains[row] for row in usable],
    }
    return {name: values for name, values in columns.items() if name == "labels" or any(values)}


def _write_npz(stream: BinaryIO, features: Rows, columns: dict[str, list[str]]) -> None:
    """As `numpy.savez` writes it, some rows at a time."""
    with zipfile.ZipFile(stream, "w") as archive:
        with archive.open("features.npy", "w", force_zip64=True) as member:
            layout = {"descr": "<f4", "fortran_order": False, "shape": features.shape}
            np.lib.format.write_array_header_1_0(member, layout)
            for part in row_slices(len(features)):
                member.write(np.ascontiguousarray(features[part], "<f4").tobytes())
        for name, values in columns.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.array(values))


def _write_parquet(stream: BinaryIO, features: Rows, columns: dict[str, list[str]]) -> None:
    width = features.shape[1]
    kinds = {"features": pa.list_(pa.float32(), width), **dict.fromkeys(columns, pa.string())}
    with pq.ParquetWriter(stream, pa.schema(kinds)) as writer:
        for part in row_slices(len(features), ROW_GROUP):
            vectors = np.asarray(features[part], np.float32)
            table = {"features": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), width)}
            writer.write_table(pa.table(table | {name: values[part] for name, values in columns.items()}, writer.schema))


WRITERS = {".npz": _write_npz, ".parquet": _write_parquet}
