"""A bundle as one zip file."""

from __future__ import annotations

import os
import zipfile

from headstart.export.archive import write_archive


def test_the_bytes_depend_on_the_files_alone_and_nothing_is_lost(tmp_path):
    archives = []
    for place, (name, order) in enumerate((("first", ("b", "a/c")), ("second", ("a/c", "b")))):
        folder = tmp_path / name
        (folder / "a").mkdir(parents=True)
        for file in order:
            (folder / file).write_text(f"content of {file}")
            os.utime(folder / file, (1_000_000_000 + place, 1_000_000_000))
        (folder / "b").chmod(0o600 + 0o100 * place)
        write_archive(folder, tmp_path / f"{name}.zip", "bundle")
        archives.append((tmp_path / f"{name}.zip").read_bytes())
    assert archives[0] == archives[1]
    with zipfile.ZipFile(tmp_path / "first.zip") as archive:
        archive.extractall(tmp_path / "out")
    assert (tmp_path / "out" / "bundle" / "a" / "c").read_text() == "content of a/c"
    assert sorted(path.name for path in (tmp_path / "out" / "bundle").iterdir()) == ["a", "b"]
