"""The section on unlabeled images shows the audit, and is not there without one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from headstart.evaluation.pseudo_label_audit import pseudo_label_audit
from headstart.report.html import report_html


def audit_of(num_classes: int):
    """Every class has ten labeled rows, and the last one most of the unlabeled ones."""
    names = tuple(f"class <{index}>" for index in range(num_classes))
    labels, pool = np.arange(10 * num_classes) % num_classes, np.r_[np.arange(num_classes), np.full(300, num_classes - 1)]
    held = 0.04 / num_classes + 0.96 * np.eye(num_classes)[labels]
    return pseudo_label_audit(np.eye(num_classes)[pool], held, labels, names)


@pytest.mark.slow
def test_without_unlabeled_images_there_is_no_section(make_run):
    run, task = make_run(("a", "b"), per_class=5, pixels=16)
    assert 'id="unlabeled"' not in report_html(run, task)


@pytest.mark.slow
@pytest.mark.parametrize("num_classes", [3, 100])
def test_it_shows_precision_and_shares_with_every_name_escaped(make_run, num_classes):
    run, task = make_run(tuple(f"class {index}" for index in range(num_classes)), per_class=5, pixels=16)
    audit = audit_of(num_classes)
    page = report_html(replace(run, pool_audit=audit), task)
    section = page[page.index('id="unlabeled"') :]
    section = section[: section.index("</section>")]
    assert "makes up" in section
    assert f"class &lt;{num_classes - 1}&gt;" in section
    assert "class <" not in section
    rows = section[section.index("Shares of the classes</h3>" if num_classes == 3 else "classes whose shares differ most") :]
    assert rows.count('<th scope="row">') == min(num_classes, 30)
    last = rows[rows.index(f"&lt;{num_classes - 1}&gt;") :]
    assert f"{100 * audit.classes[-1].predicted:.1f}%" in last[: last.index("</tr>")]
    assert "100.0%</td>" in section


@pytest.mark.slow
def test_where_nothing_confident_was_held_out_a_dash_stands_for_precision(make_run):
    run, task = make_run(("a", "b"), per_class=5, pixels=16)
    unsure = pseudo_label_audit(np.eye(2), np.full((4, 2), 0.5), np.array([0, 1, 0, 1]), ("a", "b"))
    page = report_html(replace(run, pool_audit=unsure), task)
    assert '<th scope="row">95%</th><td class="n">100.0%</td><td class="n">0</td><td class="n">–</td>' in page
