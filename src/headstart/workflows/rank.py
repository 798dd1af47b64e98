"""Rank: candidates by transferability."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from headstart.backbones.catalog import card_of, pretrained, provider_of
from headstart.backbones.label_contamination import check_contamination
from headstart.backbones.pretrained import Names, Pretrained
from headstart.core.arguments import checked
from headstart.core.errors import PlanError
from headstart.data.sources.task_with_sources import with_source_as_train
from headstart.data.task import Task
from headstart.multioutput.task import OutputTask
from headstart.planning.ranking.rank import rank as rank_cards
from headstart.planning.ranking.ranking import Ranking
from headstart.planning.sources.source_ranking import SourceRanking
from headstart.planning.sources.source_selection import select_sources_by
from headstart.workflows.arguments import Data, Domains, Places, many, reading_of
from headstart.workflows.task_given import task_or_outputs


class Ranked(NamedTuple):
    """A ranking of models with one of sources.

    Attributes:
        ranking: The candidates.
        sources: The sources by what they help; None where there is none.
        by_sources: Whether the labels of the sources stood in for too few of the target.
    """

    ranking: Ranking
    sources: SourceRanking | None
    by_sources: bool


@checked
def rank(
    data: Data,
    pretrained: Names = (),
    *,
    weights: str = "pretrained",
    source: Places = (),
    target_domain: Domains = (),
    seed: int | None = None,
    per_class: int | None = None,
    test: float | None = None,
    numbers: str | None = None,
) -> Ranking:
    """Candidates by transferability, with spread and baselines.

    Where the target has too few labels to rank by, those of the sources stand in. Images with several labels are ranked by the
    rarest label of each, and with `numbers`, the heading of a column, by the fifth that each number lies in. The arguments are
    those of all verbs; see `headstart.workflows`.
    """
    check_weights(weights, many(pretrained))
    given = task_or_outputs(data, reading_of(data, source, target_domain, seed, per_class, test), numbers)
    task = given.images if isinstance(given, OutputTask) else given
    return rank_cards(with_source_as_train(task), cards_named(pretrained, task), weights=weights)


def rank_with_sources(task: Task, pretrained: Names = (), weights: str = "pretrained") -> Ranked:
    """The candidates as `rank` gives them, and the sources."""
    ranking = rank(task, pretrained, weights=weights)
    sources = select_sources_by(task, ranking) if task.source else None
    return Ranked(ranking, sources, with_source_as_train(task) is not task)


def check_weights(weights: str, names: Sequence[object]) -> None:
    """Refuse weights that no single model is named for, with a `PlanError`."""
    if weights != "pretrained" and len(names) != 1:
        raise PlanError(f"--weights {weights} needs exactly one --pretrained NAME: the architecture that the file is for.")


def cards_named(names: Names, task: Task) -> list[Pretrained]:
    """The cards of those names; without any, of every model whose weights are here and that has not learned the task's labels."""
    if given := many(names):
        return [card_of(name) for name in given]
    here = [card for card in pretrained() if card.available and provider_of(card).pretrained]
    return [card for card in here if not _knows(card, task)]


def _knows(card: Pretrained, task: Task) -> bool:
    try:
        check_contamination(task, [(card.name, "pretrained")])
    except PlanError:
        return True
    return False
