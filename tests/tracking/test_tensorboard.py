"""What is written to TensorBoard, read back from its event files; and what no tracker may change or stop."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tracking_made import CURVE, OPTIONS, lines_of, points_in, read, text_in

import headstart
from headstart.runs.run import Run
from headstart.tracking.trackers.tensorboard import TensorBoard
from headstart.training.loop import Fit
from headstart.workflows.fit import fit
from headstart.workflows.track import tracked_run

EVENTS = Path("tracking", "tensorboard", "1")
FULL = (
    "Tracking with tensorboard stopped: [Errno 28] No space left on device. "
    "The run goes on; `headstart track {} --to tensorboard` writes it later.\n"
)


@pytest.fixture(scope="module")
def live(pictures, tmp_path_factory):
    """The same run as `trained`, tracked while it was made, with a cache of its own: it takes no fold from there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEADSTART_CACHE", str(tmp_path_factory.mktemp("cache")))
        return fit(str(pictures), out=tmp_path_factory.mktemp("runs") / "trained", track="tensorboard", **OPTIONS)


@pytest.fixture
def later(trained, tmp_path):
    """`trained`, tracked once it was finished."""
    run = Run(Path(shutil.copytree(trained.folder, tmp_path / "trained")))
    (tracked,) = headstart.track(run, to="tensorboard")
    assert tracked.to_dict() == {"tracker": "tensorboard", "place": "tracking/tensorboard", "identity": "1"}
    return run


def test_the_curve_is_the_history_line_by_line(live):
    lines = lines_of(live.folder)
    assert [line["step"] for line in lines] == list(range(1, len(lines) + 1))
    assert {line["trained"] for line in lines} == {CURVE}
    for name in ("cross_entropy", "lr"):
        wanted = [(line["step"], pytest.approx({**line["losses"], **line}[name])) for line in lines]
        assert points_in(live.folder / EVENTS, f"{CURVE}/{name}") == wanted


def test_every_metric_has_both_ends_of_its_interval(live):
    for name, one in live.evaluation.metrics.items():
        values = [points_in(live.folder / EVENTS, f"{name}{end}")[0][1] for end in ("", "_low", "_high")]
        assert values == pytest.approx([one.value, one.low, one.high])


def test_parameters_texts_and_the_report_are_there(live):
    assert text_in(live.folder / EVENTS, "protocol") == live.evaluation.protocol
    assert text_in(live.folder / EVENTS, "report") == f"[report.html]({(live.folder / 'report.html').as_uri()})"
    metadata = read(live.folder / EVENTS).summary_metadata["_hparams_/session_start_info"].plugin_data.content
    assert b"method.kind" in metadata
    assert b"fine_tune" in metadata


def test_a_finished_run_is_tracked_as_one_that_was_tracked_while_it_was_made(live, later):
    tags = {place: read(run.folder / EVENTS).Tags()["scalars"] for place, run in (("live", live), ("later", later))}
    assert sorted(tags["live"]) == sorted(tags["later"])
    curve = f"{CURVE}/cross_entropy"
    assert points_in(live.folder / EVENTS, curve) == points_in(later.folder / EVENTS, curve)


def test_tracking_changes_neither_the_model_nor_the_request(live, trained):
    assert live.model.backbone.weights_hash == trained.model.backbone.weights_hash
    assert live.plan == trained.plan
    assert {path.name for path in live.folder.iterdir()} - {"tracking"} == {path.name for path in trained.folder.iterdir()}


def test_what_was_told_is_not_told_again(later):
    before = {path: path.stat().st_size for path in (later.folder / EVENTS).iterdir()}
    headstart.track(later, to="tensorboard")
    assert {path: path.stat().st_size for path in before} == before
    assert len(points_in(later.folder / EVENTS, "accuracy")) == 1
    assert len(points_in(later.folder / EVENTS, f"{CURVE}/lr")) == len(lines_of(later.folder))


def test_another_plan_in_the_folder_is_another_run_of_the_tracker(later):
    record = later.folder / "tracking" / "tensorboard.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"parameters": "of another plan"}))
    (tracked,) = headstart.track(later, to="tensorboard")
    assert tracked.identity == "2"
    assert len(points_in(later.folder / EVENTS.parent / "2", f"{CURVE}/lr")) == len(lines_of(later.folder))


