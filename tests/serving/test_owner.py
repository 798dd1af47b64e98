"""The owner of a server on a cluster, asked without one: changes by several replicas, counts of all, settings that survive."""

from __future__ import annotations

import shutil
import threading

import pytest

from headstart.core.errors import DataError
from headstart.core.language import language_named
from headstart.gallery import Gallery
from headstart.serving import at_owner
from headstart.serving import owner as module
from headstart.serving.at_owner import FoldersAtOwner
from headstart.serving.corrections import Corrections
from headstart.serving.limits import Limits
from headstart.serving.options import ServerOptions
from headstart.serving.owner import Owner, Report
from headstart.serving.pictures import Upload
from headstart.serving.refusals import RefusedError
from headstart.serving.service import Service


@pytest.fixture(autouse=True)
def _cache_of_a_node(tmp_path, monkeypatch):
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def gallery(tmp_path):
    Gallery.create(tmp_path / "parts", "pixels")
    return tmp_path / "parts"


@pytest.fixture
def settings(run_folder, gallery):
    options = ServerOptions((run_folder,), (gallery,), Limits(), shown=run_folder.parent)
    return {**options.settings(), "generation": 1}


@pytest.fixture
def owner(settings):
    made = Owner()
    made.renew(settings)
    return made


@pytest.fixture
def asks(owner):
    """Asks the owner, as a replica does over Ray."""

    def ask(method, *arguments):
        found = getattr(owner, method)(*arguments)
        if isinstance(found, RefusedError):
            raise found
        return found

    return ask


@pytest.fixture
def service(asks, tmp_path):
    """Makes a service with folders at the owner, as a replica has it."""
    made = []

    def make(place="a"):
        folders = FoldersAtOwner(asks, asks, tmp_path / place, True, lambda: None)
        runs, galleries = [folders.copied("shades")], [folders.copied("parts")]
        made.append(Service(runs, galleries, folders=folders, examples=False))
        return made[-1]

    yield make
    for one in made:
        one.close()


def report(replica="a", generation=1, families=(), settings=None):
    return Report(replica, 7, generation, 0, None, False, 0, families, settings)


def test_a_class_that_one_replica_enrolls_is_known_to_all(service, gallery, png):
    import asyncio

    one, other = service("a"), service("b")
    answer = asyncio.run(one.enroll("parts", "red", [Upload("a.png", png("red"))]))
    assert (answer["class"], Gallery.open(gallery).classes()) == ("red", {"red": 1})
    row = asyncio.run(other.predict([Upload("b.png", png("red", 3))], "parts"))["predictions"][0]
    assert row["label"] == "red"
    assert asyncio.run(one.cards())[1]["classes"] == ["red"]
    with pytest.raises(RefusedError, match=r'^"red" is enrolled already, with 1 image\. Forget it first\.$') as refused:
        asyncio.run(other.enroll("parts", "red", [Upload("a.png", png("red"))]))
    assert refused.value.status == 409
    assert asyncio.run(other.forget("parts", "red"))["num_classes"] == 0
    assert asyncio.run(one.cards())[1]["classes"] == []


@pytest.mark.parametrize("method", ["predict", "enroll", "correct", "cards"])
def test_an_owner_that_does_not_answer_takes_no_longer_than_the_deadline(asks, tmp_path, png, method):
    import asyncio
    import time

    ends, stalls = threading.Event(), threading.Event()

    def ask(name, *arguments):
        if stalls.is_set():
            ends.wait(30)
        return asks(name, *arguments)

    folders = FoldersAtOwner(ask, ask, tmp_path / "a", True, lambda: None)
    folder, gallery = folders.copied("shades"), folders.copied("parts")
    service = Service([folder], [gallery], Limits(deadline_seconds=1.0), folders=folders, examples=False)
    stalls.set()
    sent = [Upload("a.png", png("red"))]
    calls = {
        "predict": lambda: service.predict(sent, "parts"),
        "enroll": lambda: service.enroll("parts", "red", sent),
        "correct": lambda: service.correct(sent, None, "red"),
        "cards": service.cards,
    }

    async def asked():
        begun = time.monotonic()
        with pytest.raises(RefusedError) as refused:
            await calls[method]()
        seconds = time.monotonic() - begun
        ends.set()
        return refused.value.code, seconds

    try:
        code, seconds = asyncio.run(asked())
    finally:
        ends.set()
        service.close()
    assert code == "deadline"
    assert seconds < 10


def test_corrections_go_where_one_process_keeps_them(service, run_folder, png):
    import asyncio

    found = [asyncio.run(service(place).correct([Upload("a", png(seed=count))], None, "red")) for count, place in enumerate("ab")]
    assert [(one["num_corrections"], one["folder"]) for one in found] == [(1, "shades-corrections"), (2, "shades-corrections")]
    assert Corrections(run_folder.with_name("shades-corrections")).keep([Upload("a", b"GI")], "x") == 3


