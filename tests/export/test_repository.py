"""A run pushed as a repository: what is in it, what is not, that it predicts the same, and what the hub is told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import ModelCard
from huggingface_hub.errors import LocalTokenNotFoundError
from PIL import Image

import headstart
from headstart.core.errors import DataError, ExportError, PlanError
from headstart.export import hub
from headstart.methods.stored_rows import stored_rows
from headstart.runs.run import Run
from headstart.workflows.fit import fit
from headstart.workflows.pretrain import pretrain
from headstart.workflows.push import push

CLASSES = ("dark", "light", "mid")


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A pretraining `net`, a run `again` on its network, and `near` on the pictures themselves."""
    home, draw = tmp_path_factory.mktemp("someone") / "home", np.random.default_rng(3)
    for level, (name, count) in enumerate(zip(CLASSES, (29, 31, 23), strict=True)):
        (home / "shades" / name).mkdir(parents=True)
        for row in range(count):
            pixels = (60 * level + draw.integers(0, 130, (8, 8, 3))).astype(np.uint8)
            Image.fromarray(pixels).save(home / "shades" / name / f"{row}.png")
    data = str(home / "shades")
    pretrain(data, method="vic_reg", settings={"training.epochs": 1}, out=home / "net")
    fit(data, method="ridge", pretrained=f"run:{home / 'net'}", settings={"blocks": "stages"}, out=home / "again")
    fit(data, method="knn", pretrained="pixels", out=home / "near")
    return home


@pytest.fixture(scope="module")
def repository(home) -> Path:
    pushed = push(home / "again", home / "repository", license="mit")
    assert (pushed.place, pushed.license) == (str(home / "repository"), "mit")
    assert pushed.num_bytes == sum((home / "repository" / name).stat().st_size for name in pushed.files)
    return home / "repository"


def test_a_loaded_repository_predicts_what_the_run_predicts(home, repository, tmp_path):
    moved = shutil.copytree(repository, tmp_path / "elsewhere")
    pictures = sorted((home / "shades").rglob("*.png"))
    ours, theirs = (list(Run.load(folder).predict(pictures)) for folder in (home / "again", moved))
    assert ours == theirs


def test_what_is_in_it(repository):
    names = {path.relative_to(repository).as_posix() for path in repository.rglob("*") if path.is_file()}
    assert names == {
        "README.md", "config.json", "evaluation.json", "model/backbone/card.json", "model/backbone/weights.safetensors",
        "model/calibration.safetensors", "model/detector.safetensors", "model/head.safetensors", "model/model.json", "plan.toml",
        "task.json",
    }  # fmt: skip
    config = json.loads((repository / "config.json").read_text())
    assert config["id2label"] == {"0": "dark", "1": "light", "2": "mid"}
    assert config["label2id"] == {"dark": 0, "light": 1, "mid": 2}
    (seen,) = config["preprocessing"]
    assert (seen["network"], len(seen["mean"]), len(seen["std"])) == ("run:net", 3, 3)


def test_nothing_tells_where_the_data_or_other_runs_lie(home, repository):
    for path in (path for path in repository.rglob("*") if path.is_file()):
        content = path.read_bytes()
        assert str(home.parent).encode() not in content, path
        assert b".png" not in content, path


def test_the_card_has_the_headers_of_the_hub(repository, home):
    card = ModelCard.load(repository / "README.md")
    assert (card.data.license, card.data.library_name, card.data.pipeline_tag) == ("mit", "headstart", "image-classification")
    assert card.data.tags == ["image-classification", "headstart", "transfer-learning", "ridge"]
    metrics = {one.metric_type: one.metric_value for one in card.data.eval_results}
    assert metrics["accuracy"] == round(Run(home / "again").evaluation.accuracy.value, 4)
    assert "snapshot_download" in card.text
    assert "| run:net |" in card.text


def test_a_repository_is_replaced_and_what_else_is_there_stays(home, repository, tmp_path):
    place = Path(shutil.copytree(repository, tmp_path / "place"))
    (place / ".git").mkdir()
    (place / "model" / "old.bin").touch()
    push(home / "near", place, thumbnails=True)
    assert (place / ".git").is_dir()
    assert not (place / "model" / "old.bin").exists()
    assert ModelCard.load(place / "README.md").data.license == "other"
    assert not list(tmp_path.glob(".place*"))


def refused(error, call) -> str:
    with pytest.raises(error) as caught:
        call()
    return str(caught.value)


