"""Extraction by works: other processes read pictures and make the chunks of the store that this process would make.

A work is some whole chunks, so that each batch has the same pictures, and each file the same name and bytes, wherever it is made.
What a killed worker had written is written again, to the same file. A chunk is written by its worker where that sees the store's
folder, and into the mirror where there is one; it comes back as bytes where there is neither.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from headstart.backbones.descriptions import Description
from headstart.backbones.engines.choice import check_engine, engine_named
from headstart.backbones.engines.reached import Meter
from headstart.backbones.extractor import Extractor
from headstart.core.executing import Resources, Shared, Work, executor
from headstart.core.mirror import mirror
from headstart.core.records import write_atomically
from headstart.core.types import Bytes, Integers
from headstart.data.images import Images
from headstart.data.sent_images import SentImages, check_seen, files_to_check, unseen_files
from headstart.features.described import described, described_chunks
from headstart.features.store.chunks import MadeChunk, chunk_content, header_bytes
from headstart.features.store.mirrored import MirroredChunks
from headstart.features.store.same_folder import Token, token_in
from headstart.features.store.store import Store

WORK_CHUNKS = 2
"""Chunks of one work: what a worker has in memory, and what is made again after its loss. Chosen, not measured."""
LEAST_WORKS = 2
"""Works for each worker, below which a work is one chunk, so that few pictures are spread too. Chosen, not measured."""


@dataclass(frozen=True)
class Settled:
    """What decides the features.

    Attributes:
        backbone: What extracts.
        engine: The name of its engine; a worker never tries another one.
        chunk_rows: Pictures of a chunk, a multiple of the engine's batch.
        calibration: Pictures that the engine is calibrated with, uint8 [sample, height, width, channel]; None for most engines.
    """

    backbone: Extractor
    engine: str
    chunk_rows: int
    calibration: Bytes | None = field(repr=False, default=None)


def extracted_by_works(images: Images, rows: Integers, keys: Sequence[str], store: Store, settled: Settled) -> Iterator[int]:
    """The numbers of pictures whose features have just come into the store.

    Args:
        images: The pictures.
        rows: int64 [sample]: those that are extracted.
        keys: Their content keys.
        store: Where the chunks go.
        settled: What decides the features.

    Yields:
        Rows of one more chunk.

    Raises:
        DataError: A machine does not see the files of the pictures, or one cannot be read.
        ExportError: The store cannot be written.
    """
    works_run_on = executor()
    check_seen(works_run_on.on_each_node(unseen_files, files_to_check(images)))
    store.write_name()
    with token_in(store.folder) as token:
        shared = works_run_on.share(settled)
        for chunks in works_run_on.results(_works(images, rows, keys, shared, token)):
            for chunk in chunks:
                store.adopt(chunk)
                yield chunk.num_rows


def _works(
    images: Images, rows: Integers, keys: Sequence[str], shared: Shared[Settled], token: Token
) -> Iterator[Work[list[MadeChunk]]]:
    """One work for each chunk, or some of them, made when there is room for it: pictures in memory are copied work by work."""
    settled = shared.value
    num_works = len(rows) / (WORK_CHUNKS * settled.chunk_rows)
    step = settled.chunk_rows * (WORK_CHUNKS if num_works >= LEAST_WORKS * executor().num_workers else 1)
    resources = Resources(gpus=1.0 if "-cuda" in settled.engine else 0.0)
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        arguments = (SentImages.of(images, rows[part]), tuple(keys[part]), shared, token)
        yield Work(extract_chunks, arguments, f"extraction with {settled.backbone.card.name}", resources)


def extract_chunks(sent: SentImages, keys: Sequence[str], settled: Settled, token: Token) -> list[MadeChunk]:
    """The chunks of those pictures, written where this process sees the store's folder.

    Args:
        sent: The pictures.
        keys: Their content keys.
        settled: What decides the features.
        token: In the store's folder.

    Returns:
        The chunks, in order.

    Raises:
        DataError: This machine does not see the files, or a picture cannot be read.
        MissingExtraError: The engine cannot run on this machine.
    """
    images, backbone = sent.here(), settled.backbone
    name = check_engine(settled.engine, f"the engine of {backbone.card.name}")
    calibration = np.empty((0,), np.uint8) if settled.calibration is None else settled.calibration
    engine = engine_named(name, Description(backbone), lambda count: calibration[:count])
    batches = described(images, np.arange(len(images)), backbone, engine, Meter())
    made: list[MadeChunk] = []
    begin = 0
    for arrays in described_chunks(batches, len(images), settled.chunk_rows):
        done = begin + len(arrays["pixels"])
        chunk_name, content = chunk_content(keys[begin:done], arrays)
        made.append(_placed(chunk_name, content, done - begin, token))
        begin = done
    return made


def _placed(name: str, content: bytes, num_rows: int, token: Token) -> MadeChunk:
    """A chunk, written into the store's folder and its mirror as far as this process sees them."""
    there = mirror()
    if there:
        MirroredChunks(there, token.folder).put(name, content)
    if token.is_seen():
        write_atomically(token.folder / name, content, durable=False)
        return MadeChunk(name, num_rows, len(content), "written", b"")
    if there:
        return MadeChunk(name, num_rows, len(content), "mirrored", content[: header_bytes(content)])
    return MadeChunk(name, num_rows, len(content), "sent", content)
