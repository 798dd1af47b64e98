"""Files in stores: the memory of fsspec, and a server of S3 on this machine."""

from __future__ import annotations

import errno
import json
import os
import pickle
import socket
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath

import fsspec
import numpy as np
import pytest
from s3_server import s3_server
from small_data import samples, smooth, write_classes, write_shard

import headstart
from headstart.core.errors import DataError, MissingExtraError
from headstart.data import stores
from headstart.data.addresses import copy_of
from headstart.data.given_images import given_images, joined_pictures, pictures_of
from headstart.data.readers import reader_for
from headstart.data.reading import read_task
from headstart.data.scan import scan


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    fs = fsspec.filesystem("memory")
    fs.store.clear()
    fs.pseudo_dirs[:] = [""]
    yield fs
    fs.store.clear()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_classes(tmp_path / "flowers", {"rose": 3, "tulip": 3})


@pytest.fixture
def stored(memory: fsspec.AbstractFileSystem, folder: Path) -> str:
    memory.put(str(folder), "/bucket/flowers", recursive=True)
    return "memory://bucket/flowers"


def refusal(place: str, verb: str = "read") -> str:
    with pytest.raises(DataError) as raised:
        getattr(reader_for(place), verb)(place)
    return str(raised.value)


def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are fetched from now on."""
    names: list[str] = []
    real = stores._fetch_one

    def counting(fs, file):
        names.append(file.address.rpartition("/")[2])
        real(fs, file)

    monkeypatch.setattr(stores, "_fetch_one", counting)
    return names


def test_a_folder_in_a_store_is_the_task_of_the_folder(stored: str, folder: Path):
    of_folder, of_store = read_task(folder), read_task(stored)
    assert of_store.fingerprint == of_folder.fingerprint
    assert (of_store.name, of_store.place) == ("flowers", stored)
    assert of_store.train.images.name(4) == f"{stored}/tulip/001.png"


def test_only_new_and_changed_files_are_fetched_and_deleted_ones_are_gone(stored: str, memory, monkeypatch: pytest.MonkeyPatch):
    read_task(stored)
    names = fetched(monkeypatch)
    read_task(stored)
    assert names == []
    memory.pipe("/bucket/flowers/rose/000.png", memory.cat("/bucket/flowers/rose/002.png"))
    memory.pipe("/bucket/flowers/rose/009.png", memory.cat("/bucket/flowers/rose/001.png"))
    memory.rm("/bucket/flowers/tulip/000.png")
    raw = reader_for(stored).read(stored)
    assert sorted(names) == ["000.png", "009.png"]
    left = sorted(raw.images.name(row).rpartition("/")[2] for row in range(6))
    assert left == ["000.png", "001.png", "001.png", "002.png", "002.png", "009.png"]


def test_what_is_no_data_is_not_fetched(stored: str, memory, monkeypatch: pytest.MonkeyPatch):
    for name in ("model.pt", "rose/.hidden.png", "notes/readme.md"):
        memory.pipe(f"/bucket/flowers/{name}", b"x")
    names = fetched(monkeypatch)
    reader_for(stored).read(stored)
    assert sorted(names) == ["000.png", "000.png", "001.png", "001.png", "002.png", "002.png"]


@pytest.mark.parametrize("address", ["memory://bucket/flowers/manifest.csv", "memory://bucket/flowers"])
def test_a_manifest_in_a_store_names_pictures_beside_it_and_elsewhere(memory, folder: Path, address: str):
    contents = [path.read_bytes() for path in sorted(folder.rglob("*.png"))]
    places = [*(f"flowers/images/{row}.png" for row in range(3)), "elsewhere/3.png", "elsewhere/4.png", "other/5.png"]
    for place, content in zip(places, contents, strict=True):
        memory.pipe(f"/bucket/{place}", content)
    paths = [
        "images/0.png",
        "images/1.png",
        "images/2.png",
        "../elsewhere/3.png",
        "../elsewhere/4.png",
        "memory://bucket/other/5.png",
    ]
    table = "\n".join(["path,label", *(f"{path},{'ab'[row // 3]}" for row, path in enumerate(paths)), "images/gone.png,a"])
    memory.pipe("/bucket/flowers/manifest.csv", table.encode())
    raw = reader_for(address).read(address)
    assert [raw.images.name(row) for row in range(6)] == [f"memory://bucket/{place}" for place in places]
    assert raw.labels == ("a", "a", "a", "b", "b", "b")
    assert raw.findings[-1].evidence["paths"] == ["memory://bucket/flowers/images/gone.png"]
    assert raw.name == "flowers"


def test_a_manifest_in_a_store_may_leave_out_folder_and_ending(memory, folder: Path):
    for row, path in enumerate(sorted(folder.rglob("*.png"))):
        memory.pipe(f"/bucket/set/images/{row}.png", path.read_bytes())
    memory.pipe("/bucket/set/labels.csv", b"image_id,label\n" + b"".join(b"%d,%d\n" % (row, row // 3) for row in range(6)))
    raw = reader_for("memory://bucket/set/labels.csv").read("memory://bucket/set/labels.csv")
    assert raw.images.name(5) == "memory://bucket/set/images/5.png"
    assert "pictures-located" in {finding.code for finding in raw.findings}


def test_frames_and_tables_on_disk_may_name_addresses(stored: str, tmp_path: Path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {"path": [f"{stored}/{kind}/{row:03d}.png" for kind in ("rose", "tulip") for row in range(3)], "label": list("aaabbb")}
    )
    frame.to_csv(tmp_path / "table.csv", index=False)
    raws = [reader_for(place).read(place) for place in (frame, str(tmp_path / "table.csv"))]
    assert [raw.images.name(5) for raw in raws] == [f"{stored}/tulip/002.png"] * 2
    assert len({scan(raw.images).sha for raw in raws}) == 1


def test_shards_and_tables_of_pictures_are_read_in_a_store(memory, folder: Path, tmp_path: Path):
    for shard in range(2):
        memory.pipe(f"/bucket/s-{shard}.tar", write_shard(tmp_path / "a.tar", samples(2 * shard, 2 * shard + 1)).read_bytes())
    raw = reader_for("memory://bucket/s-{0..1}.tar").read("memory://bucket/s-{0..1}.tar")
    assert (raw.images.name(3), raw.labels, raw.name) == ("memory://bucket/s-1.tar/003.png", ("0", "1", "0", "1"), "s")
    assert np.array_equal(np.asarray(raw.images.read(3)), smooth(4, 24)[3])
    assert refusal("memory://bucket/s-{0..2}.tar") == (
        "memory://bucket/s-2.tar: does not exist. Get this shard, or correct the pattern."
    )
    whole = memory.cat("/bucket/s-1.tar")
    memory.pipe("/bucket/s-1.tar", whole[:700])
    assert refusal("memory://bucket/s-1.tar") == (
        "memory://bucket/s-1.tar: is cut off or damaged, or is compressed. Get it again; only plain .tar shards are read."
    )


def test_predictions_take_addresses_of_pictures_and_folders(stored: str):
    images = pictures_of(given_images([f"{stored}/rose/001.png", f"{stored}/tulip", f"{stored}/rose/gone.png"]))
    assert [images.name(row) for row in range(len(images))] == [
        f"{stored}/rose/001.png", *(f"{stored}/tulip/{row:03d}.png" for row in range(3)), f"{stored}/rose/gone.png",
    ]  # fmt: skip
    assert scan(images).problems[4].startswith(f"{stored}/rose/gone.png: does not exist")


def test_a_picture_that_is_damaged_is_called_by_its_address(stored: str, memory):
    memory.pipe("/bucket/flowers/rose/000.png", b"oh no")
    task = read_task(stored)
    (finding,) = [one for one in task.findings if one.code == "unreadable-images"]
    assert finding.evidence["paths"] == [f"{stored}/rose/000.png"]
    assert finding.evidence["problems"][0].startswith(f"{stored}/rose/000.png: is not a JPEG")


def test_findings_and_refusals_name_addresses(memory, folder: Path):
    memory.put(str(folder), "/bucket/in/deeper", recursive=True)
    assert refusal("memory://bucket") == (
        "memory://bucket: the folders of its classes lie deeper, in in/deeper/. Did you mean memory://bucket/in/deeper?"
    )


def test_the_cache_shows_copies_and_clears_them(stored: str, tmp_path: Path):
    reader_for(stored).read(stored)
    (entry,) = [one for one in headstart.cache()["entries"] if one["kind"] == "remote"]
    size = sum(path.stat().st_size for path in (tmp_path / "flowers").rglob("*.png"))
    assert (entry["name"], entry["num_rows"], entry["size_bytes"]) == ("copies of files in stores", 6, size)
    assert entry["last_used"] > "2026"
    assert headstart.cache(clear=True)["freed_bytes"] >= size
    assert not (tmp_path / "cache" / "remote").exists()


def test_names_that_are_no_file_names_are_left_alone(memory, folder: Path, tmp_path: Path):
    memory.put(str(folder), "/bucket/flowers", recursive=True)
    for name in ("../../../evil.png", "a//b.png", "./c.png"):
        memory.store[f"/bucket/flowers/{name}"] = memory.store["/bucket/flowers/rose/000.png"]
    raw = reader_for("memory://bucket/flowers").read("memory://bucket/flowers")
    assert len(raw.images) == 6
    assert not list(tmp_path.rglob("evil.png"))


def test_an_address_of_this_machine_is_a_path(folder: Path):
    assert read_task(f"file://{folder}").train.images.name(0) == str(folder / "rose" / "000.png")


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("memory://a/../b", 'memory://a/../b: has a part that is no file name, such as "..". Write the whole address.'),
        (
            "zip://x::memory://a.zip",
            "zip://x::memory://a.zip: is a chain of addresses. Give the address of the data itself, unpacked.",
        ),
        *(
            (
                address,
                f"{shown}: this address holds a password or a key, which names and reports would show. Leave it out, and set it "
                "where the store's own tools look for it, such as ~/.netrc or a variable of the environment.",
            )
            for address, shown in [
                ("ftp://user:sEcret@127.0.0.1:1/x", "ftp://127.0.0.1:1"),
                ("https://user:sE/cret@host/x", "https://host"),
                ("memory://bucket/x.tar?X-Amz-Signature=sEcret", "memory://bucket"),
                ("zip://x::https://user:sEcret@host/a.zip", "zip://host"),
            ]
        ),
        (
            "https://host:80/flowers/a@b.csv",
            "https://host:80: addresses of the web are not read, as most of its servers neither list files nor tell when they "
            "changed. Download the data, and give its folder.",
        ),
        ("nowhere://a", "nowhere://a: nowhere:// is no store that is known. Use s3://, gs://, hf:// or another one of fsspec."),
    ],
)
def test_an_address_that_cannot_be_used_is_refused(memory, address: str, sentence: str):
    assert refusal(address) == sentence


def test_a_store_that_is_not_reached_before_anything_is_asked_for_is_told():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"ftp://127.0.0.1:{free.getsockname()[1]}/x"
    assert refusal(address) == (
        f"{address}: cannot be reached, or the connection was lost ([Errno 111] Connection refused). Try again: what arrived "
        "whole is kept."
    )


@pytest.mark.parametrize("name", ["/etc/x.png", "../../secret/x.png", "..", "file:///etc/x.png"])
def test_a_table_in_a_store_names_nothing_outside_of_its_bucket(stored: str, memory, name: str):
    memory.pipe("/secret/x.png", memory.cat("/bucket/flowers/rose/000.png"))
    memory.pipe("/bucket/flowers/m.csv", f"path,label\nrose/000.png,a\nrose/001.png,a\n{name},b\n".encode())
    assert refusal(f"{stored}/m.csv") == (
        f'{stored}/m.csv: names the picture "{name}", which lies outside of its bucket. Write paths relative to the table, or '
        "whole addresses of stores."
    )


def test_a_table_in_a_store_whose_paths_are_empty_or_folders_is_told(stored: str, memory):
    memory.pipe("/bucket/flowers/m.csv", b"path,label\nrose/000.png,a\n,b\n")
    assert refusal(f"{stored}/m.csv") == f"{stored}/m.csv, line 3: has no path. Name the picture, relative to the manifest."
    reader_for(f"{stored}/rose").read_unsorted(f"{stored}/rose")
    memory.pipe("/bucket/flowers/m.csv", b"path,label\nrose/000.png,a\nrose,b\ntulip/000.png,b\n")
    raw = reader_for(f"{stored}/m.csv").read(f"{stored}/m.csv")
    assert [bool(problem) for problem in scan(raw.images).problems] == [False, True, False]


def test_a_table_on_disk_may_name_files_by_their_addresses(folder: Path, tmp_path: Path):
    paths = sorted(folder.rglob("*.png"))
    rows = "".join(f"file://{path},{path.parent.name}\n" for path in paths)
    (tmp_path / "table.csv").write_text(f"path,label\n{rows}file:///gone.png,rose\n")
    raw = reader_for(str(tmp_path / "table.csv")).read(str(tmp_path / "table.csv"))
    assert [raw.images.name(row) for row in range(6)] == list(map(str, paths))
    assert raw.findings[-1].evidence["paths"] == ["/gone.png"]


def test_a_part_of_an_address_that_is_a_drive_is_no_file_name(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("headstart.data.addresses.Path", PureWindowsPath)
    assert copy_of("memory://bucket/C:/x.png") is None


def test_a_folder_without_data_is_refused(memory):
    memory.pipe("/bucket/notes/readme.md", b"x")
    assert refusal("memory://bucket/notes") == (
        "memory://bucket/notes: holds no picture, table, shard or archive, or does not exist. Put one folder a class there, a "
        "manifest, or shards."
    )


def test_a_store_whose_package_is_missing_names_the_extra(monkeypatch: pytest.MonkeyPatch):
    def absent(address):
        raise ImportError("Install gcsfs to access Google Storage")

    monkeypatch.setattr("fsspec.core.url_to_fs", absent)
    with pytest.raises(MissingExtraError) as raised:
        reader_for("gs://bucket/x").read("gs://bucket/x")
    assert str(raised.value) == (
        "gs://bucket/x: gs:// needs a package that is not installed (Install gcsfs to access Google Storage). "
        "Install it, or: pip "
        "install headstart[remote], which has those of s3:// and gs://."
    )


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            ConnectionResetError("reset by peer"),
            "cannot be reached, or the connection was lost (reset by peer). Try again: what arrived whole is kept.",
        ),
        (
            PermissionError("no"),
            "access is refused (no). Set the credentials of the store where its own tools look for them, such as "
            "AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY for s3://.",
        ),
        (
            OSError(errno.ENOSPC, "No space left on device"),
            "no copy can be kept (No space left on device). Free space, or name another folder by HEADSTART_CACHE.",
        ),
        (FileNotFoundError(), "does not exist, or its bucket does not. Correct the address."),
    ],
    ids=["lost", "refused", "full", "gone"],
)
def test_a_fetch_that_ends_half_way_is_told_and_goes_on_where_it_was(
    stored: str, monkeypatch: pytest.MonkeyPatch, memory, error: Exception, sentence: str
):
    real = type(memory).get_file

    def breaking(self, name, local, **options):
        if name.endswith("tulip/002.png"):
            Path(local).write_bytes(b"half")
            raise error
        real(self, name, local, **options)

    monkeypatch.setattr(type(memory), "get_file", breaking)
    monkeypatch.setattr(stores, "NUM_THREADS", 1)
    assert refusal(stored) == f"{stored}/tulip/002.png: {sentence}"
    monkeypatch.setattr(type(memory), "get_file", real)
    names = fetched(monkeypatch)
    assert len(reader_for(stored).read(stored).images) == 6
    assert names == ["002.png"]
    assert not list(Path(os.environ["HEADSTART_CACHE"]).rglob(".*"))


def test_a_file_that_arrives_in_part_is_not_kept(stored: str, monkeypatch: pytest.MonkeyPatch, memory):
    monkeypatch.setattr(type(memory), "get_file", lambda self, name, local, **options: Path(local).write_bytes(b"half"))
    monkeypatch.setattr(stores, "NUM_THREADS", 1)
    size = memory.size("/bucket/flowers/rose/000.png")
    assert refusal(stored) == (f"{stored}/rose/000.png: 4 of its {size:,} bytes arrived. Try again: what is whole is kept.")


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """A server of S3 on this machine."""
    with s3_server() as address:
        yield address


def test_the_command_line_reads_a_bucket_of_s3(s3: str, folder: Path, headstart_command, monkeypatch: pytest.MonkeyPatch):
    fs = fsspec.filesystem("s3")
    fs.mkdir("flowers")
    fs.put(str(folder), "flowers/set", recursive=True)
    answer = headstart_command("inspect", "s3://flowers/set", "--json")
    assert answer.code == 0, answer.err
    assert json.loads(answer.out)["task"]["place"] == "s3://flowers/set"
    names = fetched(monkeypatch)
    assert read_task("s3://flowers/set").fingerprint == read_task(folder).fingerprint
    one = "s3://flowers/set/rose/000.png"
    assert stores.local_place(one) == stores.local_of(one) == stores.local_place("s3://flowers/set/rose") / "000.png"
    assert names == []
    assert refusal("s3://flowers/other") == (
        "s3://flowers/other: holds no picture, table, shard or archive, or does not exist. Put one folder a class "
        "there, a manifest, "
        "or shards."
    )


def test_an_empty_bucket_and_one_that_is_not_there_are_told(s3: str):
    fsspec.filesystem("s3").mkdir("nothing")
    assert refusal("s3://nothing").startswith("s3://nothing: holds no picture, table, shard or archive, or does not exist.")
    assert (
        refusal("s3://no-such-bucket/x") == "s3://no-such-bucket/x: does not exist, or its bucket does not. Correct the address."
    )


def test_wrong_credentials_and_a_store_that_does_not_answer_are_told(s3: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    assert refusal("s3://flowers/set").startswith("s3://flowers/set: access is refused (")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free.getsockname()[1]}")
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    monkeypatch.setattr("s3fs.core.S3FileSystem.retries", 1)
    assert refusal("s3://flowers/set").startswith("s3://flowers/set: cannot be reached, or the connection was lost (")
    fsspec.get_filesystem_class("s3").clear_instance_cache()


@pytest.mark.parametrize("kind", ["pictures", "shard"])
def test_pictures_that_arrive_in_another_process_are_fetched_to_its_own_cache(
    memory, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
):
    if kind == "shard":
        write_shard(tmp_path / "set" / "shard-000.tar", samples(1, 2, 3, 4))
        memory.put(str(tmp_path / "set"), "/bucket/set", recursive=True)
    else:
        memory.put(str(folder), "/bucket/set", recursive=True)
    images = reader_for("memory://bucket/set").read("memory://bucket/set").images
    keys = [images.content_key(row) for row in range(len(images))]
    content = pickle.dumps(joined_pictures([images, images]))
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "other"))
    arrived = pickle.loads(content)
    assert not (tmp_path / "other").exists()
    listed: list[str] = []
    monkeypatch.setattr(type(memory), "ls", lambda self, path, **_: listed.append(path))
    assert [arrived.content_key(row) for row in range(len(arrived))] == 2 * keys
    assert np.asarray(arrived.read(1)).shape[2] == 3
    assert listed == []
    assert all(path.is_relative_to(tmp_path / "other") for path in arrived.file_paths())
