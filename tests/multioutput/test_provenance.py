"""What a run of outputs used is written down and verified; images that it learned from do not judge it unsaid."""

from __future__ import annotations

import html
import re
import shutil
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

import headstart
from headstart.core.errors import DataError
from headstart.core.exported import Export, Parity
from headstart.core.language import speaking
from headstart.export.formats import FORMATS
from headstart.export.outputs_card import outputs_bundle_card
from headstart.multioutput.run import OutputRun
from headstart.planning.results import Verdict


@pytest.fixture(scope="module")
def runs(vectors, tmp_path_factory) -> dict[str, OutputRun]:
    """Without a test, on copies of the vectors that a test may change."""
    folder = tmp_path_factory.mktemp("runs")
    return {kind: headstart.run(shutil.copy(place, folder), out=folder / kind) for kind, place in vectors.items()}


def test_a_run_is_what_its_manifest_says(runs):
    for run in runs.values():
        found = headstart.verify(run)
        assert found.same, found
        assert {
            kind.name: kind.num_checked for kind in found.kinds if kind.name in ("images", "labels and splits", "weights")
        } == {
            "images": 97,
            "labels and splits": 1,
            "weights": 1,
        }
        assert {"card.md", "evaluation.json", "model/outputs.json", "learned.txt"} <= set(run.manifest.files)
        assert run.manifest.num_images == 97
        assert run.verify() == found


def test_changed_files_and_labels_are_named(runs, tmp_path):
    run = runs["numbers"]
    copy = OutputRun.load(shutil.copytree(run.folder, tmp_path / "run"))
    (copy.folder / "model" / "outputs.json").write_text("{}")
    (mismatch,) = (one for kind in headstart.verify(copy).kinds for one in kind.mismatches)
    assert mismatch.name == "model/outputs.json"

    place = Path(run.summary.place)
    before = place.read_bytes()
    try:
        with np.load(place) as content:
            arrays = {name: content[name] for name in content.files}
        arrays["target"][3] += 1
        np.savez(place, **arrays)
        (mismatch,) = (one for kind in headstart.verify(run).kinds for one in kind.mismatches)
    finally:
        place.write_bytes(before)
    assert (mismatch.name, mismatch.sentence.split(":")[1]) == (
        str(place), " its labels, or the images that it holds, are not as the run read them. Restore the labels and take out "
        "what was added, or fit the run anew.",
    )  # fmt: skip


def test_a_run_without_manifest_says_so(runs, tmp_path):
    copy = OutputRun.load(shutil.copytree(runs["numbers"].folder, tmp_path / "run"))
    (copy.folder / "manifest.json").unlink()
    with pytest.raises(DataError, match=r"run has no manifest\.json, so nothing tells what its files were"):
        headstart.verify(copy)
    headstart.report(copy)
    card = (copy.folder / "card.md").read_text(encoding="utf-8")
    assert "## Where it ends" in card
    assert [word for word in ("What it was made with", "manifest.json", "images.sha256", "verify`") if word in card] == []


def test_images_that_were_learned_from_are_counted(runs, vectors, tmp_path):
    run = runs["numbers"]
    warned = headstart.evaluate(run, vectors["numbers"]).protocol
    assert warned.endswith(
        "The model has learned from 97 of these 97 images, and looks better on them than it is: `headstart evaluate "
        f"{run.folder}` says how good it is on new ones."
    )
    with np.load(vectors["numbers"]) as content:
        features, target = content["features"], content["target"]
    np.savez(tmp_path / "mixed.npz", features=np.concatenate([features[:5], features[5:45] + 1]), target=target[:45])
    assert "has learned from 5 of these 45 images" in headstart.evaluate(run, tmp_path / "mixed.npz").protocol
    np.savez(tmp_path / "new.npz", features=features + 1, target=target)
    assert "has learned" not in headstart.evaluate(run, tmp_path / "new.npz").protocol


@pytest.mark.parametrize("kind", ["several_labels", "numbers"])
def test_what_is_said_without_images_comes_from_labeled_images_alone(vectors, tmp_path, kind):
    run = headstart.run(vectors[kind], out=tmp_path / "run", test=0.4)
    with np.load(vectors[kind]) as content:
        arrays = {name: content[name] for name in content.files}
    few = {name: array[:30] for name, array in arrays.items()}
    np.savez(tmp_path / "few.npz", **few)
    before = headstart.evaluate(run, tmp_path / "few.npz").without_images
    predictions = run.predictions  # of the sealed test: its targets tell nothing about what was learned
    changed = type(predictions)(**{**vars(predictions), "targets": predictions.targets[::-1] * 0 + predictions.targets.max()})
    changed.write(run.folder / "predictions.parquet")
    assert headstart.evaluate(OutputRun.load(run.folder), tmp_path / "few.npz").without_images == before


def test_the_card_says_what_the_model_is_for_and_where_it_ends(runs):
    for kind, run in runs.items():
        card = (run.folder / "card.md").read_text(encoding="utf-8")
        for heading in ("What it is for", "What it is", "How good it is", "Where it ends", "What it was made with"):
            assert f"## {heading}\n" in card
        metric = next(iter(run.evaluation.metrics.values()))
        assert f"| {metric.value:.3f} | {metric.low:.3f} | {metric.high:.3f} |" in card
        assert run.evaluation.protocol in card
        assert ("which of 3 labels" in card) == (kind == "several_labels")


def test_the_card_is_written_in_the_language_spoken(runs):
    run = runs["several_labels"]
    with speaking("zh"):
        headstart.report(run)
    card = (run.folder / "card.md").read_text(encoding="utf-8")
    prose = [line for line in card.splitlines() if line and not line.startswith(("|", "#"))]
    headstart.report(run)
    assert headstart.verify(run).same
    assert [line for line in prose if not any("一" <= letter <= "鿿" for letter in line)] == []


def test_the_chinese_card_of_a_bundle_has_no_english_sentence(runs):
    parity = Parity(
        num_pictures=60, num_same=60, largest_difference=4.1e-7, mean_difference=1e-8, largest_p_difference=None,
        model_milliseconds=0.3, batch_milliseconds=0.2, reading_milliseconds=0.1,
    )  # fmt: skip
    made = Export(folder="b", format="onnx", precision="float32", model_bytes=100_000, parity=parity)
    for run in runs.values():
        for verdict in get_args(Verdict):
            judged = OutputRun(run.folder)
            vars(judged)["decision"] = run.decision.model_copy(update={"verdict": verdict})
            with speaking("zh"):
                card = outputs_bundle_card(judged, made, FORMATS.get("onnx"))
            prose = re.sub(
                r"```.*?```|`[^`]*`|(ridge|logistic) on penultimate of embeddings|\[sample[^]]*\]", "", card, flags=re.DOTALL
            )
            assert re.findall(r"[A-Za-z']{2,}(?: [A-Za-z']{2,})+|\*\*[a-z ]+\*\*", prose) == [], prose


@pytest.mark.slow
def test_the_chinese_report_of_tried_candidates_has_no_english_sentence(pictures, tmp_path):
    run = headstart.run(pictures / "share.csv", only="scratch", minutes=0.26, out=tmp_path / "run")
    headstart.report(run, language="zh")
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    page = html.unescape(re.sub(r"<[^>]+>", "\n", re.sub(r"<(style|pre|code)>.*?</\1>", "", page, flags=re.DOTALL)))
    lines = {line for line in map(str.strip, page.splitlines()) if len(re.findall("[a-z]{3,}", line)) > 2}
    assert [line for line in lines if not any("一" <= letter <= "鿿" for letter in line)] == []
