"""Help in every language: each text is in the catalog, lines are whole, and one option chooses the language of all commands."""

from __future__ import annotations

import inspect
import os
from pathlib import Path

import pytest
from rich.cells import cell_len

from headstart.cli import _application as application
from headstart.cli import _help
from headstart.core.language import VARIABLE, language_named, languages, speaking

OTHER_LANGUAGES = languages()[1:]
OLD_RUNS = Path(__file__).parents[1] / "old_artefacts" / "format_1" / "runs"
TOLERATED = 20
"""One in so many texts may be English: a new command is one new file."""


def commands_under(command, context):
    """A command, and all below it, each with its context."""
    yield command, context
    for name in command.list_commands(context) if hasattr(command, "list_commands") else ():
        under = command.get_command(context, name)
        yield from commands_under(under, under.make_context(name, [], parent=context, resilient_parsing=True))


def paragraphs(text):
    return [" ".join(one.split()) for one in inspect.cleandoc(text or "").split("\n\n") if one.strip()]


def texts_of_help():
    whole = application.application()
    found = [*_help.OF_TYPER.values(), _help.USAGE, "Commands", "Lists"]
    for command, context in commands_under(whole, whole.make_context("headstart", [], resilient_parsing=True)):
        found += paragraphs(command.help)
        found += [text for param in command.get_params(context) for text in paragraphs(param.help)]
    return list(dict.fromkeys(found))


@pytest.mark.parametrize("code", OTHER_LANGUAGES)
def test_the_texts_of_every_help_are_translated(code):
    texts = texts_of_help()
    assert len(texts) > 100
    missing = [text for text in texts if not language_named(code).has(text)]
    assert len(missing) <= len(texts) // TOLERATED, missing


@pytest.mark.parametrize("words", [("--language", "zh", "run", "--help"), ("run", "--help", "--language", "zh")])
def test_the_help_of_run_in_chinese(headstart_command, words):
    answer = headstart_command(*words)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.lstrip().startswith("用法：headstart run [OPTIONS] [DATA]")
    assert "用一个图片文件夹得到一个分类器：检查、排名、决策、拟合、评估、报告。" in answer.out
    for said in ("─ 参数 ─", "─ 选项 ─", "[默认：pretrained]", "划分、折和训练的随机种子。", "显示此帮助并退出。"):
        assert said in answer.out
    lines = answer.out.splitlines()
    assert max(map(cell_len, lines)) <= 80
    assert not any(line.rstrip("│ ").endswith("…") for line in lines)
    assert not [line for line in lines if "\x1f" in line or "\ue000" in line]


def test_the_language_of_the_environment_is_spoken_and_an_option_goes_before_it(headstart_command, monkeypatch):
    monkeypatch.setenv(VARIABLE, "zh")
    assert "用法：" in headstart_command("--help").out
    assert "Usage: " in headstart_command("--language", "en", "--help").out
    assert os.environ[VARIABLE] == "zh"


def test_a_chosen_language_ends_with_the_command(headstart_command):
    assert "用法：" in headstart_command("fewshot", "enroll", "--help", "--language", "zh").out
    assert VARIABLE not in os.environ
    assert "Usage: " in headstart_command("fewshot", "enroll", "--help").out


def test_an_unknown_language_is_refused_before_anything_else(headstart_command, monkeypatch):
    refusal = 'error: "zhh" is not a language of headstart. Did you mean "zh"? There are: en, zh.\n'
    assert headstart_command("datasets", "--language", "zhh") == (2, "", refusal)
    monkeypatch.setenv(VARIABLE, "zhh")
    assert headstart_command("datasets") == (2, "", refusal)


@pytest.mark.parametrize("command", application.COMMANDS.names())
def test_every_command_takes_the_language(command, headstart_command):
    assert "--language" in headstart_command(command, "--help").out


def test_a_refusal_is_in_the_language_that_is_spoken(headstart_command):
    said = "错误：“predcit”不是命令。您是否想写“predict”？`headstart --help` 列出所有命令。\n"
    assert headstart_command("--language", "zh", "predcit") == (2, "", said)


def test_what_is_json_is_english_in_every_language(headstart_command):
    with speaking("zh"):
        there = headstart_command("datasets", "--json").out
    assert there == headstart_command("datasets", "--json").out


def test_a_table_of_runs_is_in_the_language_that_is_spoken_and_keeps_names(headstart_command):
    out = headstart_command("runs", OLD_RUNS, "--language", "zh").out
    for said in ("运行", "结论", "95 % 置信区间", "单个模型", "8 像素", "0.701 至 1.000"):
        assert said in out
    assert "pictures" in out
    assert max(map(cell_len, out.splitlines())) <= 80
