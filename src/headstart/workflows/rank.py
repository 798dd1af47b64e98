"""Rank: candidates by transferability."""

from __future__ import annotations

from collections.abc import Sequence

from headstart.backbones.catalog import card_of, pretrained, provider_of
from headstart.backbones.pretrained import Pretrained
from headstart.core.errors import PlanError
from headstart.data.sources.task_with_sources import with_stand_in
from headstart.data.task import Task
from headstart.planning.label_contamination import check_contamination
from headstart.planning.ranking.rank import rank as rank_cards
from headstart.planning.ranking.ranking import Ranking
from headstart.workflows.arguments import Data, Names, task_from


def rank(
    data: Data,
    pretrained: Names | Sequence[Pretrained] = (),
    *,
    source: Names = (),
    target_domain: Names = (),
    seed: int = 0,
    per_class: int | None = None,
) -> Ranking:
    """Candidates by transferability, with spread and baselines.

    Args:
        data: A task or a place. Where the target has too few labels to rank by, those of the sources stand in.
        pretrained: Names or cards of the candidates; none for all whose weights are here.
        source: Places of labeled images of other domains.
        target_domain: Domains of the place that are the target.
        seed: Of split and folds.
        per_class: Labeled training rows to keep a class; None for all.

    Returns:
        The ranking.

    Raises:
        DataError: The data cannot be used, or show fewer than two classes.
        PlanError: There is no candidate.
        PretrainedError: A candidate cannot be loaded.
    """
    task = task_from(data, source, target_domain, seed, per_class)
    return rank_cards(with_stand_in(task), cards_named(pretrained, task))


def cards_named(names: Names | Sequence[Pretrained], task: Task) -> list[Pretrained]:
    """The candidates to transfer from.

    Args:
        names: Names or cards; without any, every model whose weights are here and that may be judged on the task.
        task: What is to be learned: a model of one's own that learned its labels is no candidate unless it is named.

    Returns:
        The cards.

    Raises:
        PretrainedError: No model has that name.
    """
    if isinstance(names, str):
        return [card_of(names)]
    if names:
        return [name if isinstance(name, Pretrained) else card_of(str(name)) for name in names]  # type: ignore[union-attr]
    here = [card for card in pretrained() if card.available and provider_of(card).pretrained]
    return [card for card in here if not _knows(card, task)]


def _knows(card: Pretrained, task: Task) -> bool:
    try:
        check_contamination(task, [(card.name, "pretrained")])
    except PlanError:
        return True
    return False
