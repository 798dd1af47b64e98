"""What one machine extracts, another finds in the object store; what cannot be used is said before anything is computed."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import fsspec
import numpy as np
import pytest
from elsewhere import Elsewhere
from s3_server import s3_server

from headstart.backbones.backbone import Backbone
from headstart.backbones.loading import load_backbone
from headstart.core import mirror as module
from headstart.core import row_sums, rows
from headstart.core.errors import DataError, ExportError, HeadstartError, PlanError
from headstart.core.executing import executing_on
from headstart.core.mirror import mirror, mirror_at
from headstart.core.records import Record
from headstart.core.row_sums import column_means
from headstart.core.steps import Steps
from headstart.core.types import UNLABELED
from headstart.data.images import ArrayImages, ImageSet
from headstart.features import extract
from headstart.features.extract import features_of, num_missing
from headstart.features.store import store as store_module
from headstart.features.store.store import store_at

NUM = 83


class Number(Record):
    """A result."""

    value: int


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with s3_server() as address:
        yield address


@pytest.fixture
def bucket(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    name = f"bucket-{abs(hash(str(tmp_path))) % 10**9}"
    fsspec.filesystem("s3").mkdir(name)
    monkeypatch.setenv("HEADSTART_STORE", f"s3://{name}/team")
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "one"))
    monkeypatch.setattr(extract, "CHUNK_ROWS", 16)
    monkeypatch.setattr(store_module, "CHUNK_ROWS", 1)  # what is small would be merged
    mirror_at.cache_clear()
    store_at.cache_clear()
    yield name
    mirror_at.cache_clear()
    store_at.cache_clear()


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return load_backbone("timm/test_resnet", weights="none", input_pixels=32)


def images_of(num: int = NUM, start: int = 0) -> ImageSet:
    pixels = np.random.default_rng(3).integers(0, 256, (NUM, 9, 11, 3), dtype=np.uint8)[start : start + num]
    return ImageSet(ArrayImages(pixels, "noise", np.arange(num)), (), np.full(num, UNLABELED, np.int64), np.arange(num))


def on_another_machine(cache: Path) -> None:
    os.environ["HEADSTART_CACHE"] = str(cache)
    store_at.cache_clear()


def no_engine(*_: object) -> None:
    raise AssertionError("nothing is to be computed")


def test_features_of_one_machine_are_read_on_another(
    bucket: str, backbone: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = features_of(images_of(), backbone).penultimate
    names = fsspec.filesystem("s3").find(bucket)
    assert len(names) == 6
    assert all(name.startswith(f"{bucket}/team/features/{backbone.weights_hash}") for name in names)
    on_another_machine(tmp_path / "two")
    monkeypatch.setattr(extract, "engine_of", no_engine)
    assert num_missing(images_of(), backbone) == 0
    assert not list((tmp_path / "two").rglob("*.safetensors"))  # only headers were read
    part = features_of(images_of(16, start=20), backbone).penultimate
    np.testing.assert_array_equal(part, first[20:36])
    assert len(list((tmp_path / "two").rglob("*.safetensors"))) == 2
    np.testing.assert_array_equal(features_of(images_of(), backbone).penultimate, first)


def test_two_writers_make_the_union(bucket: str, backbone: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    features_of(images_of(40), backbone)
    on_another_machine(tmp_path / "two")
    features_of(images_of(43, start=40), backbone)
    on_another_machine(tmp_path / "three")
    monkeypatch.setattr(extract, "engine_of", no_engine)
    assert len(features_of(images_of(), backbone)) == NUM


def test_chunks_that_were_evicted_here_are_fetched_again(bucket: str, backbone: Backbone, tmp_path: Path) -> None:
    first = features_of(images_of(), backbone).penultimate
    for path in (tmp_path / "one").rglob("*.safetensors"):
        path.unlink()
    np.testing.assert_array_equal(features_of(images_of(), backbone).penultimate, first)


def test_a_chunk_that_somebody_deletes_there_is_made_again(bucket: str, backbone: Backbone, tmp_path: Path) -> None:
    first = features_of(images_of(), backbone).penultimate
    fs = fsspec.filesystem("s3")
    fs.rm_file(sorted(fs.find(bucket))[0])
    on_another_machine(tmp_path / "two")
    assert num_missing(images_of(), backbone) in (3, 16)
    np.testing.assert_array_equal(features_of(images_of(), backbone).penultimate, first)
    assert len(fs.find(bucket)) == 6


def test_a_damaged_object_is_left_out_and_written_anew(
    bucket: str, backbone: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = features_of(images_of(), backbone).penultimate
    fs = fsspec.filesystem("s3")
    fs.pipe_file(sorted(fs.find(bucket))[0], b"damaged in transit")
    on_another_machine(tmp_path / "two")
    assert num_missing(images_of(), backbone) in (3, 16)
    np.testing.assert_array_equal(features_of(images_of(), backbone).penultimate, first)
    on_another_machine(tmp_path / "three")
    monkeypatch.setattr(extract, "engine_of", no_engine)
    assert num_missing(images_of(), backbone) == 0


def test_a_chunk_that_is_damaged_there_once_it_is_needed_is_one_sentence_and_made_again(
    bucket: str, backbone: Backbone, tmp_path: Path
) -> None:
    first = features_of(images_of(), backbone).penultimate
    on_another_machine(tmp_path / "two")
    assert num_missing(images_of(), backbone) == 0
    fs = fsspec.filesystem("s3")
    name = sorted(fs.find(bucket))[0]
    fs.pipe_file(name, fs.cat_file(name)[:-50])
    with pytest.raises(DataError, match=r"were deleted while they were used\. Run the command again; it makes them anew\.$"):
        features_of(images_of(), backbone)
    np.testing.assert_array_equal(features_of(images_of(), backbone).penultimate, first)


def test_a_chunk_in_a_store_that_is_not_set_here_is_refused(
    bucket: str, backbone: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HEADSTART_STORE")
    monkeypatch.setattr("headstart.features.store.same_folder.Token.is_seen", lambda self: False)
    monkeypatch.setattr("headstart.features.extraction_works.mirror", lambda: mirror_at(f"s3://{bucket}/team"))
    with executing_on(Elsewhere(tmp_path / "two")), pytest.raises(DataError) as refused:
        features_of(images_of(), backbone)
    assert str(refused.value) == (
        "A node of the cluster wrote features into its HEADSTART_STORE alone, and here none is set. Set the same one here."
    )


def test_workers_without_the_folder_write_to_the_mirror_alone(
    bucket: str, backbone: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HEADSTART_STORE")
    alone = features_of(images_of(), backbone).penultimate
    monkeypatch.setenv("HEADSTART_STORE", f"s3://{bucket}/team")
    on_another_machine(tmp_path / "two")
    monkeypatch.setattr("headstart.features.store.same_folder.Token.is_seen", lambda self: False)
    with executing_on(Elsewhere(tmp_path / "three")):
        together = features_of(images_of(), backbone).penultimate
    np.testing.assert_array_equal(together, alone)
    assert len(fsspec.filesystem("s3").find(bucket)) == 6


def test_sums_are_made_by_workers_that_fetch_their_own_chunks(
    bucket: str, backbone: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    features_of(images_of(), backbone)
    for one in (rows, row_sums, store_module):
        monkeypatch.setattr(one, "IN_MEMORY_BYTES", 100)
    monkeypatch.setattr(row_sums, "span_rows", lambda width: 32)
    seen = features_of(images_of(), backbone).penultimate
    alone = column_means(seen)
    on_another_machine(tmp_path / "two")
    seen = features_of(images_of(), backbone).penultimate
    hidden = tmp_path / "two" / "features"
    executor = Elsewhere(tmp_path / "three")
    with executing_on(executor):
        monkeypatch.setattr(Path, "is_dir", lambda path: not path.is_relative_to(hidden) and os.path.isdir(path))  # noqa: PTH112
        together = column_means(seen)
    np.testing.assert_allclose(together, alone, rtol=1e-14)
    assert len(executor.sizes["sums over rows"]) == 3
    assert len(list((tmp_path / "three").rglob("*.safetensors"))) == 6
    assert not list(hidden.rglob("*.safetensors"))


def test_a_step_finished_anywhere_is_found_by_everyone(bucket: str, tmp_path: Path) -> None:
    def make(folder: Path) -> Number:
        (folder / "deep").mkdir(parents=True)
        (folder / "deep" / "scores.bin").write_bytes(b"123")
        return Number(value=7)

    Steps(tmp_path / "a", tmp_path / "one" / "steps").run("fold", {"seed": 1}, Number, make)
    second = Steps(tmp_path / "b", tmp_path / "two" / "steps")
    assert second.run("fold", {"seed": 1}, Number, no_engine) == Number(value=7)  # type: ignore[arg-type]
    assert [path.read_bytes() for path in (tmp_path / "b").rglob("scores.bin")] == [b"123"]


def refusal() -> HeadstartError:
    mirror_at.cache_clear()
    with pytest.raises(HeadstartError) as caught:
        mirror()
    return caught.value


@pytest.mark.usefixtures("bucket")
def test_a_place_that_cannot_be_used_is_one_sentence(backbone: Backbone, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HEADSTART_STORE", "bucket/features")
    assert str(refusal()) == (
        'HEADSTART_STORE = "bucket/features" is no address. Write one such as s3://bucket/features or file:///shared/folder.'
    )
    assert isinstance(refusal(), PlanError)
    monkeypatch.setenv("HEADSTART_STORE", "s3://no-such-bucket/features")
    assert isinstance(refusal(), DataError)
    assert str(refusal()) == (
        "HEADSTART_STORE = s3://no-such-bucket/features: the bucket or folder does not exist. Make it, or correct the address."
    )
    monkeypatch.setattr(extract, "engine_of", no_engine)
    with pytest.raises(DataError):
        features_of(images_of(), backbone)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HEADSTART_STORE", f"file://{tmp_path}/file")
    assert str(refusal()).startswith(f"{tmp_path}/file/probe-")
    assert isinstance(refusal(), ExportError)


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (
            PermissionError(errno.EACCES, "Access Denied"),
            ExportError,
            "nothing can be written there (Access Denied). Set credentials that may write, or name another place.",
        ),
        (
            OSError(errno.ENOSPC, "No space left"),
            ExportError,
            "is full (No space left). Free space there, or name another place.",
        ),
        (OSError(errno.EIO, "broken"), DataError, "cannot be reached (broken). Try again: what is finished is kept."),
    ],
)
def test_a_probe_that_fails_is_one_sentence(
    error: OSError, kind: type[Exception], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(fsspec.filesystem("s3"), "pipe_file", failing)
    found = refusal()
    assert isinstance(found, kind)
    assert str(found) == f"HEADSTART_STORE = {os.environ['HEADSTART_STORE']}: {text}"


@pytest.mark.usefixtures("bucket")
def test_missing_credentials_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    assert "access is refused (" in str(refusal())
    fsspec.get_filesystem_class("s3").clear_instance_cache()


def test_a_shared_folder_is_a_place_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADSTART_STORE", f"file://{tmp_path}/shared")
    there = mirror()
    assert there is not None
    there.put("steps/a.json", b"{}")
    assert there.read("steps/a.json") == b"{}"
    assert there.read("steps/b.json") is None
    assert there.names("steps") == {"a.json": 2}
    assert there.names("none") == {}
    assert module.mirror() is there
    assert sorted(path.name for path in (tmp_path / "shared").rglob("*") if path.is_file()) == ["a.json"]
