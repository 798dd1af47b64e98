"""Finished steps are read, unfinished ones made again, and torn files stop nobody."""

from __future__ import annotations

from typing import ClassVar

import pytest

from headstart.core.errors import ExportError
from headstart.core.records import Migration, Record, renamed
from headstart.core.steps import Steps


class Number(Record):
    number: float


@pytest.fixture
def steps(tmp_path):
    return Steps(tmp_path / "steps")


def test_a_step_is_made_once_for_the_same_inputs(steps):
    made = []

    def make(_):
        made.append(1)
        return Number(number=0.1 + 0.2)

    first = steps.run("count", {"a": 1, "b": 2}, Number, make)
    again = Steps(steps.folder).run("count", {"b": 2, "a": 1}, Number, make)
    assert first == again == Number(number=0.1 + 0.2)
    steps.run("count", {"a": 1, "b": 3}, Number, make)
    assert len(made) == 2


def test_a_step_that_was_killed_is_made_again_in_the_same_folder(steps):
    def killed(workspace):
        workspace.mkdir(parents=True)
        (workspace / "checkpoint").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        steps.run("fit", {"a": 1}, Number, killed)
    assert steps.seconds() == {}
    result = steps.run("fit", {"a": 1}, Number, lambda workspace: Number(number=len((workspace / "checkpoint").read_text())))
    assert result.number == 4


@pytest.mark.parametrize(
    "content", [b"", b'{"number": 1', b'{"other": 1}', b"\xff\xfe\x00"], ids=["empty", "torn", "other", "bytes"]
)
def test_an_unreadable_result_is_made_again(steps, content):
    steps.run("count", {"a": 1}, Number, lambda _: Number(number=1))
    path = steps.folder / f"{steps.stem('count', {'a': 1})}.json"
    path.write_bytes(content)
    assert steps.run("count", {"a": 1}, Number, lambda _: Number(number=2)) == Number(number=2)
    assert Number.from_json(path.read_text()) == Number(number=2)


def test_a_step_that_is_forgotten_is_made_again_in_the_same_folder(steps):
    def made(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "part.txt").touch()
        return Number(number=len(list(folder.parent.glob("*.json"))))

    for name in ("late", "early", "other"):
        steps.run(name, {"a": 1}, Number, made)
    steps.forget(("late", "early", "never made"), {"a": 1})
    steps.forget(("other",), {"a": 2})
    assert sorted(path.stem for path in steps.folder.glob("*.json")) == [steps.stem("other", {"a": 1})]
    assert (steps.folder / steps.stem("early", {"a": 1}) / "part.txt").exists()
    assert steps.run("early", {"a": 1}, Number, made) == Number(number=1)


def test_seconds_are_summed_by_name_and_torn_lines_left_out(steps):
    steps.folder.mkdir()
    log = steps.folder / "log.tsv"
    log.write_text("fit-0a\t1.500\nfold-0b\t2.250\nfit-0c\t0.250\nfold-0d\t7.2fold-0e\t1.000\nfit-0f\t9.0")
    assert steps.seconds() == {"fit": 1.75, "fold": 2.25}


def test_seconds_of_steps_with_hyphens_in_their_name(steps):
    steps.run("rank-one", {}, Number, lambda _: Number(number=1))
    assert list(steps.seconds()) == ["rank-one"]


@pytest.fixture
def shared(tmp_path):
    return tmp_path / "shared"


def _fold(made):
    def make(folder):
        made.append(1)
        folder.mkdir(parents=True)
        (folder / "predictions").write_text("rows")
        return Number(number=len(made))

    return make


def test_another_run_takes_over_what_is_shared_with_its_files(tmp_path, shared):
    made = []
    Steps(tmp_path / "one", shared).run("fold", {"a": 1}, Number, _fold(made))
    second = Steps(tmp_path / "two", shared)
    assert second.run("fold", {"a": 1}, Number, _fold(made)) == Number(number=1)
    assert (tmp_path / "two" / second.stem("fold", {"a": 1}) / "predictions").read_text() == "rows"
    assert second.seconds() == {}


def test_steps_that_belong_to_one_run_are_not_shared(tmp_path, shared):
    made = []
    for name in ("one", "two"):
        Steps(tmp_path / name, shared).run("fit", {"a": 1}, Number, _fold(made))
    assert len(made) == 2
    assert not shared.exists()


