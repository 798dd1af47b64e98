"""Copies of folders: they follow the other folder file by file, and each content is fetched once."""

from __future__ import annotations

import pytest

import headstart
from headstart.core.errors import DataError
from headstart.serving import copies as module
from headstart.serving.copies import Copy, Listed


@pytest.fixture(autouse=True)
def _cache_of_a_node(tmp_path, monkeypatch):
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def listed(tmp_path):
    for name, content in {"model/model.json": "1", "model/head": "a", "steps/x": "no", "plan.toml": "p", ".new": "no"}.items():
        path = tmp_path / "shades" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return Listed(tmp_path / "shades")


@pytest.fixture
def copied(listed, tmp_path):
    """A copy, and the paths that were fetched for it."""
    fetched = []
    made = Copy(tmp_path / "copies" / "shades", lambda name, digest: fetched.append(name) or listed.content(name, digest))
    assert made.follow(listed.contents())
    return made, fetched


def texts(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in files}


def test_a_copy_has_what_serving_needs_and_nothing_else(copied):
    assert texts(copied[0].folder) == {"model/model.json": "1", "model/head": "a", "plan.toml": "p"}


def test_what_changed_is_fetched_what_is_gone_goes_and_a_content_is_fetched_once(copied, listed):
    made, fetched = copied
    fetched.clear()
    (listed.folder / "model" / "head").write_text("bb", encoding="utf-8")
    (listed.folder / "plan.toml").unlink()
    (listed.folder / "other").write_text("a", encoding="utf-8")
    assert made.follow(listed.contents())
    assert texts(made.folder) == {"model/model.json": "1", "model/head": "bb", "other": "a"}
    assert fetched == ["model/head"]


def test_a_file_that_changes_while_it_is_fetched_leaves_the_copy_as_it_was(copied, listed):
    made, _ = copied
    (listed.folder / "model" / "head").write_text("bb", encoding="utf-8")
    contents = listed.contents()
    (listed.folder / "model" / "head").write_text("cc", encoding="utf-8")
    assert not made.follow(contents)
    assert texts(made.folder)["model/head"] == "a"


def test_the_model_file_is_placed_last(copied, listed, monkeypatch):
    placed, place = [], module._place
    monkeypatch.setattr(module, "_place", lambda content, target: placed.append(target.name) or place(content, target))
    for name in ("model/model.json", "model/head", "model/z"):
        (listed.folder / name).write_text("new", encoding="utf-8")
    assert copied[0].follow(listed.contents())
    assert (sorted(placed), placed[-1]) == (["head", "model.json", "z"], "model.json")


def test_a_content_that_is_not_what_its_name_says_is_fetched_again(copied, listed):
    made, fetched = copied
    (listed.folder / "other").write_text("a", encoding="utf-8")
    contents = listed.contents()
    kept = module._kept_at(contents["other"])
    kept.unlink()
    kept.write_bytes(b"damaged")
    fetched.clear()
    assert made.follow(contents)
    assert (texts(made.folder)["other"], fetched) == ("a", ["other"])


def test_a_content_that_comes_damaged_is_not_kept(listed, tmp_path):
    made = Copy(tmp_path / "copies" / "shades", lambda *_: b"damaged")
    contents = listed.contents()
    assert not made.follow(contents)
    assert not any(module._kept_at(digest).exists() for digest in contents.values())
    assert not made.folder.exists()


def test_a_copy_is_in_the_cache_and_comes_back_after_that_was_cleared(listed):
    for name in ("model/model.json", "model/head", "plan.toml"):
        (listed.folder / name).write_text(f"{name:20}", encoding="utf-8")
    made = Copy(module.folder_for_copies("a") / "shades", listed.content)
    assert made.follow(listed.contents())
    [entry] = headstart.cache()["entries"]
    assert (entry["kind"], entry["size_bytes"]) == ("served", 60)
    cleared = headstart.cache(clear=True)
    assert (cleared["freed_bytes"], cleared["entries"]) == (60, [])
    assert not list(module._root().rglob("*"))
    assert made.follow(listed.contents())
    assert len(texts(made.folder)) == 3


def test_a_folder_that_is_gone_has_no_contents(tmp_path):
    assert Listed(tmp_path / "gone").contents() is None


@pytest.mark.parametrize("name", ["../x", "/etc/x", "model/../../x"])
def test_a_path_that_leads_out_is_refused(copied, name):
    made, _ = copied
    made._fetch = lambda *_: b"new"
    with pytest.raises(DataError) as refused:
        made.follow({name: "0" * 64})
    assert str(refused.value) == (
        f'The file "{name}" came from another machine and lies outside of its folder. Do not use this place.'
    )


def test_a_folder_that_is_too_large_is_refused(listed, monkeypatch):
    monkeypatch.setattr(module, "MOST_BYTES", 2)
    with pytest.raises(DataError, match=r"shades has 0\.0 GB, and at most 2e-09 GB are sent to the nodes of a cluster\."):
        listed.check_size()
    assert listed.num_weight_bytes() == 2
