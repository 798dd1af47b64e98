"""Which files are predicted."""

from __future__ import annotations

from pathlib import Path

import pytest

from headstart.core.errors import DataError
from headstart.data.given_images import image_files


def test_folders_are_walked_and_files_are_kept_whatever_they_are(tmp_path):
    inside = tmp_path / "folder" / "deeper"
    inside.mkdir(parents=True)
    for name in ("b.PNG", "a.jpg", "notes.txt"):
        (inside / name).touch()
    assert image_files([str(tmp_path / "folder"), "absent.txt"]) == [inside / "a.jpg", inside / "b.PNG", Path("absent.txt")]
    assert image_files(inside) == [inside / "a.jpg", inside / "b.PNG"]


def test_no_images_at_all_is_an_error(tmp_path):
    with pytest.raises(DataError) as caught:
        image_files(str(tmp_path))
    assert str(caught.value).startswith(f"No images in {tmp_path}. Looked for .bmp, ")


def test_no_paths_at_all_are_an_error():
    with pytest.raises(DataError, match=r"^No images: no file or folder is named\. Looked for"):
        image_files([])
