"""Hugging Face's `datasets`, in memory and as they are saved: its own library writes what is read here."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from small_data import picture, samples, smooth, write_classes, write_shard

import headstart
from headstart.core.errors import DataError
from headstart.data.given_images import given_images, pictures_of
from headstart.data.readers import reader_for
from headstart.data.reading import read_task
from headstart.data.scan import scan
from headstart.data.stored_images import StoredImages

datasets = pytest.importorskip("datasets")
datasets.disable_progress_bars()
CLASSES = ["rose", "tulip"]


def content(number: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(smooth(number + 1, 24)[number]).save(stream, "PNG")
    return stream.getvalue()


CONTENTS = [content(number) for number in range(6)]
LABELS = [0, 1, 0, 1, 0, 1]


def made(contents: list[bytes | None] = CONTENTS, labels: list[int] = LABELS, **more: list) -> datasets.Dataset:
    pictures = [one and {"bytes": one, "path": None} for one in contents]
    kinds = {name: datasets.Value("string") for name in more}
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=CLASSES), **kinds})
    return datasets.Dataset.from_dict({"image": pictures, "label": labels, **more}, features=features)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("folder")
    for number, one in enumerate(CONTENTS):
        file = root / CLASSES[LABELS[number]] / f"{number}.png"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(one)
    return root


def pictures_and_labels(task) -> list[tuple[str, str]]:
    return sorted(zip(task.train.content_keys, (task.classes[label] for label in task.train.labels), strict=True))


def write(kind: str, place: Path) -> Path:
    dataset = made()
    if kind == "saved":
        dataset.save_to_disk(place / "set", num_shards=2)
        return place / "set"
    file = place / f"flowers.{kind.partition(' ')[0]}"
    if kind == "parquet":
        dataset.to_parquet(file)
    elif kind == "arrow file":
        with pa.ipc.new_file(file, dataset.data.schema) as writer:
            writer.write_table(dataset.data.table, max_chunksize=2)
    else:
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        with pa.ipc.new_stream(file, dataset.data.schema, options=options) as writer:
            writer.write_table(dataset.data.table)
    return file


@pytest.mark.parametrize("kind", ["saved", "parquet", "arrow file", "arrow compressed"])
def test_saved_pictures_are_the_task_of_the_folder(folder: Path, tmp_path: Path, kind: str):
    place = write(kind, tmp_path)
    task = read_task(place)
    assert pictures_and_labels(task) == pictures_and_labels(read_task(folder))
    assert (task.place, task.train.images.name(2)) == (
        str(place),
        f"{place}/data-00000-of-00002.arrow[2]" if kind == "saved" else f"{place}[2]",
    )
    for row in range(6):
        assert np.array_equal(np.asarray(task.train.images.read(row)), smooth(row + 1, 24)[row])


def test_a_dataset_in_memory_is_the_task_of_the_folder(folder: Path):
    task = read_task(made())
    assert pictures_and_labels(task) == pictures_and_labels(read_task(folder))
    assert (task.name, task.place, task.train.images.name(2)) == ("dataset", "", "dataset[2]")


def test_a_choice_of_rows_and_another_format_are_respected():
    dataset = made().select([5, 0, 3]).with_format("numpy")
    raw = reader_for(dataset).read(dataset)
    assert raw.labels == ("tulip", "rose", "tulip")
    assert np.array_equal(np.asarray(raw.images.read(0)), smooth(6, 24)[5])


def test_pictures_by_their_paths_and_columns_of_paths_are_read(tmp_path: Path):
    write_classes(tmp_path, {"a": 2, "b": 2})
    paths = sorted(map(str, tmp_path.rglob("*.png")))
    by_image = datasets.Dataset.from_dict({"image": paths, "label": list("aabb")}).cast_column("image", datasets.Image())
    by_text = datasets.Dataset.from_dict({"image": paths, "label": list("aabb")})
    raws = [reader_for(dataset).read(dataset) for dataset in (by_image, by_text)]
    assert [raw.labels for raw in raws] == [("a", "a", "b", "b")] * 2
    assert len({scan(raw.images).sha for raw in raws}) == 1


@pytest.mark.parametrize("saved", [False, True])
def test_the_splits_of_a_dict_are_kept(tmp_path: Path, saved: bool):
    both = datasets.DatasetDict(
        train=made(group=["g"] * 6),
        validation=made(CONTENTS[:2], [1, 0], group=["", ""]),
        test=made(CONTENTS[:1], [-1], group=[""]),
    )
    place = both
    if saved:
        both.save_to_disk(tmp_path / "set")
        place = str(tmp_path / "set")
    raw = reader_for(place).read(place)
    found = sorted(zip(raw.splits, map(str, raw.labels), raw.groups, strict=True))
    assert found == sorted(
        [
            *[("train", name, "g") for name in CLASSES * 3],
            ("validation", "tulip", ""),
            ("validation", "rose", ""),
            ("test", "None", ""),
        ]
    )
    assert raw.name == ("set" if saved else "dataset")
    assert len(set(map(raw.images.name, range(9)))) == 9


def test_shards_of_the_hub_tell_splits_by_their_names(tmp_path: Path):
    for name, rows in {"train-00000-of-00002": [0, 1], "train-00001-of-00002": [2, 3], "test-00000-of-00001": [4, 5]}.items():
        (tmp_path / "data").mkdir(exist_ok=True)
        made().select(rows).to_parquet(tmp_path / "data" / f"{name}.parquet")
    (tmp_path / "README.md").write_text("a card")
    (tmp_path / "script.py").write_text("raise SystemExit('code of a data set ran')")
    raw = reader_for(str(tmp_path)).read(str(tmp_path))
    assert raw.splits == ("test", "test", "train", "train", "train", "train")
    assert raw.labels == ("rose", "tulip") * 3


def test_reading_what_is_saved_needs_no_library_and_unpacks_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = write("parquet", tmp_path)
    monkeypatch.setitem(sys.modules, "datasets", None)
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    first = reader_for(str(file)).read(str(file))
    (copy,) = (tmp_path / "cache" / "pictures").iterdir()
    assert isinstance(first.images, StoredImages)
    assert first.images.files == (copy,)
    monkeypatch.setattr("headstart.data.arrow_files._unpack", None)
    again = reader_for(str(file)).read(str(file))
    assert again.images.content_key(3) == first.images.content_key(3)


@pytest.mark.parametrize("state", [True, False])
def test_what_the_library_keeps_beside_a_saved_set_is_not_read(tmp_path: Path, state: bool):
    made().save_to_disk(tmp_path / "set")
    loaded = datasets.load_from_disk(str(tmp_path / "set"))
    loaded.map(lambda row: {"label": 1 - row["label"]})
    loaded.shuffle(seed=1)
    assert len(list((tmp_path / "set").glob("cache-*.arrow"))) == 2
    (tmp_path / "set" / "tmp1a2b.arrow").write_bytes(b"half")
    if not state:
        (tmp_path / "set" / "state.json").unlink()
    raw = reader_for(str(tmp_path / "set")).read(str(tmp_path / "set"))
    assert raw.labels == tuple(CLASSES[label] for label in LABELS)


def test_a_file_that_is_replaced_after_it_was_read_is_refused(tmp_path: Path):
    file = write("arrow file", tmp_path)
    raw = reader_for(str(file)).read(str(file))
    chosen = raw.images.take(np.array([3]))
    made(CONTENTS[::-1]).to_parquet(tmp_path / "other.parquet")
    (tmp_path / "other.parquet").replace(file)
    with pytest.raises(DataError) as raised:
        chosen.read(0)
    assert str(raised.value) == f"{file}[3]: the file that holds it has changed, or is gone, since it was read. Start again."
    assert [stamp.size_bytes for stamp in raw.images.stamps()] == [-1] * 6


def test_a_page_of_parquet_that_is_damaged_is_refused_as_such(tmp_path: Path):
    file = tmp_path / "a.parquet"
    pq.write_table(pa.table({"image": [20 * one for one in CONTENTS], "label": CLASSES * 3}), file, compression="snappy")
    content = bytearray(file.read_bytes())
    content[200:4000] = 3800 * b"\xff"
    file.write_bytes(content)
    said = refusal(str(file))
    assert said.startswith(f"{file}: cannot be read as Parquet (")
    assert said.endswith("). Write it again.")


@pytest.mark.parametrize("kind", ["path", "Paths"])
def test_bytes_that_are_not_called_pictures_give_way_to_paths(tmp_path: Path, folder: Path, kind: str):
    paths = sorted(map(str, folder.rglob("*.png")))
    table = pa.table({kind: paths, "label": CLASSES * 3, "md5": [bytes(16)] * 6})
    pq.write_table(table, tmp_path / "a.parquet")
    for place in (table, str(tmp_path / "a.parquet")):
        raw = reader_for(place).read(place)
        assert [raw.images.name(row) for row in range(6)] == paths


def test_bytes_that_may_be_pictures_beside_other_texts(tmp_path: Path):
    table = pa.table({"content": CONTENTS, "id": list("abcdef"), "label": CLASSES * 3})
    assert refusal(table) == (
        'frame: may have its pictures in "content", as bytes, or in the files that "id" names. Call the first "image" or the '
        'other "path".'
    )
    for name in ("image", "jpg", "bytes"):
        named = table.rename_columns([name, "path", "label"])
        assert reader_for(named).read(named).images.name(1) == "frame[1]"
        pq.write_table(named, tmp_path / "a.parquet")
        assert reader_for(str(tmp_path / "a.parquet")).read(str(tmp_path / "a.parquet")).images.name(1).endswith("a.parquet[1]")


@pytest.mark.parametrize("beside", ["a.parquet", "a.tar"])
def test_a_manifest_and_pictures_however_deep_win_over_shards(tmp_path: Path, folder: Path, beside: str):
    place = tmp_path / "set"
    shards = place / beside
    write_shard(place / "a.tar", samples(0, 1))
    made().to_parquet(place / "a.parquet")
    next(iter({place / "a.tar", place / "a.parquet"} - {shards})).unlink()
    (place / "manifest.csv").write_text("path,label\n" + "".join(f"{one},x\n" for one in folder.rglob("*.png")))
    assert type(reader_for(str(place))).__name__ == "Manifest"
    (place / "manifest.csv").unlink()
    (place / "b" / "c" / "d" / "e").mkdir(parents=True)
    (place / "b" / "c" / "d" / "e" / "0.png").write_bytes(CONTENTS[0])
    assert type(reader_for(str(place))).__name__ == "Folders"


def test_a_manifest_that_is_a_table_of_pictures_is_read_as_one(tmp_path: Path):
    made().to_parquet(tmp_path / "manifest.parquet")
    assert type(reader_for(str(tmp_path))).__name__ == "PictureTables"


def test_unpacked_pictures_of_a_file_that_changed_are_dropped_and_those_of_a_killed_process_cleared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    file = write("parquet", tmp_path)
    before = reader_for(str(file)).read(str(file))
    os.utime(file, (1, 1))
    reader_for(str(file)).read(str(file))
    (copy,) = (tmp_path / "cache" / "pictures").iterdir()
    with pytest.raises(DataError) as raised:
        before.images.read(1)
    assert str(raised.value) == f"{file}[1]: the file that holds it has changed, or is gone, since it was read. Start again."
    left = copy.with_name(f".{copy.name}.deadbeef")
    left.write_bytes(b"half")
    assert headstart.cache(clear=True)["freed_bytes"] > 4
    assert not left.exists()


@pytest.mark.parametrize("new", [pa.ipc.new_file, pa.ipc.new_stream])
def test_a_compressed_arrow_file_is_never_in_memory_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new):
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    table = pa.table({"image": [number.to_bytes() + bytes(2**20) for number in range(32)], "label": CLASSES * 16})
    file = tmp_path / "a.arrow"
    with new(file, table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        writer.write_table(table, max_chunksize=2)
    before, pool = pa.default_memory_pool(), pa.proxy_memory_pool(pa.default_memory_pool())
    pa.set_memory_pool(pool)
    try:
        raw = reader_for(str(file)).read(str(file))
    finally:
        pa.set_memory_pool(before)
    assert (len(raw.images), raw.labels[:2]) == (32, ("rose", "tulip"))
    assert pool.max_memory() < 12 * 2**20


def test_rows_without_bytes_are_left_out(tmp_path: Path):
    made([*CONTENTS[:4], None, None]).to_parquet(tmp_path / "a.parquet")
    raw = reader_for(str(tmp_path)).read(str(tmp_path))
    assert (len(raw.images), raw.findings[-1].title) == (4, "Rows without a picture are left out (2).")
    made([None] * 6).to_parquet(tmp_path / "a.parquet")
    assert refusal(str(tmp_path)) == (f"{tmp_path}: none of its 6 rows has a picture. Save the bytes of the pictures with it.")


def refusal(place: object) -> str:
    with pytest.raises(DataError) as raised:
        reader_for(place).read(place)
    return str(raised.value)


@pytest.mark.parametrize("kind", ["parquet", "arrow file", "arrow compressed", "saved"])
@pytest.mark.parametrize("share", [0.2, 0.7, 0.99])
def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, kind: str, share: float):
    file = write(kind, tmp_path)
    file = next(file.glob("*.arrow")) if kind == "saved" else file
    whole = file.read_bytes()
    file.write_bytes(whole[: int(share * len(whole))])
    said = refusal(str(file))
    assert said.startswith(f"{file}: cannot be read as {'Parquet' if kind == 'parquet' else 'Arrow'} (")
    assert said.endswith("). Write it again.")


def test_a_stream_that_lacks_its_last_batch_is_refused(tmp_path: Path):
    file, dataset = tmp_path / "a.arrow", made()
    with pa.ipc.new_stream(file, dataset.data.schema) as writer:
        writer.write_table(dataset.data.table.slice(0, 4))
        kept = file.stat().st_size
        writer.write_table(dataset.data.table.slice(4))
    whole = file.read_bytes()
    at = whole.rindex(b"\xff\xff\xff\xff", 0, len(whole) - 8)
    assert at == kept
    file.write_bytes(whole[:at])
    assert refusal(str(file)) == f"{file}: cannot be read as Arrow (it is cut off). Write it again."


def test_pictures_that_lie_outside_of_their_file_are_refused(tmp_path: Path):
    file = write("saved", tmp_path)
    arrow = next(file.glob("*.arrow"))
    content = bytearray(arrow.read_bytes())
    first = CONTENTS[0]
    offsets = np.cumsum([0, *map(len, CONTENTS[:3])]).astype("<i4").tobytes()
    at = content.index(offsets)
    assert content.index(first) > at
    content[at + 8 : at + 12] = np.array([2**30], "<i4").tobytes()
    arrow.write_bytes(content)
    assert refusal(str(arrow)) == f"{arrow}: cannot be read as Arrow (its pictures lie outside of it). Write it again."


def test_labels_that_are_no_classes_are_refused(tmp_path: Path):
    table = made().data.table
    file = tmp_path / "a.parquet"
    pq.write_table(table.set_column(1, "label", pa.array([0, 1, 2, 0, 1, 0])), file)
    assert refusal(str(file)) == f"{file}, row 2: label = 2, and its 2 classes count from 0. Correct it."
    pq.write_table(table.set_column(1, "label", pa.array([0.5] * 6)).replace_schema_metadata(None), file)
    assert refusal(str(file)) == f"{file}, row 0: label = 0.5 is not a name or a whole number. Classes are wanted, not amounts."
    pq.write_table(table.drop_columns(["label"]), file)
    assert refusal(str(file)) == f'{file}: has no column "label". Its columns are ; rename or add one.'
    assert reader_for(str(file)).read_unsorted(str(file)).splits == ("unlabeled",) * 6


def test_a_stream_an_empty_set_and_an_unknown_split_are_refused():
    assert refusal(made().to_iterable_dataset()) == (
        "dataset: is a stream (IterableDataset), and its rows are read more than once. Load it without streaming."
    )
    assert refusal(made([], [])) == "dataset: has no rows. Add a row for each picture."
    assert refusal(datasets.DatasetDict(trian=made())) == (
        'dataset: split = "trian" is not a split. Did you mean "train"? Use train, validation, test, unlabeled, or nothing.'
    )


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = write("parquet", tmp_path)
    (tmp_path / "cache").write_text("a file where the folder should be")
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    said = refusal(str(file))
    assert said.startswith(f"{file}: its pictures cannot be unpacked into the cache (")
    assert said.endswith("). Free space, or name another folder by HEADSTART_CACHE.")


def test_predictions_take_a_dataset():
    images = given_images(made())
    assert (len(images), images.name(5)) == (6, "dataset[5]")


def test_predictions_have_a_row_for_each_row_of_a_file_and_numbered_columns_have_their_names(tmp_path: Path):
    features = {"image": datasets.Image(), "label": datasets.ClassLabel(names=["a", "b"])}
    features |= {"domain": datasets.ClassLabel(names=["old", "new"]), "split": datasets.ClassLabel(names=["train", "test"])}
    cells = {"image": [{"bytes": picture(0)}, None, {"bytes": picture(1)}], "label": [0, 1, 1], "domain": [0, 1, 1]}
    dataset = datasets.Dataset.from_dict(cells | {"split": [0, 0, 1]}, features=datasets.Features(features))
    raw = reader_for(dataset).read(dataset)
    assert (raw.domains, raw.splits) == (("old", "new", "new"), ("train", "train", "test"))
    file = tmp_path / "a.parquet"
    dataset.to_parquet(file)
    problems = scan(pictures_of(given_images(str(file)))).problems
    assert problems == ("", f"{file}[1]: has no picture. Save its bytes, or delete its row.", "")


def test_the_state_of_a_saved_set_may_have_a_checksum(tmp_path: Path):
    made().save_to_disk(tmp_path / "set")
    state = tmp_path / "set" / "state.json"
    state.write_text(json.dumps({**json.loads(state.read_text()), "checksum": "ab1"}))
    (tmp_path / "set" / "other.arrow").write_bytes(b"half")
    raw = reader_for(str(tmp_path / "set")).read(str(tmp_path / "set"))
    assert len(raw.labels) == len(LABELS)