def test_a_torn_shared_step_is_made_anew_and_shared_again(tmp_path, shared):
    made = []
    steps = Steps(tmp_path / "one", shared)
    steps.run("fold", {"a": 1}, Number, _fold(made))
    (shared / f"{steps.stem('fold', {'a': 1})}.json").write_text('{"num')
    assert Steps(tmp_path / "two", shared).run("fold", {"a": 1}, Number, _fold(made)) == Number(number=2)
    assert Steps(tmp_path / "three", shared).run("fold", {"a": 1}, Number, _fold(made)) == Number(number=2)


def test_a_shared_folder_that_cannot_be_written_is_one_sentence(tmp_path, shared):
    shared.write_text("a file")
    with pytest.raises(ExportError):
        Steps(tmp_path / "one", shared).run("fold", {"a": 1}, Number, _fold([]))


def test_what_a_kill_left_half_done_gives_way_to_a_finished_step(tmp_path, shared):
    steps = Steps(tmp_path / "killed", shared)
    halfway = steps.folder / steps.stem("fold", {"a": 1})
    halfway.mkdir(parents=True)
    (halfway / "checkpoint.safetensors").write_text("half")
    Steps(tmp_path / "other", shared).run("fold", {"a": 1}, Number, _fold([]))
    steps.run("fold", {"a": 1}, Number, None)
    assert [path.name for path in halfway.iterdir()] == ["predictions"]


def test_what_only_a_restart_needs_is_not_shared(tmp_path, shared):
    def make(folder):
        (folder / "trial" / "cache").mkdir(parents=True)
        (folder / "trial" / "checkpoint.safetensors").write_text("weights")
        (folder / "predictions").write_text("rows")
        return Number(number=1)

    Steps(tmp_path / "one", shared).run("fold", {"a": 1}, Number, make)
    assert {path.name for path in shared.rglob("*") if path.suffix != ".json"} >= {"predictions"}
    assert not list(shared.rglob("cache")) + list(shared.rglob("checkpoint*"))


def _has_rows(_result, folder):
    return (folder / "predictions").exists()


def test_a_step_that_lacks_what_is_wanted_is_made_again_and_shared(tmp_path, shared):
    made = []
    steps = Steps(tmp_path / "one", shared)
    steps.run("fold", {"a": 1}, Number, lambda _: Number(number=9))
    assert steps.run("fold", {"a": 1}, Number, _fold(made)) == Number(number=9)
    assert steps.run("fold", {"a": 1}, Number, _fold(made), _has_rows) == Number(number=1)
    assert Steps(tmp_path / "two", shared).run("fold", {"a": 1}, Number, _fold(made), _has_rows) == Number(number=1)
    assert made == [1]


def test_a_step_that_lacks_what_is_wanted_gives_way_to_a_shared_one_that_has_it(tmp_path, shared):
    Steps(tmp_path / "one", shared).run("fold", {"a": 1}, Number, _fold([]))
    alone = Steps(tmp_path / "two")
    alone.run("fold", {"a": 1}, Number, lambda _: Number(number=9))
    found = Steps(alone.folder, shared).run("fold", {"a": 1}, Number, lambda _: pytest.fail("made again"), _has_rows)
    assert found == Number(number=1)
    assert _has_rows(found, alone.folder / alone.stem("fold", {"a": 1}))


def test_a_finished_step_keeps_no_checkpoints(tmp_path):
    def make(folder):
        (folder / "trial" / "cache").mkdir(parents=True)
        (folder / "trial" / "cache" / "pixels.u8").write_text("pictures")
        (folder / "trial" / "checkpoint.safetensors").write_text("weights")
        (folder / "trial" / "history.jsonl").write_text("losses")
        return Number(number=1)

    steps = Steps(tmp_path / "one")
    steps.run("refit", {"a": 1}, Number, make)
    left = [path.name for path in (steps.folder / steps.stem("refit", {"a": 1})).rglob("*") if path.is_file()]
    assert left == ["history.jsonl"]


class Figure(Record):
    migrations: ClassVar[tuple[Migration, ...]] = (renamed("number", "figure"),)
    figure: float


def test_a_step_of_an_older_format_is_read(steps):
    steps.run("count", {"a": 1}, Number, lambda _: Number(number=0.3))
    assert steps.run("count", {"a": 1}, Figure, lambda _: pytest.fail("made again")) == Figure(figure=0.3)
