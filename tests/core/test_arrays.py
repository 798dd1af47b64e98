"""Arrays: any other program reads them, and a byte that changed is seen."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file, save
from safetensors.torch import load_file as load_tensors
from safetensors.torch import save as save_tensors

from headstart.core.arrays import check_safetensors, read_arrays, read_metadata, with_checksum, write_arrays, write_safetensors
from headstart.core.errors import DamagedError
from headstart.core.shapes import check_arrays, check_positive, check_range, naming_damage

ARRAYS = {"weight": np.arange(15, dtype=np.float32).reshape(5, 3), "labels": np.array([2, 0, 1]), "half": np.ones(7, np.float16)}


def same(first, second) -> bool:
    return first.keys() == second.keys() and all(np.array_equal(first[name], second[name]) for name in first)


def test_other_programs_read_the_file_and_its_metadata(tmp_path):
    path = tmp_path / "a.safetensors"
    write_arrays(path, ARRAYS, {"keys": '["ä", "b"]', "about": "it"})
    assert same(load_file(path), ARRAYS)
    assert same(read_arrays(path), ARRAYS)
    with safe_open(path, framework="np") as stored:
        assert stored.metadata().keys() == {"checksum", "keys", "about"}
    assert read_metadata(path) == {"keys": '["ä", "b"]', "about": "it"}


def test_equal_work_gives_equal_bytes(tmp_path):
    metadata = {f"name {number}": str(number) for number in range(9)}
    for number in range(9):
        write_arrays(tmp_path / f"{number}.safetensors", ARRAYS, metadata)
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


def test_tensors_of_torch_are_kept_to_the_bit(tmp_path):
    tensors = {"a": torch.randn(3, 5), "b": torch.arange(4).to(torch.bfloat16)}
    write_safetensors(tmp_path / "t.safetensors", save_tensors(tensors))
    assert check_safetensors(tmp_path / "t.safetensors")
    assert all(torch.equal(found, tensors[name]) for name, found in load_tensors(tmp_path / "t.safetensors").items())


def test_the_same_arrays_give_the_same_bytes(tmp_path):
    content = save(ARRAYS, {"a": "1", "b": "2"})
    assert b"".join(with_checksum(content)) == b"".join(with_checksum(b"".join(with_checksum(content))))


def test_every_byte_that_changes_is_seen(tmp_path):
    path = tmp_path / "a.safetensors"
    write_arrays(path, ARRAYS)
    content = path.read_bytes()
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :])
        try:
            found = read_arrays(path)
        except DamagedError as error:
            assert str(path) in str(error)  # noqa: PT017  most are refused, the rest are harmless
        else:
            assert same(found, ARRAYS), place


def test_a_file_is_checked_over_many_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr("headstart.core.arrays.READ_BYTES", 96)
    path = tmp_path / "a.safetensors"
    write_arrays(path, ARRAYS)
    assert check_safetensors(path)
    content = path.read_bytes()
    path.write_bytes(content[:-3] + b"x" + content[-2:])
    with pytest.raises(DamagedError, match=r"a\.safetensors is damaged \(its checksum is not that of its content\)"):
        check_safetensors(path)


def test_a_file_of_an_earlier_version_is_read(tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes(save(ARRAYS))
    assert not check_safetensors(path)
    assert same(read_arrays(path), ARRAYS)


NO_ARRAYS = {"empty": b"", "short": b"\0" * 7, "a length beyond all": b"\xff" * 64, "JSON": json.dumps({"a": 1}).encode()}


@pytest.mark.parametrize("kind", NO_ARRAYS)
def test_what_is_no_such_file_is_one_sentence(tmp_path, kind):
    (tmp_path / "a.safetensors").write_bytes(NO_ARRAYS[kind])
    with pytest.raises(DamagedError, match=r"a\.safetensors is damaged \(.*\)\. Restore it from a copy"):
        read_arrays(tmp_path / "a.safetensors")


AXES = {"weight": "feature class", "bias": "class"}


def test_arrays_have_to_agree_with_each_other_and_with_what_is_known():
    arrays = {"weight": np.zeros((5, 3)), "bias": np.zeros(3)}
    assert check_arrays(arrays, AXES, {"class": 3}) == {"class": 3, "feature": 5}
    for wrong, reason in {
        "bias": r"bias has shape \[4\], and \[3 class\] is needed",
        "weight": r"weight has shape \[4\], and \[4 feature, 3 class\] is needed|weight has shape",
    }.items():
        with pytest.raises(ValueError, match=reason):
            check_arrays(arrays | {wrong: np.zeros(4)}, AXES, {"class": 3})
    with pytest.raises(KeyError, match="bias"):
        check_arrays({"weight": arrays["weight"]}, AXES, {})


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_have_to_be_finite(value):
    with pytest.raises(ValueError, match="other holds 1 values that are not finite"):
        check_arrays({"other": np.array([0.0, value])}, {}, {})


def test_ranges_of_numbers():
    check_range("labels", np.array([0, 2]), 0, 2)
    check_positive("gamma", 0.5)
    with pytest.raises(ValueError, match="labels is 0 to 3, and 0 to 2 are allowed"):
        check_range("labels", np.array([0, 3]), 0, 2)
    for wrong in (0, -1.0, np.nan, np.inf, "much", None, [1.0, 0.0]):
        with pytest.raises(ValueError, match="gamma is"):
            check_positive("gamma", wrong)


def test_damage_names_the_file_and_what_to_do(tmp_path):
    place = naming_damage(tmp_path / "a.bin", "Make it again.")
    with pytest.raises(DamagedError, match=r"a\.bin is damaged \('rows' is missing\)\. Make it again\."), place:
        {}["rows"]
