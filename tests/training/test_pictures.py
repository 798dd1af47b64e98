from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from headstart.data.images import ImageSet
from headstart.data.transforms import Transform
from headstart.training import pictures as pictures_module
from headstart.training.pictures import decoded

AS_THEY_ARE = Transform(pixels=8)


def test_large_sets_are_kept_on_disk_and_read_once(pictures: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_memory = decoded(pictures, AS_THEY_ARE)
    monkeypatch.setattr(pictures_module, "IN_MEMORY_BYTES", 100)
    monkeypatch.setattr(pictures_module, "CHUNK_ROWS", 4)
    on_disk = decoded(pictures, AS_THEY_ARE, tmp_path)
    assert isinstance(on_disk, np.memmap)
    assert np.array_equal(on_disk, in_memory)
    assert np.array_equal(decoded(pictures, AS_THEY_ARE), in_memory)
    monkeypatch.setattr(Transform, "decode", None)
    assert np.array_equal(decoded(pictures, AS_THEY_ARE, tmp_path), in_memory)
