"""Verification: a flipped byte, a removed image, other weights, labels and versions are found and named; nothing else is."""

from __future__ import annotations

import json
import re
import shutil
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import headstart
from headstart.core.errors import DataError
from headstart.core.estimate import Estimate
from headstart.core.evaluation import SubsetRow
from headstart.core.language import language_named
from headstart.data.images import FileImages
from headstart.export.card import facts_of, in_language, rendered
from headstart.runs import provenance
from headstart.runs.manifest import images_in, lines_of_images, listed_images
from headstart.runs.workspace import Workspace
from headstart.workflows import fit as workflow

WORST = (("day", 0.9), ("night", 0.5), ("ward 3", 0.3))


def shaded(folder: Path, count: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    for level, name in enumerate(("dark", "light")):
        (folder / name).mkdir(parents=True)
        for row in range(count):
            pixels = (120 * level + draw.integers(0, 130, (16, 18, 3))).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{row}.png")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data and a run on them, whose places are relative."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        shaded(Path("learned"), 14, 0)
        headstart.fit("learned", method="ridge", pretrained="pixels", out="own")
    return home


@pytest.fixture
def home(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, which is the working folder."""
    copy = Path(shutil.copytree(made, tmp_path / "home"))
    monkeypatch.chdir(copy)
    return copy


def told(**options: object) -> dict[str, list[str]]:
    """The sentences about what differs, by kind."""
    found = headstart.verify("own", **options)  # type: ignore[arg-type]
    return {kind.name: [one.sentence for one in kind.mismatches] for kind in found.kinds if kind.mismatches}


def flip(path: Path) -> None:
    """Flip one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_a_copied_run_verifies(home, headstart_command):
    done = headstart_command("verify", "own")
    assert done.code == 0, done.out + done.err
    assert "are as the run left them" in done.out
    found = headstart.Run.load("own").verify()
    assert {kind.name: kind.num_checked for kind in found.kinds} == {
        "files": len(headstart.Run.load("own").manifest.files),
        "finished steps": len(list(Path("own/steps").rglob("*.json"))) + len(list(Path("own/steps").rglob("*.parquet"))),
        "images": 28,
        "labels and splits": 1,
        "weights": 1,
        "versions": len(headstart.Run.load("own").manifest.versions),
    }
    assert all(kind.num == kind.num_checked for kind in found.kinds)
    files = headstart.Run.load("own").manifest.files
    assert {"model/head.safetensors", "evaluation.json", "plan.toml", "card.md", "images.sha256", "result.json"} <= set(files)
    assert not {"report.html", "manifest.json"} & set(files)


def test_a_flipped_byte_of_the_model_is_named(home, headstart_command):
    flip(Path("own/model/head.safetensors"))
    sentence = "model/head.safetensors: is not as the run wrote it. Restore it from a copy, or fit the run anew."
    assert told() == {"files": [sentence]}
    done = headstart_command("verify", "own", "--json")
    assert done.code == 1
    assert json.loads(done.out)["same"] is False
    Path("own/evaluation.json").unlink()
    Path("own/model/model.json").unlink()
    flip(Path("own/plan.toml"))
    assert [sentence.partition(". ")[0] for sentence in told()["files"]] == [
        "evaluation.json: is gone",
        "model/head.safetensors: is not as the run wrote it",
        "model/model.json: is gone",
        "plan.toml: is not as the run wrote it",
    ]


def test_a_run_whose_plan_is_another_one_than_it_wrote_says_nothing_of_it(home, headstart_command):
    plan = Path("own/plan.toml")
    plan.write_text(plan.read_text().replace("input_pixels = ", "input_pixels = 1"))
    text = plan.read_text()
    for command in ("report", "serve"):
        answer = headstart_command(command, "own")
        assert answer.code == 2
        assert "error: own/plan.toml was changed after headstart wrote it, so that it may not say how" in answer.err
        assert "damaged" not in answer.err
    plan.write_text(text.partition("# As headstart wrote it")[0])
    assert headstart_command("report", "own").code == 0


@pytest.mark.parametrize("added", ["", "no TOML"])
def test_a_model_answers_whatever_became_of_the_plan_and_says_that_it_was_changed(home, headstart_command, monkeypatch, added):
    monkeypatch.delenv("HEADSTART_QUIET")
    words = ("predict", "own", "learned/dark/3.png", "--json")
    before = headstart_command(*words)
    assert "was changed" not in before.err
    plan = Path("own/plan.toml")
    plan.write_text(plan.read_text().replace("input_pixels = ", "input_pixels = 1") + added)
    after = headstart_command(*words)
    assert (after.code, after.out) == (0, before.out)
    note = "own/plan.toml was changed after headstart wrote it. The model is that of the plan as it was before."
    assert after.err.count(note) == 1
    assert note in headstart_command("evaluate", "own", "learned").err
    sets = headstart_command(*words, "--sets", "0.9")  # whether label errors were left out is what the plan says
    assert sets.code == 2
    assert "own/plan.toml" in sets.err


def test_a_list_of_images_that_is_damaged_accuses_no_image(home):
    flip(Path("own/images.sha256"))
    assert told() == {"files": ["images.sha256: is not as the run wrote it. Restore it from a copy, or fit the run anew."]}
    run = headstart.Run.load("own")
    with pytest.raises(DataError, match=r"own/images\.sha256 is damaged \(its SHA-256 is not that of the manifest\)"):
        listed_images(run.folder, run.manifest)


def test_changed_and_removed_images_are_named(home):
    flip(Path("learned/dark/3.png"))
    Path("learned/light/5.png").unlink()
    Path("learned/light/6.png").rename("learned/light/six.png")
    Path("learned/light/7.png").write_bytes(b"")
    ends = "Restore the image, or fit the run anew."
    assert sorted(told()["images"]) == [
        f"learned/dark/3.png: has another content than the run saw. {ends}",
        f"learned/light/5.png: is no longer there. {ends}",
        f"learned/light/7.png: is no longer there. {ends}",
    ]


def test_data_that_were_moved_are_named_and_can_be_given(home):
    Path("learned").rename("elsewhere")
    (sentence,) = told()["images"]
    assert sentence.startswith("learned: cannot be read (")
    assert sentence.endswith("name where they lie now: headstart verify RUN DATA.")
    assert told(data="elsewhere") == {}
    assert told(data=headstart.read_task("elsewhere")) == {}
    flip(Path("elsewhere/dark/3.png"))
    assert len(told(data="elsewhere")["images"]) == 1


def test_another_label_is_found(home):
    Path("learned/light/5.png").rename("learned/dark/five.png")
    (sentence,) = told()["labels and splits"]
    assert sentence.startswith("learned: its labels, or the images that it holds, are not as the run read them.")


def test_another_version_is_named(home, monkeypatch):
    monkeypatch.setattr(provenance, "version", lambda name: "9.9" if name == "timm" else version(name))
    known = version("timm")
    assert told() == {
        "versions": [f"timm: is 9.9, and the run was made with {known}. Install {known}, or expect small differences."]
    }


def test_other_weights_are_named(home):
    path = Path("own/manifest.json")
    values = json.loads(path.read_text())
    values["weights"][0]["weights_hash"] = "0" * 16
    del values["checksum"]
    path.write_text(json.dumps(values))
    assert told()["weights"] == [
        "pixels: has other weights than those that the run started from. Put the former ones back, or fit the run anew."
    ]


def test_a_run_without_a_manifest_is_refused(home):
    Path("own/manifest.json").unlink()
    with pytest.raises(DataError, match=r"own has no manifest.json, so nothing tells what its files were: an earlier version"):
        headstart.verify("own")
    headstart.report("own")
    assert "manifest.json" not in Path("own/card.md").read_text(encoding="utf-8")


def test_what_later_commands_write_is_vouched_for_and_nothing_else(home):
    headstart.report("own", language="zh")
    assert "局限" in Path("own/card.md").read_text(encoding="utf-8")
    assert told() == {}
    headstart.stress("own", corruption="mirror")
    assert "| Mirror | " in Path("own/card.md").read_text(encoding="utf-8")
    assert "stress.json" in headstart.Run.load("own").manifest.files
    assert told() == {}
    flip(Path("own/result.json"))
    headstart.report("own")
    assert list(told()) == ["files"]


def test_a_run_that_is_fitted_again_or_extended_verifies(home):
    headstart.fit("learned", method="ridge", pretrained="pixels", out="own")
    assert told() == {}
    shaded(Path("more"), 9, 1)
    headstart.extend("own", "more", out="longer")
    found = headstart.verify("longer")
    assert found.same
    assert found.sentence.endswith(" are as the run left them. 1 could not be checked here.")  # labels of two tasks
    assert {kind.name: kind.num for kind in found.kinds}["images"] == 28 + 18
    flip(Path("more/dark/3.png"))
    assert [one.name for kind in headstart.verify("longer").kinds for one in kind.mismatches] == ["more/dark/3.png"]


def test_images_in_memory_are_checked_only_where_they_are_given(home):
    pixels = np.random.default_rng(0).integers(0, 255, (24, 9, 9, 3)).astype(np.uint8)
    pixels[::2] //= 2
    task = headstart.read_arrays(pixels, [0, 1] * 12, name="frames")
    run = headstart.fit(task, method="ridge", pretrained="pixels", out="memory")
    assert {kind.name: kind.num_checked for kind in run.verify().kinds}["images"] == 0
    assert {kind.name: kind.num_checked for kind in run.verify(task).kinds}["images"] == 24
    pixels[3] += 1
    other = headstart.read_arrays(pixels, [0, 1] * 12, name="frames")
    assert [one.name for kind in run.verify(other).kinds for one in kind.mismatches] == ["images[3]"]


def test_the_list_of_images_is_that_of_sha256sum(tmp_path):
    rows = (("ab", "a.png"), ("cd", "two\nlines\\and more.png"), ("ef", "line\\\nend"), ("01", "\udce4.png"))
    assert lines_of_images(rows[:2]) == b"ab  a.png\n\\cd  two\\nlines\\\\and more.png\n"
    (tmp_path / "images.sha256").write_bytes(lines_of_images(rows))
    assert images_in(tmp_path) == rows


def test_the_card_says_what_the_model_is_for_and_whose_pictures_it_learned(home):
    card = Path("own/card.md").read_text(encoding="utf-8")
    for said in (
        "## What it is for",
        "- To tell which of 2 classes a picture shows",
        "| learned | unknown |",
        "## How good it is",
        "Not known: `headstart stress` was not run.",
        "`headstart verify` with the folder of this run checks them again.",
    ):
        assert said in card
    assert "\n\n\n" not in card
    chinese = in_language(card, language_named("zh"))
    assert [line for line in chinese.splitlines() if re.search("[a-z]{2,} [a-z]{2,} [a-z]{2,}", line)] == []


@pytest.mark.slow
def test_a_pretraining_without_classes_has_a_card_and_verifies(headless):
    assert headless.verify().same
    card = (headless.folder / "card.md").read_text(encoding="utf-8")
    assert "- To transfer from: it was pretrained without classes and predicts none.\n" in card
    assert "- Learned from 97 unlabeled pictures of digits.\n" in card
    assert "Classes:" not in card


def test_what_trackers_write_afterwards_is_not_a_change(home):
    Path("own/tracking").mkdir()
    Path("own/tracking/tensorboard.json").write_text("{}")
    headstart.fit("learned", method="ridge", pretrained="pixels", out="own")
    Path("own/tracking/tensorboard.json").write_text("{ }")
    assert told() == {}


def test_a_run_that_goes_on_has_no_manifest_until_it_ends_again(home):
    Workspace(Path("own")).reopen()
    with pytest.raises(DataError, match="or it has not ended"):
        headstart.verify("own")


def test_the_manifest_reads_no_picture(home, monkeypatch):
    def refuse(*_):
        raise AssertionError

    task = headstart.read_task("learned")
    monkeypatch.setattr(FileImages, "content_key", refuse)
    run = headstart.fit(task, method="ridge", pretrained="pixels", out="again")
    assert len(images_in(run.folder)) == 28


def test_a_run_that_has_a_report_has_a_manifest(home, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(workflow, "report_html", killed)
        with pytest.raises(KeyboardInterrupt):
            headstart.fit("learned", method="ridge", pretrained="pixels", out="killed")
    assert not Path("killed/report.html").exists()
    assert headstart.verify("killed").same


def test_the_card_names_the_worst_domain_and_group_and_what_corruption_costs(home):
    headstart.stress("own", corruption="mirror")
    run = headstart.Run.load("own")
    rows = [SubsetRow(name=name, num_images=20, accuracy=Estimate(value=at, low=0.2, high=0.9)) for name, at in WORST]
    seen = run.evaluation.model_copy(update={"per_domain": tuple(rows[:2]), "worst_group": rows[2]})
    facts = facts_of(run, None) | {"evaluation": seen, "has_p_values": False, "classes_file": "task.json"}
    card = rendered("about.md.j2", **facts)
    assert "\n\nThe domain with the lowest accuracy is night: 50.0 % of its 20 pictures (20.0 % to 90.0 %).\n\n" in card
    assert "\n\nThe group with the lowest accuracy is ward 3: 30.0 % of its 20 pictures (20.0 % to 90.0 %).\n" in card
    assert "\n| Mirror | 1.000 |" in card
    assert "\n\n\n" not in card
    chinese = in_language(card, language_named("zh"))
    assert [line for line in chinese.splitlines() if re.search("[a-z]{2,} [a-z]{2,} [a-z]{2,}", line)] == []