def test_a_killed_run_goes_on_in_the_same_run_of_the_tracker(pictures, tmp_path, monkeypatch):
    step, count = Fit.step, []

    def killed(self, *given):
        count.append(1)
        if len(count) == 6:
            raise KeyboardInterrupt
        return step(self, *given)

    monkeypatch.setattr(Fit, "step", killed)
    options = OPTIONS | {"settings": OPTIONS["settings"] | {"training.checkpoint_seconds": 1e-6}, "out": tmp_path / "run"}
    with pytest.raises(KeyboardInterrupt):
        fit(str(pictures), track="tensorboard", **options)
    run = fit(str(pictures), track=["tensorboard", "tensorboard"], **options)
    steps = [step for step, _ in points_in(run.folder / EVENTS, f"{CURVE}/lr")]
    assert sorted(set(steps)) == [line["step"] for line in lines_of(run.folder)]
    assert [path.name for path in (run.folder / EVENTS.parent).iterdir()] == ["1"]


def test_a_tracker_that_fails_says_so_once_and_loses_nothing(pictures, trained, tmp_path, monkeypatch, capsys):
    def full(self, name, points):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(TensorBoard, "curve", full)
    monkeypatch.delenv("HEADSTART_QUIET")
    run = fit(str(pictures), out=tmp_path / "run", track="tensorboard", **OPTIONS)
    assert run.evaluation == trained.evaluation
    said = capsys.readouterr().err
    assert said.count("Tracking with") == 1
    assert FULL.format(run.folder) in said


def test_a_failure_of_the_command_itself_is_an_error(trained, tmp_path, monkeypatch):
    run = shutil.copytree(trained.folder, tmp_path / "run")
    monkeypatch.setattr(TensorBoard, "write", lambda self, contents: 1 / 0)
    with pytest.raises(headstart.core.errors.ExportError) as refused:
        headstart.track(run, to="tensorboard")
    assert str(refused.value) == (
        "tensorboard: division by zero. Mend that, or name another tracker, and give the command again."
    )


def test_a_tracker_that_does_not_answer_is_given_up(trained, tmp_path, monkeypatch):
    from threading import Event

    asked = Event()
    monkeypatch.setattr(TensorBoard, "open", lambda self, name, identity: str(asked.wait(20)))
    run = Path(shutil.copytree(trained.folder, tmp_path / "run"))
    with tracked_run(("tensorboard",), run, patience=0.3) as (session,):
        pass
    assert session.fault == "it did not answer for 0 s"
    asked.set()


def test_what_is_no_tracker_is_refused_before_any_work(pictures):
    with pytest.raises(headstart.core.errors.PlanError) as refused:
        headstart.run(str(pictures), track="tensorbord")
    assert str(refused.value) == ('"tensorbord" is not a tracker. Did you mean "tensorboard"? Known: mlflow, tensorboard, wandb.')
    with pytest.raises(headstart.core.errors.PlanError) as refused:
        headstart.track(pictures, to=[])
    assert str(refused.value) == "No tracker is named. Give one or several of mlflow, tensorboard, wandb with --to."


def test_a_package_that_is_not_installed_is_named_with_its_extra(pictures, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(headstart.core.errors.MissingExtraError) as refused:
        headstart.fit(str(pictures), track="tensorboard", **OPTIONS)
    assert str(refused.value) == 'tensorboard is not installed. Install it with `pip install "headstart[tensorboard]"`.'


def test_a_search_tracks_its_trials(pictures, tmp_path):
    options = OPTIONS | {"settings": OPTIONS["settings"] | {"training.epochs": 1}}
    found = headstart.search(str(pictures), out=tmp_path / "study", trials=2, track="tensorboard", **options)
    events = tmp_path / "study" / EVENTS
    assert f"trial 1/{CURVE.removesuffix('final fit')}fold 1/cross_entropy" in read(events).Tags()["scalars"]
    assert text_in(events, "trials").splitlines()[2].startswith(f"| 0 | finished | {found.trials[0].log_losses[-1]:.4g} |")
    assert text_in(events, "decision") == found.sentence