def test_runs_are_shown_and_compared_by_the_owner(service, owner):
    english = language_named("en")
    folder = service().shown_folder
    assert [run["name"] for run in folder.all_runs(english)["finished"]] == ["shades"]
    with pytest.raises(RefusedError, match=r'^There is no finished run "x"\.'):
        folder.compared("shades", "x")
    owner.close()


def test_a_run_that_is_gone_cannot_be_copied(asks, run_folder, tmp_path):
    folders = FoldersAtOwner(asks, asks, tmp_path / "a", False, lambda: None)
    shutil.rmtree(run_folder)
    with pytest.raises(DataError, match=r"^The folder of shades is gone\. Start the server again with the folder of a run\.$"):
        folders.copied("shades")


def test_a_folder_that_changes_all_the_time_is_not_copied_for_ever(asks, tmp_path, monkeypatch):
    monkeypatch.setattr(at_owner, "SECONDS_BETWEEN", 0.0)
    never = lambda method, *given: None if method == "content" else asks(method, *given)  # noqa: E731
    folders = FoldersAtOwner(asks, never, tmp_path, False, lambda: None)
    with pytest.raises(
        DataError, match=r"^The folder of shades changed while it was copied\. Try again when its fit is finished\.$"
    ):
        folders.copied("shades")


def test_an_owner_that_was_started_again_has_the_newest_settings_of_those_that_report(settings):
    owner = Owner()
    assert owner.newest() == {"generation": 0}
    standing = owner.report(report(settings=settings))
    assert (standing.generation, set(standing.contents)) == (1, {"shades", "parts"})
    owner.report(report("b", 0, settings={"generation": 0}))
    assert owner.newest() == settings


def test_replicas_hear_that_nothing_new_is_to_be_begun_until_there_are_newer_settings(owner, settings):
    owner.drain()
    assert owner.report(report()).draining
    owner.renew({**settings, "generation": 2})
    standing = owner.report(report())
    assert (standing.draining, standing.generation) == (False, 2)


def test_counts_of_replicas_that_are_gone_stay_and_their_waiting_pictures_go(owner, monkeypatch):
    from headstart.serving.metrics import Metrics, text_of

    reports = []
    for name, count in (("a", 2), ("b", 3)):
        metrics = Metrics()
        metrics.watch(lambda count=count: {"shades": count})
        metrics.requests.labels("/predict", 200).inc(count)
        reports.append(report(name, families=metrics.families()))
    owner.report(reports[0])
    text = text_of(owner.families(reports[1])).decode()
    assert 'headstart_requests_total{route="/predict",status="200"} 5.0' in text
    assert 'headstart_waiting_pictures{model="shades"} 5.0' in text
    assert text.count("# TYPE headstart_requests_total counter") == 1
    now = module.time.monotonic()
    monkeypatch.setattr(module.time, "monotonic", lambda: now + module.SILENT_SECONDS + 1)
    text = text_of(owner.families(reports[1])).decode()
    assert 'headstart_requests_total{route="/predict",status="200"} 5.0' in text
    assert 'headstart_waiting_pictures{model="shades"} 3.0' in text
    assert [one.replica for one in owner.living()] == ["b"]
    monkeypatch.setattr(module.time, "monotonic", lambda: now + module.FORGET_SECONDS + 1)
    owner.report(reports[1])
    assert list(owner._reports) == ["b"]
    owner.report(reports[0])
    text = text_of(owner.families(reports[1])).decode()
    assert 'headstart_requests_total{route="/predict",status="200"} 5.0' in text
    assert 'headstart_waiting_pictures{model="shades"} 3.0' in text


def test_reports_do_not_wait_for_a_change(owner, settings):
    ends, begun = threading.Event(), threading.Event()
    changing = threading.Thread(target=lambda: owner._told(lambda: begun.set() or ends.wait(30)))
    changing.start()
    try:
        assert begun.wait(30)
        for said in (report(settings=settings), report("b")):
            reporting = threading.Thread(target=owner.report, args=(said,), daemon=True)
            reporting.start()
            reporting.join(20)
            assert not reporting.is_alive()
        assert len(owner.living()) == 2
    finally:
        ends.set()
        changing.join()


def test_settings_have_no_keys(run_folder):
    given = ServerOptions((run_folder,), (), Limits(), keys=("secret",)).settings()
    assert "secret" not in str(given)
    assert given["key_digests"] == ["2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"]


def test_what_replicas_report_is_told_without_metrics_and_settings(owner, settings):
    owner.report(report(families=(1,), settings=settings))
    assert owner.living() == [report()]


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("contents", ("shades",)),
        ("keep", ("shades", [], "red")),
        ("enroll", ("parts", "red", [])),
        ("forget", ("parts", "red")),
        ("all_runs", ("en",)),
        ("compared", ("a", "b")),
    ],
)
def test_an_owner_without_settings_refuses_for_a_while(method, arguments):
    refused = getattr(Owner(), method)(*arguments)
    sentence = "The folders of this server cannot be reached now. Try again in 5 seconds."
    assert (refused.status, refused.sentence, refused.headers) == (503, sentence, {"Retry-After": "5"})
