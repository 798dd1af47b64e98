"""Reports in the language that is asked for: written again, and left alone where they are in it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from headstart.core.errors import PlanError
from headstart.core.language import speaking
from headstart.runs.run import Run
from headstart.workflows.report import in_language, report

OLD = Path(__file__).parents[1] / "old_artefacts" / "format_1"


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A finished run on feature vectors, in the working folder that its data are named from."""
    shutil.copytree(OLD / "runs" / "embeddings", tmp_path / "runs" / "embeddings")
    shutil.copytree(OLD / "data", tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    return Path("runs/embeddings")


def test_a_report_is_english_unless_another_language_is_asked_for(folder):
    assert '<html lang="en">' in report(folder).read_text(encoding="utf-8")
    page = report(folder, language="zh").read_text(encoding="utf-8")
    assert '<html lang="zh">' in page
    assert "有待解答的问题" in page
    assert "岭回归" in page


def test_a_report_is_written_again_only_where_it_is_in_another_language(folder):
    run, page = Run.load(folder), report(folder, language="zh")
    marked = page.read_text(encoding="utf-8") + "<!-- marked -->"
    page.write_text(marked, encoding="utf-8")
    with speaking("zh"):
        assert in_language(run, None) is run
    assert page.read_text(encoding="utf-8") == marked
    in_language(run, None)
    assert '<html lang="en">' in page.read_text(encoding="utf-8")
    page.unlink()
    in_language(run, None)
    assert page.exists()


def test_an_unknown_language_is_refused_and_leaves_the_report_alone(folder):
    before = report(folder).read_bytes()
    with pytest.raises(PlanError) as raised:
        report(folder, language="de")
    assert str(raised.value) == '"de" is not a language of headstart. There are: en, zh.'
    assert (folder / "report.html").read_bytes() == before


def test_the_command_takes_the_language(folder, headstart_command):
    assert headstart_command("report", folder, "--language", "zh").code == 0
    assert '<html lang="zh">' in (folder / "report.html").read_text(encoding="utf-8")
    refused = headstart_command("report", folder, "--language", "french")
    assert refused.code == 2
    assert '"french" is not a language of headstart. There are: en, zh.' in refused.err
