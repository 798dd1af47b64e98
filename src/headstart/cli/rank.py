"""`headstart rank`: candidates by transferability."""

from __future__ import annotations

from headstart.cli import _options as options
from headstart.cli._printing import answer, plain
from headstart.cli._views import ranking_view, sources_view

POSITION = 11


def rank(
    data: options.Data,
    pretrained: options.PretrainedNames = None,
    source: options.Sources = None,
    target_domain: options.TargetDomains = None,
    seed: options.Seed = 0,
    per_class: options.PerClass = None,
    as_json: options.Json = False,
) -> None:
    """Rank the models that could be transferred from, with spread and baselines, and the sources, if any."""
    from headstart.data.reading import read_task
    from headstart.data.sources.task_with_sources import with_source_as_train
    from headstart.planning.ranking.rank import rank as rank_cards
    from headstart.planning.sources.source_selection import select_sources_by
    from headstart.workflows.rank import cards_named

    task = read_task(data, seed, per_class, sources=source or (), target=target_domain or ())
    ranked = with_source_as_train(task)
    ranking = rank_cards(ranked, cards_named(pretrained, task))
    parts = [ranking_view(ranking.to_dict()), "", plain(ranking.sentence, "bold")]
    if ranked is not task:
        parts.append("The target has no labels to rank by; the sources' stand in.")
    found = ranking.to_dict()
    if task.source:
        sources = select_sources_by(task, ranking)
        found["sources"] = sources.to_dict()
        parts += ["", sources_view(found["sources"]), "", plain(sources.sentence, "bold")]
    answer(as_json, found, *parts)