def test_another_folder_is_not_overwritten(home, tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("mine")
    said = refused(ExportError, lambda: push(home / "again", tmp_path / "notes"))
    assert said == f"{tmp_path}/notes holds something else than a repository of headstart. Name another place, or delete it."
    assert [path.name for path in (tmp_path / "notes").iterdir()] == ["a.txt"]
    said = refused(ExportError, lambda: push(home / "again", tmp_path / "notes" / "a.txt"))
    assert said == f"{tmp_path}/notes/a.txt is a file. Name a folder."
    assert "holds something else" in refused(ExportError, lambda: push(home / "again", home / "again"))


def test_pictures_in_the_model_are_refused_unless_they_are_allowed(home, tmp_path):
    said = refused(ExportError, lambda: push(home / "near", tmp_path / "near"))
    assert said == (
        f"{home}/near keeps 83 training pictures, reduced to a few pixels, as parts of its model: whoever has the repository can "
        "look at them. Give --thumbnails if that may be, or push a run of another method, such as "
        "`headstart fit DATA --method ridge`."
    )
    assert not (tmp_path / "near").exists()
    push(home / "near", tmp_path / "near", thumbnails=True)
    assert "there are 83 training pictures, reduced to a few pixels." in (tmp_path / "near" / "README.md").read_text()


def test_rows_of_features_are_no_pictures(home):
    found = stored_rows(Run(home / "again").model)
    assert found.pictures == 0
    assert found.features > 0


def test_a_run_on_vectors_is_refused(tmp_path):
    draw = np.random.default_rng(2)
    labels = np.arange(23) % 3 == 0
    np.savez(tmp_path / "vectors.npz", features=draw.normal(size=(23, 4)) + labels[:, None], labels=labels.astype(str))
    run = fit(str(tmp_path / "vectors.npz"), method="ridge", out=tmp_path / "run")
    assert "was fitted on feature vectors" in refused(DataError, lambda: push(run, tmp_path / "place"))


class Hub:
    """The part of `HfApi` that is called; it records, and reaches nothing."""

    files: tuple[str, ...] = ()
    config: str = ""
    told: list[tuple] = []
    fault: Exception | None = None

    def __init__(self, **options) -> None:
        assert options == {"library_name": "headstart"}

    def create_repo(self, name, *, private, exist_ok):
        if self.fault is not None:
            raise self.fault
        self.told.append(("create", name, private, exist_ok))
        return f"https://huggingface.co/{name}"

    def list_repo_files(self, name):
        return list(self.files)

    def hf_hub_download(self, name, file):
        return self.config

    def upload_folder(self, *, repo_id, folder_path, delete_patterns, commit_message):
        names = {path.relative_to(folder_path).as_posix() for path in Path(folder_path).rglob("*") if path.is_file()}
        self.told.append(("upload", repo_id, names, delete_patterns))


@pytest.fixture
def fake_hub(monkeypatch):
    made = type("FakeHub", (Hub,), {"told": []})
    monkeypatch.setattr(hub, "HfApi", made)
    return made


def test_a_push_to_the_hub_is_one_private_commit(home, repository, fake_hub):
    fake_hub.files = (".gitattributes",)
    pushed = push(home / "again", "hf://someone/shades")
    assert pushed.place == "https://huggingface.co/someone/shades"
    assert fake_hub.told[0] == ("create", "someone/shades", True, True)
    ((_, name, names, old),) = fake_hub.told[1:]
    assert (name, names) == ("someone/shades", set(pushed.files))
    assert "model/*" in old
    fake_hub.files, fake_hub.config = pushed.files, str(repository / "config.json")
    assert headstart.push(home / "again", "hf://someone/shades", public=True).files == pushed.files


def test_what_the_hub_may_refuse(home, repository, tmp_path, fake_hub):
    fake_hub.files, fake_hub.config = ("config.json", "model.safetensors"), str(tmp_path / "config.json")
    (tmp_path / "config.json").write_text('{"model_type": "vit"}')
    assert refused(ExportError, lambda: push(home / "again", "hf://someone/vit")) == (
        "hf://someone/vit holds something else than a repository of headstart. Name another one."
    )
    fake_hub.fault = LocalTokenNotFoundError("Token is required")
    assert refused(ExportError, lambda: push(home / "again", "hf://someone/vit")) == (
        "hf://someone/vit: you are not logged in. Log in with `hf auth login`, or set HF_TOKEN."
    )
    fake_hub.fault = ConnectionError("Name or service not known.")
    assert refused(ExportError, lambda: push(home / "again", "hf://someone/vit")) == (
        "hf://someone/vit: the hub was not reached (Name or service not known). Name a folder to write the repository there."
    )
    assert refused(PlanError, lambda: push(home / "again", "hf://someone")) == (
        "hf://someone is no address of a repository. Give hf://OWNER/NAME, or a folder."
    )
