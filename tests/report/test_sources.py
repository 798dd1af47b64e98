"""The section on sources shows what each is worth and why it is used; it is not there without one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headstart.core.estimate import Estimate
from headstart.planning.sources.source_ranking import MeasuredSource, NetworkSources, SourceCell, SourceRanking
from headstart.report.html import report_html


def measured_source(name: str, weight: float, target_accuracy: Estimate | None, reason: str) -> MeasuredSource:
    return MeasuredSource(
        name=name,
        num_images=1234,
        num_classes=3,
        common_classes=(),
        name_overlap=None if target_accuracy is None else 0.75,
        agreement=None,
        proxy_a=1.634,
        mmd=-0.0301,
        otdd=None,
        leep=None,
        nce=None,
        own_accuracy=Estimate(value=0.967, low=0.9, high=0.99),
        own_chance=0.25,
        own_p_value=1e-9,
        target_accuracy=target_accuracy,
        weight=weight,
        reason=reason,
    )


@pytest.mark.slow
def test_without_sources_there_is_no_section(make_run):
    run, task = make_run(("a", "b"), per_class=5, pixels=16)
    assert 'id="sources"' not in report_html(run, task)


@pytest.mark.slow
def test_it_shows_each_source_with_its_reason_and_marks_those_in_use(make_run):
    run, task = make_run(("a", "b"), per_class=5, pixels=16)
    rows = (
        measured_source("night", 0.1, Estimate(value=0.512, low=0.4, high=0.6), "it <helps>"),
        measured_source("day", 0.0, None, "it says nothing"),
    )
    found = SourceRanking(
        sources=rows, choice="weights", used=("night",), num_labeled=7, sentence="By 7 labels, night.", notes=("A note.",)
    )
    page = report_html(replace(run, sources=found), task)
    section = page[page.index('id="sources"') :].split("</section>")[0]
    assert '<p class="lead">By 7 labels, night.</p>' in section
    assert '<tr class="is-chosen"><th scope="row">night<span class="sub">it &lt;helps&gt;</span></th>' in section
    used, unused = section.split("<tr")[2:4]
    for cell in ("1,234", "1.63", "−0.030", "75%", "96.7%", "51.2%", "0.1"):
        assert f'<td class="n">{cell}</td>' in used
    assert unused.count('<td class="n">–</td>') == 5
    assert "A note.</p>" in section


@pytest.mark.slow
def test_the_matrix_has_a_row_for_each_network(make_run):
    run, task = make_run(("a", "b"), per_class=5, pixels=16)
    cell = SourceCell(source="<day>", gain=Estimate(value=0.05, low=-0.02, high=0.1), target_accuracy=0.6, proxy_a=1.2)
    row = NetworkSources(network="net", alone=0.7, num_rows=31, cells=(cell,))
    found = SourceRanking(
        sources=(measured_source("<day>", 1.0, None, "it helps"),), choice="one", used=("<day>",), num_labeled=31,
        sentence="Day.", matrix=(row,), pairs="net with day.",
    )  # fmt: skip
    page = report_html(replace(run, sources=found), task)
    section = page[page.index("Each source by each network") :].split("</section>")[0]
    assert "<p>net with day.</p>" in section
    assert '<th class="n">&lt;day&gt;</th>' in section
    assert '<td class="n">70.0%</td><td class="n">+5.0<span class="sub">−2.0 to +10.0</span></td>' in section
    bare = row.model_copy(update={"alone": None, "num_rows": 0, "cells": (cell.model_copy(update={"gain": None}),)})
    few = report_html(replace(run, sources=found.model_copy(update={"matrix": (bare,), "pairs": ""})), task)
    assert '<td class="n">60.0%</td>' in few[few.index("Each source by each network") :].split("</section>")[0]
