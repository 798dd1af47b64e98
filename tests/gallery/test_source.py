from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from headstart.core.errors import DataError
from headstart.gallery.source import source_at


def manifest(folder: Path, counts: dict[str, int]) -> Path:
    draw, lines = np.random.default_rng(0), ["path,label,split,domain"]
    for name, count in counts.items():
        for number in range(count):
            Image.fromarray(draw.integers(0, 256, (20, 30, 3), np.uint8)).save(folder / f"{name}-{number}.png")
            split = "test" if name == "tested" else ""
            lines.append(f"{name}-{number}.png,{name},{split},{'pen' if number % 2 else 'brush'}")
    (folder / "manifest.csv").write_text("\n".join(lines), encoding="utf-8")
    return folder / "manifest.csv"


def test_classes_of_two_images_and_one_are_kept_with_their_domains_and_test_rows_are_not(tmp_path) -> None:
    found = source_at(str(manifest(tmp_path, {"a": 2, "b": 2, "c": 1, "tested": 3})))
    assert found.native_pixels == 20
    assert found.images.classes == ("a", "b", "c")
    assert sorted(found.images.labels.tolist()) == [0, 0, 1, 1, 2]
    brush = {
        found.images.classes[label]
        for label, domain in zip(found.images.labels, found.images.domains, strict=True)
        if "brush" in domain
    }
    assert brush == {"a", "b", "c"}
    assert len(set(found.images.domains)) == 2


def test_feature_vectors_are_refused(tmp_path) -> None:
    np.savez(tmp_path / "made.npz", features=np.eye(6, dtype=np.float32), labels=np.arange(6) % 3)
    with pytest.raises(DataError) as caught:
        source_at(str(tmp_path / "made.npz"))
    assert (
        str(caught.value)
        == f"{tmp_path / 'made.npz'} holds feature vectors, and a gallery takes pictures. Name a source of pictures."
    )


def test_pictures_that_cannot_be_read_teach_nothing(tmp_path) -> None:
    place = manifest(tmp_path, {"a": 2, "b": 1})
    for path in tmp_path.glob("*.png"):
        path.write_bytes(b"no picture")
    with pytest.raises(DataError) as caught:
        source_at(str(place))
    assert str(caught.value) == f"{place} has no labeled image that can be read. Name another source."
