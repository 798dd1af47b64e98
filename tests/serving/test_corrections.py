"""Corrections: kept in a folder that `extend` reads, within bounds, and never where nothing may be changed."""

from __future__ import annotations

import csv
import errno

import pytest

from headstart.core.errors import ExportError
from headstart.data.additions import read_addition
from headstart.serving import corrections as module
from headstart.serving.corrections import Corrections
from headstart.serving.pictures import Upload
from headstart.serving.refusals import RefusedError


def sent(client, picture, label, **of_picture):
    return client.post("/corrections", files=[picture(**of_picture)], data={"label": label})


def test_corrections_lie_beside_the_run_and_extend_reads_them(server_of, picture, run_folder):
    client = server_of(run_folder)
    given = [("red", "red", 90), ("blue", "red", 91), ("green", "moss", 92), ("green", "moss", 93)]
    for count, (color, label, seed) in enumerate(given, 1):
        answer = sent(client, picture, label, color=color, seed=seed)
        said = {"model": "shades", "label": label, "new_class": label == "moss", "num_corrections": count}
        assert (answer.status_code, answer.json()) == (201, {**said, "folder": "shades-corrections"})
    folder = run_folder.with_name("shades-corrections")
    found = read_addition(str(folder), ("blue", "green", "red"))
    assert found.added == ("moss",)
    assert len(found.learn) + len(found.held_out) == 4


def test_a_later_choice_replaces_an_earlier_one(server_of, picture, run_folder, tmp_path):
    client = server_of(run_folder, service={"corrections": tmp_path / "kept"})
    for label in ("blue", 'a, "b"/c'):
        answer = sent(client, picture, label)
    assert answer.json()["num_corrections"] == 1
    with (tmp_path / "kept" / "shades" / "manifest.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["label"] for row in rows] == ['a, "b"/c']
    assert rows[0]["path"].endswith(".png")


@pytest.mark.parametrize("label", ["", "  ", "\x07", "x" * 201])
def test_a_class_needs_a_name(server_of, picture, run_folder, label):
    answer = sent(server_of(run_folder), picture, label)
    assert (answer.status_code, answer.json()["error"]) == (422, "A class needs a name of 1 to 200 printable characters.")


def test_what_is_no_picture_is_not_kept(server_of, run_folder):
    client = server_of(run_folder)
    answer = client.post("/corrections", files=[("files", ("a.txt", b"text"))], data={"label": "red"})
    assert (answer.status_code, answer.json()["code"]) == (415, "no-picture")
    assert client.post("/corrections", json={"label": "red"}).json()["code"] == "no-picture-sent"
    assert not run_folder.with_name("shades-corrections").exists()


def test_a_server_that_may_not_change_keeps_nothing(server_of, picture, run_folder):
    answer = sent(server_of(run_folder, service={"read_only": True}), picture, "red")
    sentence = "This server was started with --read-only: nothing can be changed."
    assert (answer.status_code, answer.json()) == (403, {"code": "read-only", "error": sentence})


def test_a_full_disk_is_told(serving, picture, run_folder, monkeypatch):
    def full(path, content):
        raise ExportError(f"{path}: cannot be written") from OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "write_atomically", full)
    answer = sent(serving(run_folder), picture, "red")
    sentence = "The correction cannot be kept (No space left on device)."
    assert (answer.status_code, answer.json()) == (507, {"code": "not-kept", "error": sentence})


def test_the_folder_does_not_grow_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_KEPT", 2)
    kept = Corrections(tmp_path / "kept")
    assert [kept.keep([Upload("a", content)], "x") for content in (b"1", b"2", b"1")] == [1, 2, 2]
    with pytest.raises(RefusedError, match=r"^2 corrections are kept already\. Learn from them with `headstart extend`"):
        kept.keep([Upload("a", b"3")], "x")


def test_a_damaged_list_is_not_overwritten(tmp_path):
    (tmp_path / "manifest.csv").write_bytes(b"path,label\n\xff,x\n")
    with pytest.raises(RefusedError, match=r"^The list of corrections cannot be read\. Restore or delete it\.$"):
        Corrections(tmp_path).keep([Upload("a", b"3")], "x")
    assert (tmp_path / "manifest.csv").read_bytes() == b"path,label\n\xff,x\n"
