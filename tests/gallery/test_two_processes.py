"""A gallery that is read while another process forgets and enrolls classes."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.core.errors import DataError
from headstart.features.feature_set import FeatureSet
from headstart.gallery import class_store
from headstart.gallery.class_store import ClassStore, Enrolled


def enrolled(name: str, rows: int = 2) -> Enrolled:
    features = FeatureSet((np.ones((rows, 3), np.float32),), None, None, ("last",))
    return Enrolled(name, tuple(f"{name}-{row}" for row in range(rows)), ("x",) * rows, features)


@pytest.fixture
def store(tmp_path) -> ClassStore:
    found = ClassStore(tmp_path / "classes", ("last",))
    found.add([enrolled("red"), enrolled("green", 3)])
    return found


@pytest.mark.parametrize("anew", [False, True])
@pytest.mark.parametrize("what", ["read", "sizes", "owners", "taken"])
def test_a_class_that_is_forgotten_between_listing_and_reading_is_left_out(store, monkeypatch, what, anew):
    listed, calls = ClassStore.paths, []

    def then_forgotten(self):
        paths = listed(self)
        if not calls:
            calls.append(store.delete("red"))
            if anew:
                store.add([enrolled("blue", 5)])
        return paths

    monkeypatch.setattr(ClassStore, "paths", then_forgotten)
    others = ["green", "blue"] if anew else ["green"]
    if what == "read":
        assert [one.name for one in store.read()] == others
    elif what == "sizes":
        assert list(store.sizes()) == others
    elif what == "owners":
        assert list(dict.fromkeys(store.owners().values())) == others
    else:
        assert store.taken(["red", "green"]) == ("green", 3)


def test_a_class_file_that_is_a_link_to_nothing_is_named(store):
    (path,) = [path for path in store.paths() if "red" in class_store._header_of(path)["name"]]
    path.unlink()
    path.symlink_to("nothing")
    with pytest.raises(DataError, match=f"{path.name} is damaged"):
        store.read()
