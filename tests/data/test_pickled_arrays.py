from __future__ import annotations

import os
import pickle
from collections import OrderedDict
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.core.errors import DataError
from headstart.data.pickled_arrays import ALLOWED, load_plain

PYTHON_2 = (
    b"\x80\x02}q\x01(U\x04dataq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04K\x00\x85U\x01b\x87Rq\x05"
    b"(K\x01K\x02K\x03\x86cnumpy\ndtype\nq\x06U\x02u1K\x00K\x01\x87Rq\x07(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    b"\x89U\x06\x01\x02\x03\x04\x05\x06tbU\x06labelsq\x08]q\x09(K\x00K\x01eu."
)
"""What Python 2 and an old NumPy wrote, as CIFAR's authors did: {"data": uint8 [2, 3], "labels": [0, 1]}."""


def message(content: bytes) -> str:
    with pytest.raises(DataError) as caught:
        load_plain(content, "batch")
    return str(caught.value)


def test_a_pickle_of_python_2_is_read():
    value = load_plain(PYTHON_2, "batch")
    assert value[b"labels"] == [0, 1]
    np.testing.assert_array_equal(value[b"data"], [[1, 2, 3], [4, 5, 6]])
    assert value[b"data"].dtype == np.uint8


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("dtype", ["u1", "<i8", ">i4", "<f4", "?"])
def test_a_pickle_of_python_3_is_read(protocol, dtype):
    array = (np.arange(21) % 5).astype(dtype).reshape(7, 3)
    content = pickle.dumps({"c": array, "fortran": np.asfortranarray(array), "raw": b"\xff\x00", "none": None}, protocol)
    value = load_plain(content, "batch")
    for name in ("c", "fortran"):
        np.testing.assert_array_equal(value[name], array)
        assert value[name].dtype.kind == array.dtype.kind
    assert (value["raw"], value["none"]) == (b"\xff\x00", None)


def test_numbers_of_numpy_become_plain_numbers():
    assert load_plain(pickle.dumps([np.int64(7), np.float32(0.5)], 2), "batch") == [7, 0.5]


class Runs:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch /tmp/never",)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (Runs(), f"{os.system.__module__}.system"),
        (eval, "builtins.eval"),
        (getattr, "builtins.getattr"),
        (OrderedDict(), "collections.OrderedDict"),
        (Fraction(1, 3), "fractions.Fraction"),
        ({"data": np.array([eval, None])}, "builtins.eval"),
        ({"data": np.array([None])}, "an array of type 'O8'"),
        (np.zeros(2, dtype="U3"), "an array of type 'U3'"),
        (np.zeros(2, dtype="u1,u1"), "an array of type 'V2'"),
    ],
)
def test_anything_but_plain_values_is_refused_by_name(value, name):
    assert message(pickle.dumps(value, 4)) == (
        f"batch: is a pickle that holds {name}, and only plain values and number arrays are read. Get the file from its authors."
    )


def test_an_array_is_never_made_larger_than_its_bytes():
    content = PYTHON_2.replace(b"(K\x01K\x02K\x03\x86", b"(K\x01J\xff\xff\xff\x7fK\x03\x86")
    assert message(content) == (
        "batch: is a pickle that holds an array whose parts do not fit, and only plain values and number arrays are read. "
        "Get the file from its authors."
    )


def test_a_memo_cannot_be_made_to_fill_the_memory():
    assert message(b"\x80\x02]r\xff\xff\xff\x7f.") == (
        "batch: is a pickle that holds a part numbered 2147483647, and only plain values and number arrays are read. "
        "Get the file from its authors."
    )


def test_what_a_pickle_does_to_the_functions_it_gets_dies_with_it():
    poison = b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n}U\x08__call__K\x01sb."
    load_plain(poison, "batch")
    assert vars(ALLOWED["numpy.core.multiarray", "_reconstruct"]) == {}
    np.testing.assert_array_equal(load_plain(PYTHON_2, "batch")[b"data"], [[1, 2, 3], [4, 5, 6]])


@pytest.mark.parametrize("content", [b"", b"hello", PYTHON_2[:60], b"\x80\xff."], ids=["empty", "text", "cut off", "no code"])
def test_a_damaged_pickle_is_refused_in_a_sentence(content):
    assert message(content) == "batch: is a damaged pickle. Get the file again."


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(position=st.integers(0, len(PYTHON_2) - 1), value=st.integers(0, 255))
def test_a_changed_byte_gives_a_value_or_a_sentence(position, value):
    content = bytearray(PYTHON_2)
    content[position] = value
    try:
        load_plain(bytes(content), "batch")
    except DataError as error:
        assert "\n" not in str(error)  # noqa: PT017
