"""Transient features: the same values as from disk, computed once, and gone at the end."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.features.store.store import Store
from headstart.features.store.transient import TransientStore, transient_features, transient_store


def arrays_of(count, seed=0):
    draw = np.random.default_rng(seed)
    return {"stage.0": draw.normal(size=(count, 5)).astype(np.float32), "pixels": draw.integers(0, 255, (count, 7), np.uint8)}


def test_rows_are_those_that_a_store_on_disk_gives(tmp_path):
    on_disk, in_memory = Store(tmp_path / "store"), TransientStore()
    for store in (on_disk, in_memory):
        store.add(["a", "b", "c"], arrays_of(3))
        store.add(["d", "e"], arrays_of(2, seed=1))
    wanted = ["e", "a", "e", "c"]
    expected, found = on_disk.gather(wanted), in_memory.gather(wanted)
    assert found.keys() == expected.keys()
    for name, rows in expected.items():
        np.testing.assert_array_equal(found[name], rows)
        assert found[name].dtype == rows.dtype
    assert in_memory.missing(["x", "a", "y", "x"]) == ["x", "y"]
    assert in_memory.gather([]) == {}


def test_a_store_lasts_as_long_as_its_context():
    assert transient_store("one") is None
    with transient_features():
        first = transient_store("one")
        assert transient_store("one") is first is not None
        assert transient_store("two") is not first
    assert transient_store("one") is None
    with pytest.raises(ZeroDivisionError), transient_features():
        _ = 1 / 0
    assert transient_store("one") is None
