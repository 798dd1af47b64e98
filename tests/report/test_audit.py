"""The ranking against real fits, in the report."""

from __future__ import annotations

from dataclasses import replace

from headstart.core.estimate import Estimate
from headstart.planning.ranking.ranking_audit import AuditedNetwork, RankingAudit
from headstart.report.html import report_html


def network(name, rank, accuracy):
    around = Estimate(value=accuracy, low=accuracy - 0.02, high=accuracy + 0.02)
    return AuditedNetwork(name=name, rank=rank, fit=f"ridge on stages of {name}", accuracy=around, log_loss=0.25)


AUDIT = RankingAudit(
    networks=(network("efficientnet_lite1", 1.3, 0.91), network("<b>", 1.9, 0.93)), best="<b>", weighted_tau=-1.0,
    regret=Estimate(value=0.02, low=-0.01, high=0.05), by_score={"logme": -1.0, "leep": None, "n_leep": 0.5}, num_rows=812,
    sentence="By real fits <b> is the best.",
)  # fmt: skip


def test_the_report_shows_the_order_of_real_fits(make_run):
    run, task = make_run()
    page = report_html(replace(run, decision=run.decision.model_copy(update={"audit": AUDIT})), task)
    section = page[page.index("The ranking against real fits") :].partition("</section>")[0]
    assert "<p>By real fits &lt;b&gt; is the best.</p>" in section
    assert '&lt;b&gt;<span class="tag on">best</span>' in section
    assert "91.0%" in section
    assert "on the same 812 held-out images" in section
    assert "By single scores: logme −1.00, n leep 0.50." in section


def test_without_an_audit_the_report_says_nothing_of_it(make_run):
    run, task = make_run()
    assert "The ranking against real fits" not in report_html(run, task)
