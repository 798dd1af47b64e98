"""`headstart verify` of a cache, gallery, study, model and bundle names damaged files, and deletes those that are made again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from benchmarks.flipped_bytes import PLACES, pictures_in

import headstart
from headstart.core.errors import DataError
from headstart.core.folders import cache_folder
from headstart.runs.manifest import write_sums

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEADSTART_CACHE", str(tmp_path_factory.mktemp("own_cache")))
        pictures_in(home / "data")
        yield {name: make(home) for name, make in PLACES.items()}


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def mismatches(found) -> list[str]:
    return [one.sentence for kind in found.kinds for one in kind.mismatches]


VERIFIED = {"model": "head.safetensors", "gallery": "state.safetensors", "study": "study.json"}


@pytest.mark.parametrize("kind", VERIFIED)
def test_a_damaged_file_is_named_and_stays(places, tmp_path, headstart_command, kind):
    folder = Path(shutil.copytree(places[kind].folder, tmp_path / "place"))
    found = headstart.verify(folder)
    assert (found.kind, found.same, found.manifest) == (kind, True, "")
    assert found.sentence.endswith("files are sound.")
    file = folder / VERIFIED[kind]
    flip(file)
    found = headstart.verify(folder)
    assert not found.same
    assert mismatches(found)[0].startswith(f"{file.name}: is damaged (")
    assert mismatches(found)[0].endswith("). Restore it from a copy, or make it again.")
    assert file.exists()
    answer = headstart_command("verify", folder, "--json")
    assert answer.code == 1
    assert json.loads(answer.out)["kind"] == kind


@pytest.mark.parametrize("kind", VERIFIED)
def test_files_that_are_sound_and_do_not_fit_together_are_named(places, tmp_path, kind):
    folder = Path(shutil.copytree(places[kind].folder, tmp_path / "place"))
    if kind == "study":
        shutil.copy(folder / "trial.json", folder / "found.json")
    elif kind == "model":
        shutil.copy(folder / "calibration.safetensors", folder / "head.safetensors")
    else:
        (folder / "state.safetensors").unlink()
    (sentence,) = mismatches(headstart.verify(folder))
    assert sentence.startswith(f"{folder}: cannot be read. ")


def test_damaged_files_of_the_cache_are_deleted_unless_nothing_is_to_be_repaired(
    places, tmp_path, monkeypatch, headstart_command
):
    source = places["cache"].folder.parent.parent
    monkeypatch.setenv("HEADSTART_CACHE", str(shutil.copytree(source, tmp_path / "cache")))
    monkeypatch.chdir(tmp_path)
    assert headstart.verify("cache").same
    chunk = next((tmp_path / "cache" / "features").rglob("*.safetensors"))
    flip(chunk)
    answer = headstart_command("verify", "cache", "--no-repair")
    assert answer.code == 1
    assert chunk.exists()
    found = headstart.verify(cache_folder())
    assert mismatches(found) == [
        f"{chunk.relative_to(cache_folder()).as_posix()}: is damaged (its checksum is not that of its content). "
        "It was deleted, and is made again when it is needed."
    ]
    assert not chunk.exists()
    assert headstart.verify("cache").same


def test_a_damaged_step_of_a_run_is_deleted_with_its_result(places, tmp_path):
    run = Path(shutil.copytree(places["model"].folder.parent, tmp_path / "run"))
    steps = sorted((run / "steps").rglob("*.parquet"))
    assert steps
    flip(steps[0])
    found = {kind.name: kind for kind in headstart.verify(run).kinds}
    assert [one.name for one in found["finished steps"].mismatches] == [steps[0].relative_to(run / "steps").as_posix()]
    assert not steps[0].exists()
    assert not steps[0].parent.with_suffix(".json").exists()
    assert not found["files"].mismatches
    assert not headstart.verify(run).kinds[1].mismatches


def test_a_bundle_is_compared_with_its_sums(tmp_path):
    (tmp_path / "bundle.json").write_text("{}")
    (tmp_path / "model.onnx").write_bytes(np.arange(99, dtype=np.uint8).tobytes())
    (tmp_path / "predict.py").write_text("pass\n")
    write_sums(tmp_path)
    assert headstart.verify(tmp_path).same
    flip(tmp_path / "model.onnx")
    (tmp_path / "predict.py").unlink()
    assert mismatches(headstart.verify(tmp_path)) == [
        "model.onnx: is not as the run wrote it. Restore it from a copy, or fit the run anew.",
        "predict.py: is gone. Restore it from a copy, or fit the run anew.",
    ]


def test_another_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="holds no finished run"):
        headstart.verify(tmp_path)
