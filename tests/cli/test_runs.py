"""Runs that are not finished are listed for programs, too."""

from __future__ import annotations

import json


def test_interrupted_and_broken_runs_are_in_the_json_with_what_goes_on_with_them(tmp_path, monkeypatch, headstart_command):
    monkeypatch.chdir(tmp_path)
    request = {"request": {"place": "flowers", "seed": 0}}
    for name, file, text in (("one", "request.json", json.dumps(request)), ("two", "failure.txt", "loss became nan.\n")):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / file).write_text(text, encoding="utf-8")
    answer = headstart_command("runs", "--json")
    assert answer.code == 0, answer.err
    assert sorted(json.loads(answer.out), key=lambda one: one["folder"]) == [
        {"folder": "runs/one", "state": "interrupted", "advice": "headstart run flowers -o runs/one"},
        {"folder": "runs/two", "state": "broke down", "advice": "loss became nan."},
    ]
