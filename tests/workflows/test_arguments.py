"""What says how data are read must not contradict a task that was read already."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import headstart
from headstart.core.errors import ArgumentError
from headstart.data.images import Embeddings, ImageSet
from headstart.data.task import Task
from headstart.workflows.arguments import Reading, named_folder, reading_of, task_from


def made(**about: object) -> Task:
    labels, rows = np.arange(12) % 2, np.arange(12)
    features = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
    train = ImageSet(Embeddings(features, "made", rows), ("a", "b"), labels, rows)
    return Task("made", ("a", "b"), train, place="made.npz", **about)


READ = {"seed": 3, "per_class": 5, "test_share": 0.2, "source_places": ("x", "y"), "target_domains": ("z",)}


def test_what_a_task_was_read_with_may_be_said_again():
    task = made(**READ)
    reading = Reading("made.npz", ("x", "y"), ("z",), 3, 5, 0.2)
    assert reading_of(task) == reading_of(task, ["x", "y"], "z", 3, 5, 0.2) == reading
    assert reading_of("made.npz", ["x", "y"], "z", 3, 5, 0.2) == reading
    assert reading_of("made.npz") == Reading("made.npz")
    assert task_from(task, reading) is task


@pytest.mark.parametrize(
    ("task", "asked", "said"),
    [
        (made(), {"seed": 3}, "seed = 3 says how data are read, and the task was read with 0. "),
        (made(**READ), {"seed": 0}, "seed = 0 says how data are read, and the task was read with 3. "),
        (made(), {"source": "x"}, "source = x says how data are read, and the task was read with none. "),
        (made(**READ), {"source": "x"}, "source = x says how data are read, and the task was read with x, y. "),
        (made(), {"target_domain": ["p", "q"]}, "target_domain = p, q says how data are read, and the task was read with none. "),
        (made(), {"per_class": 0}, "per_class = 0 says how data are read, and the task was read with none. "),
        (made(**READ), {"test": 0.5}, "test = 0.5 says how data are read, and the task was read with 0.2. "),
    ],
)
def test_what_contradicts_a_task_is_refused(task, asked, said):
    for call in (headstart.run, headstart.decide, headstart.rank, headstart.inspect):
        with pytest.raises(ArgumentError) as caught:
            call(task, **asked)
        assert str(caught.value) == f"{said}Leave it out, or give the path of the data."


def test_a_folder_has_the_name_that_its_path_leaves_out(tmp_path, monkeypatch):
    (tmp_path / "run" / "model").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "run" / "model")
    assert named_folder(Path()) == (tmp_path / "run" / "model").resolve()
    assert named_folder(Path("..")) == (tmp_path / "run").resolve()
    assert named_folder(Path("sets/own")) == Path("sets/own")
