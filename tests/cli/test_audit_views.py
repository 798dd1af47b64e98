"""How well rankings did, on the terminal and as JSON."""

from __future__ import annotations

import json

from headstart.core.estimate import Estimate
from headstart.planning.ranking.ranking_audit import AuditedNetwork, RankingAudit


def network(name, rank, accuracy):
    estimate = Estimate(value=accuracy, low=accuracy, high=accuracy)
    return AuditedNetwork(name=name, rank=rank, fit="ridge", accuracy=estimate, log_loss=0.25)


AUDIT = RankingAudit(
    networks=(network("a_long_name_of_a_network", 1.3, 0.91), network("b", 1.9, 0.93)), best="b", weighted_tau=-1.0,
    regret=Estimate(value=0.02, low=-0.01, high=0.05), by_score={"logme": -1.0, "leep": None}, num_rows=812, sentence="",
)  # fmt: skip


def test_runs_audit_without_audits_says_so(tmp_path, headstart_command):
    answer = headstart_command("runs", tmp_path, "--audit")
    assert " ".join(answer.out.split()) == f"No run in {tmp_path} fitted two ranked networks alike."
    assert json.loads(headstart_command("runs", tmp_path, "--audit", "--json").out) is None


def test_runs_audit_gives_what_always_taking_a_network_costs(monkeypatch, tmp_path, headstart_command):
    from headstart.planning.ranking.ranking_history import history_of
    from headstart.workflows import runs

    monkeypatch.setattr(runs, "audit_runs", lambda folder: history_of([("digits", AUDIT), ("digits", AUDIT), ("cells", AUDIT)]))
    lines = headstart_command("runs", tmp_path, "--audit").out.splitlines()
    assert max(map(len, lines)) <= 80
    assert next(line.split() for line in lines if line.startswith("b ")) == ["b", "3", "0", "3", "0.0", "[0.0,", "0.0]"]
    assert next(line.split() for line in lines if line.startswith("a_long"))[1:5] == ["3", "3", "0", "2.0"]
    assert next(line.split() for line in lines if line.startswith("logme"))[1] == "-1.00"
    found = json.loads(headstart_command("runs", tmp_path, "--audit", "--json").out)
    assert (found["num_runs"], found["num_sets"], set(found["by_score"])) == (3, 2, {"logme"})
