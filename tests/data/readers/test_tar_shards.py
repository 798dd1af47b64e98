"""Shards of the WebDataset format, written by its own library and by hand."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from small_data import picture, samples, smooth, write_shard

from headstart.core.errors import DataError
from headstart.data.given_images import given_images, pictures_of
from headstart.data.images import FileImages
from headstart.data.readers import reader_for
from headstart.data.reading import read_task
from headstart.data.scan import scan
from headstart.data.shard_files import expanded, name_of_set, split_of


def refusal(place: Path | str) -> str:
    with pytest.raises(DataError) as raised:
        reader_for(str(place)).read(str(place))
    return str(raised.value)


def test_shards_of_the_library_are_read(tmp_path: Path):
    import webdataset

    with webdataset.ShardWriter(str(tmp_path / "flowers-%03d.tar"), maxcount=4, verbose=0) as writer:
        for number in range(7):
            told = {"label": ["rose", "tulip"][number % 2], "group": f"g{number // 2}"}
            writer.write({"__key__": f"a/{number:03d}", "png": picture(number), "json": told})
    raw = reader_for(str(tmp_path)).read(str(tmp_path))
    assert raw.labels == ("rose", "tulip", "rose", "tulip", "rose", "tulip", "rose")
    assert raw.groups == ("g0", "g0", "g1", "g1", "g2", "g2", "g3")
    assert raw.images.name(5) == f"{tmp_path}/flowers-001.tar/a/005.png"
    for row in range(7):
        assert np.array_equal(np.asarray(raw.images.read(row)), smooth(row + 1, 24)[row])


def test_the_same_pictures_are_the_same_task_in_shards_and_in_folders(tmp_path: Path):
    write_shard(tmp_path / "shards" / "0.tar", samples(*range(3)))
    write_shard(tmp_path / "shards" / "1.tar", samples(*range(3, 8)))
    for number in range(8):
        file = tmp_path / "folders" / str(number % 2) / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(picture(number))
    shards, folders = read_task(tmp_path / "shards"), read_task(tmp_path / "folders")
    assert (shards.classes, shards.native_pixels) == (folders.classes, folders.native_pixels) == (("0", "1"), 24)
    assert sorted(shards.train.content_keys) == sorted(folders.train.content_keys)
    assert shards.name == "shards"


@pytest.mark.parametrize("place", ["set-{000..001}.tar", ""])
def test_a_pattern_and_a_folder_name_several_shards(tmp_path: Path, place: str):
    for shard in range(2):
        write_shard(tmp_path / f"set-{shard:03d}.tar", samples(2 * shard, 2 * shard + 1))
    raw = reader_for(str(tmp_path / place)).read(str(tmp_path / place))
    assert (len(raw.images), raw.labels) == (4, ("0", "1", "0", "1"))
    assert raw.name == ("set" if place else tmp_path.name)


def test_one_shard_is_a_place_and_what_is_measured_of_it_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    shard = write_shard(tmp_path / "flowers-000.tar", samples(0, 1, 2))
    raw = reader_for(str(shard)).read(str(shard))
    first = scan(raw.images)
    monkeypatch.setattr("headstart.data.scan.decode_image", None)
    again = scan(raw.images.take(np.array([2, 0])))
    assert again.sha == (first.sha[2], first.sha[0])
    assert raw.name == "flowers"


def test_splits_are_read_from_the_names_of_shards_and_fields_win(tmp_path: Path):
    write_shard(tmp_path / "train-000.tar", samples(0, 1))
    write_shard(tmp_path / "val" / "000.tar", samples(2, 3))
    told = {"4.png": picture(4), "4.json": json.dumps({"class": "0", "split": "train"}).encode()}
    write_shard(tmp_path / "test-000.tar", {**told, "5.jpg": picture(5), "5.cls": b"1\n"})
    raw = reader_for(str(tmp_path)).read(str(tmp_path))
    assert raw.splits == ("train", "test", "train", "train", "validation", "validation")
    assert raw.labels == ("0", "1", "0", "1", "0", "1")


def test_what_is_not_of_a_sample_is_passed_over(tmp_path: Path):
    inside = {"README": b"x", "._000.png": b"x", "9.txt": b"a caption", **samples(0, 1), "2.png": picture(2), "2.cls": b"-1"}
    with tarfile.open(write_shard(tmp_path / "a.tar", inside), "a") as archive:
        link = tarfile.TarInfo("3.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    raw = reader_for(str(tmp_path)).read(str(tmp_path))
    assert (raw.labels, raw.splits) == (("0", "1", None), ("", "", "unlabeled"))
    assert [finding.title for finding in raw.findings] == ["Samples without a picture are left out (1)."]


def test_the_number_minus_one_leaves_a_sample_without_a_label(tmp_path: Path):
    told = {"2.png": picture(2), "2.json": b'{"label": -1}', "3.png": picture(3), "3.json": b"-1"}
    shard = write_shard(tmp_path / "a.tar", {**samples(0, 1), **told})
    assert reader_for(str(shard)).read(str(shard)).labels == ("0", "1", None, None)


def test_predictions_have_a_row_for_each_sample_of_a_shard(tmp_path: Path):
    shard = write_shard(tmp_path / "a.tar", {"0.png": picture(0), "1.json": b"{}", "2.png": picture(2)})
    problems = scan(pictures_of(given_images(str(shard)))).problems
    assert problems == ("", f"{shard}/1: has no picture. Save its bytes, or delete its row.", "")


def test_members_are_not_unpacked_and_may_have_any_name(tmp_path: Path):
    shard = write_shard(tmp_path / "in" / "a.tar", {**samples(0, 1, prefix="../../out/"), **samples(2, 3, prefix="/abs/")})
    raw = reader_for(str(shard)).read(str(shard))
    assert len(scan(raw.images).sha) == 4
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.tar", "in"]


def test_a_shard_without_labels_is_read_where_none_are_needed(tmp_path: Path):
    shard = write_shard(tmp_path / "a.tar", {"0.png": picture(0), "1.png": picture(1)})
    assert refusal(shard) == (
        f"{shard}: no picture has a label (the first is {shard}/0.png). Put its class into a file of the same name that ends in "
        '.cls, or as "label" into one that ends in .json.'
    )
    assert reader_for(str(shard)).read_unsorted(str(shard)).splits == ("unlabeled", "unlabeled")


CUT = "{shard}: is cut off or damaged, or is compressed. Get it again; only plain .tar shards are read."


@pytest.mark.parametrize("keep", [-10_240, -10_241, -10_900, 5_000])
def test_a_shard_that_is_cut_off_is_refused(tmp_path: Path, keep: int):
    shard = write_shard(tmp_path / "a.tar", {f"{number}.png": bytes(512 * (6 + number)) for number in range(3)})
    content = shard.read_bytes()
    content = content.rstrip(b"\0") + bytes(-len(content.rstrip(b"\0")) % 512) if keep == -10_240 else content[:keep]
    shard.write_bytes(content)
    assert refusal(shard) == CUT.format(shard=shard)


def test_many_long_names_one_after_the_other_are_refused(tmp_path: Path):
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 4
    long_name = header.tobuf(tarfile.GNU_FORMAT) + b"a.p\0" + bytes(508)
    shard = write_shard(tmp_path / "a.tar", samples(0, 1))
    content = shard.read_bytes()
    shard.write_bytes(1500 * long_name + content)
    assert refusal(shard) == f"{shard}: is not an archive, or a damaged one. Get it again."
    shard.write_bytes(content.rstrip(b"\0") + bytes(-len(content.rstrip(b"\0")) % 512) + 1500 * long_name + bytes(10_240))
    assert refusal(shard) == CUT.format(shard=shard)


def test_a_header_that_is_broken_half_way_is_refused(tmp_path: Path):
    shard = write_shard(tmp_path / "a.tar", samples(0, 1))
    content = bytearray(shard.read_bytes())
    at = content.index(b"001.png")
    content[at : at + 3] = b"xxx"
    shard.write_bytes(content)
    assert refusal(shard) == CUT.format(shard=shard)


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        (
            {"0.png": b"x", "0.cls": b"rose", "0.json": b'{"label": "tulip"}'},
            '{shard}/0: has two values of label, "rose" and "tulip". Keep one of its files, or make them agree.',
        ),
        (
            {"0.png": b"x", "0.jpg": b"x"},
            '{shard}: the key "0" has two pictures ({shard}/0.png and {shard}/0.jpg). Give each picture a key of its own.',
        ),
        (
            {"0.png": b"x", "0.json": b'{"label": 0.37}'},
            "{shard}/0.json: label = 0.37 is not a name or a whole number. Classes are wanted, not amounts.",
        ),
        (
            {"0.png": b"x", "0.json": b'{"label": ["a", "b"]}'},
            "{shard}/0.json: label = ['a', 'b'] is not a name or a whole number. Give each picture one.",
        ),
        ({"0.png": b"x", "0.json": b"{"}, "{shard}/0.json: is not valid JSON. Mend or delete it."),
        ({"0.png": b"x", "0.cls": b"\xff"}, "{shard}/0.cls: is not UTF-8 text. Write its label as text."),
        (
            {"0.png": b"x", "0.cls": bytes(2**20 + 1)},
            "{shard}/0.cls: has 1,048,577 bytes, more than the 1,048,576 allowed of a label. Shorten it.",
        ),
    ],
    ids=["two labels", "two pictures", "amount", "list", "no JSON", "no text", "long"],
)
def test_a_sample_that_contradicts_itself_is_refused(tmp_path: Path, members: dict[str, bytes], sentence: str):
    shard = write_shard(tmp_path / "a.tar", members)
    assert refusal(shard) == sentence.format(shard=shard)


def test_a_missing_shard_of_a_pattern_is_refused(tmp_path: Path):
    write_shard(tmp_path / "a-0.tar", samples(0, 1))
    assert refusal(tmp_path / "a-{0..1}.tar") == f"{tmp_path}/a-1.tar: does not exist. Get this shard, or correct the pattern."


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("a-{5..1}.tar", "a-{5..1}.tar: the range {5..1} ends before it begins. Correct it."),
        (
            "a-{0..999999}.tar",
            "a-{0..999999}.tar: stands for 1,000,000 files, more than the 100,000 allowed. Correct it.",
        ),
        ("{0..999}{0..999}.tar", "{0..999}{0..999}.tar: stands for 1,000,000 files, more than the 100,000 allowed. Correct it."),
    ],
)
def test_a_pattern_that_is_no_range_is_refused(pattern: str, sentence: str):
    with pytest.raises(DataError) as raised:
        expanded(pattern)
    assert str(raised.value) == sentence


def test_pictures_that_cannot_be_read_are_named_by_shard_and_member(tmp_path: Path):
    shard = write_shard(tmp_path / "a.tar", {**samples(0), "1.png": b"a letter", "1.cls": b"1", "2.png": b"", "2.cls": b"1"})
    problems = scan(reader_for(str(shard)).read(str(shard)).images).problems
    assert problems == (
        "",
        f"{shard}/1.png: is not a JPEG, PNG, WebP, BMP, TIFF or GIF picture, as it starts with b'a letter'. "
        "Convert or delete it.",
        f"{shard}/2.png: is empty (0 bytes). Restore or delete it.",
    )


def test_folders_of_pictures_are_no_shards(tmp_path: Path):
    write_shard(tmp_path / "a.tar", samples(0, 1))
    for name in ("x", "y"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "0.png").write_bytes(picture(0))
    assert isinstance(reader_for(str(tmp_path)).read(str(tmp_path)).images, FileImages)


def test_names_tell_splits_and_sets(tmp_path: Path):
    assert split_of(Path("set/train-test-0.tar"), "set") == ""
    assert split_of(Path("train/0.tar"), "train") == ""
    assert name_of_set("x/flowers-{000..010}.tar") == "flowers"
    assert name_of_set("x/train-00000-of-00002.parquet") == "train"
    assert name_of_set(str(tmp_path / "000.tar")) == tmp_path.name


def test_other_fields_may_be_checksums_and_hashes_of_many_bits(tmp_path: Path):
    told = {"label": "cat", "checksum": "ab1", "phash": 2**90 + 1}
    shard = write_shard(tmp_path / "0.tar", {"0.png": picture(0), "0.json": json.dumps(told).encode()})
    assert reader_for(str(shard)).read(str(shard)).labels == ("cat",)
