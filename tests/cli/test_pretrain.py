"""`headstart pretrain`: what it prints, what the next commands make of it, how it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

pytestmark = pytest.mark.slow

SHORT = ("--set", "training.epochs=1", "--set", "training.batch_size=16")


@pytest.fixture(scope="session")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty-seven digits without labels."""
    place = tmp_path_factory.mktemp("pool") / "digits"
    (place / "unlabeled").mkdir(parents=True)
    for row in range(67):
        pixels = (load_digits().images[row] * (255 / 16)).astype(np.uint8)
        Image.fromarray(pixels).save(place / "unlabeled" / f"{row:03d}.png")
    return place


def test_without_classes_it_says_what_was_learned_and_how_to_go_on(headstart_command, pool, tmp_path):
    run = tmp_path / "own"
    answer = headstart_command("pretrain", pool, *SHORT, "-o", run)
    assert answer.code == 0, answer.err
    text = " ".join(answer.out.split())
    assert "Learned from digits, 67 pictures (sim_clr)" in text
    assert "Accuracy not measured, as there are no classes" in text
    assert "headstart rank DATA" in text
    assert max(map(len, answer.out.splitlines())) <= 80
    named = json.loads(headstart_command("models", "--json").out)
    assert [card["source"] for card in named if card["name"] == f"run:{run}"] == ["digits, 67 pictures (sim_clr)"]
    refusal = headstart_command("predict", run, pool / "unlabeled" / "000.png")
    expected = (
        "error: This model was pretrained without classes and predicts none. Transfer from it with --pretrained run:FOLDER.\n"
    )
    assert (refusal.code, refusal.out, refusal.err) == (2, "", expected)


def test_one_json_document_names_the_model_and_its_lineage(headstart_command, pool, tmp_path):
    run = tmp_path / "own"
    words = ("pretrain", pool, "--method", "vic_reg", "--seed", "3", *SHORT, "-o", run, "--json")
    answer = headstart_command(*words)
    assert answer.code == 0, answer.err
    document = json.loads(answer.out)
    assert document["pretrained"] == f"run:{run}"
    assert (document["evaluation"], document["verdict"]) == (None, None)
    assert document["lineage"]["method"] == "vic_reg"
    assert document["lineage"]["num_images"] == 67
    again = json.loads(headstart_command(*words).out)
    assert again == document


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--method", "ridge"), "ridge trains no network. Choose supervised, sim_clr or another: `headstart methods` lists all."),
        (
            ("--set", "training.epochs"),
            '--set "training.epochs" has no form key=value. Write for example --set training.lr=0.001.',
        ),
        (("--set", "training.epochs=0"), "--set training: epochs = "),
        (("--method", "supervised"), "supervised needs labels of at least two classes, and "),
        (("--pretrained", "small_cn"), '"small_cn" is not a pretrained model. Did you mean "small_cnn"?'),
        (
            ("--weights", "absent.pth"),
            'small_cnn has no weights to transfer, and weights = "absent.pth" was given. Set weights to "none".',
        ),
    ],
)
def test_a_user_s_error_is_one_sentence(headstart_command, pool, tmp_path, words, text):
    answer = headstart_command("pretrain", pool, *words, "-o", tmp_path / "run")
    assert (answer.code, answer.out) == (2, "")
    sentence = answer.err.splitlines()[-1]
    assert sentence.startswith(f"error: {text}")
