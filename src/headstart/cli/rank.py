"""`headstart rank`: candidates by transferability."""

from __future__ import annotations

from headstart.cli import _options as options

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
    """Rank the models that could be transferred from, with spread and baselines, and judge the sources, if any."""
    from headstart.cli._printing import plain, print_json, show
    from headstart.cli._views import ranking_view, sources_view
    from headstart.data.reading import read_task
    from headstart.data.sources.task_with_sources import with_stand_in
    from headstart.planning.ranking.rank import rank as rank_cards
    from headstart.planning.sources.source_selection import judge_sources_by
    from headstart.workflows.rank import cards_named

    task = read_task(data, seed, per_class, sources=source or (), target=target_domain or ())
    ranked = with_stand_in(task)
    ranking = rank_cards(ranked, cards_named(pretrained, task))
    sources = judge_sources_by(task, ranking) if task.source else None
    if as_json:
        print_json({**ranking.to_dict(), **({"sources": sources.to_dict()} if sources else {})})
        return
    show(ranking_view(ranking.to_dict()), "", plain(ranking.sentence, "bold"))
    if ranked is not task:
        show(plain("The target has no labels to rank by; the sources' stand in."))
    if sources:
        show("", sources_view(sources.to_dict()), "", plain(sources.sentence, "bold"))
