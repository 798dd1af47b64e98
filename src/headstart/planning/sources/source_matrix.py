"""Source matrix: what each source adds by each ranked network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from headstart.backbones.catalog import card_of
from headstart.backbones.input_size import input_pixels_for
from headstart.backbones.loading import load_backbone
from headstart.data.task import Task
from headstart.heads.class_statistics import compact
from headstart.heads.ridge_leave_one_out import fit_ridge
from headstart.planning.ranking.ranking import RankedCandidate, Ranking
from headstart.planning.sources.domain_features import DomainFeatures, domain_features
from headstart.planning.sources.source_gain import accuracy_of, best_weight, gain_of, rows_that_decide
from headstart.planning.sources.source_ranking import NetworkSources, SourceCell
from headstart.shift.joint_ridge import Labeled, leave_target_out
from headstart.shift.proxy_a_distance import proxy_a_distance

MOST_ROWS = 300
"""Rows of the target, and labeled ones of each source, for the matrix: a matter of time. Where two models differ on a fifth of so
many rows, a gain of five points is beyond noise."""
MOST_SOURCE_ROWS = 900
"""Rows of all sources together for the matrix, a matter of time: on two sources and three networks it takes seconds."""


def source_matrix(task: Task, ranking: Ranking) -> tuple[NetworkSources, ...]:
    """A row for each ranked network and a cell for each source, on fewer rows than the selection of sources uses.

    Args:
        task: With a source; test labels and those of unlabeled rows are not read.
        ranking: The networks; baselines are left out.

    Returns:
        The rows in the order of the ranking.
    """
    return tuple(_network(task, one) for one in ranking.candidates if not one.baseline)


def _network(task: Task, one: RankedCandidate) -> NetworkSources:
    backbone = load_backbone(one.pretrained, one.weights, input_pixels_for(card_of(one.pretrained), task), task.seed)
    domains = domain_features(task, backbone, MOST_ROWS, MOST_SOURCE_ROWS)
    fair = rows_that_decide(domains.target)
    alone = leave_target_out(domains.target, [], domains.num_classes, fair) if len(fair) else None
    cells = []
    for name, source in domains.sources.items():
        gain = None
        if alone is not None:
            _, joint = best_weight(domains, [], source, fair)
            gain = gain_of(domains, joint, alone, fair).accuracy_gain
        distance = proxy_a_distance(domains.source_rows[name], domains.target_rows)
        cells.append(SourceCell(source=name, gain=gain, target_accuracy=_on_target(domains, source), proxy_a=distance))
    return NetworkSources(
        network=one.name,
        alone=None if alone is None else accuracy_of(alone, domains.target.labels, fair),
        num_rows=len(fair),
        cells=tuple(cells),
    )


def _on_target(domains: DomainFeatures, source: Labeled) -> float | None:
    """Accuracy of a probe on the source's rows alone, on all labeled target rows."""
    target, present = domains.target, np.unique(source.labels)
    if not len(target):
        return None
    fit = fit_ridge(source.rows, compact(source.labels), len(present), groups=source.groups)
    predicted = present[(target.rows @ fit.weight + fit.bias).argmax(axis=1)]
    return float((predicted == target.labels).mean())


def pairs_sentence(matrix: Sequence[NetworkSources]) -> str:
    """The network and source that predict the target best together; empty where no target labels tell."""
    pairs = [
        (row, cell, row.alone + cell.gain.value) for row in matrix for cell in row.cells if cell.gain and row.alone is not None
    ]
    if not pairs:
        return ""
    row, cell, accuracy = max(pairs, key=lambda pair: pair[2])
    assert cell.gain is not None
    gain = f"{100 * cell.gain.value:+.1f} points [{100 * cell.gain.low:+.1f}, {100 * cell.gain.high:+.1f}]"
    among = f" best of {len(pairs)} pairs" if len(pairs) > 1 else ""
    return (
        f"{row.network} with {cell.source} predicts left-out target images{among}: {accuracy:.1%}, {gain} by the source, on "
        f"{row.num_rows} images."
    )
