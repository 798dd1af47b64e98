"""`headstart rank`: candidates by transferability."""

from __future__ import annotations

from headstart.cli import _options as options
from headstart.cli._audit_views import matrix_view, stages_view
from headstart.cli._printing import answer, said
from headstart.cli._views import ranking_view, sources_view

POSITION = 11


def rank(
    data: options.Data,
    pretrained: options.PretrainedNames = None,
    weights: options.Weights = "pretrained",
    source: options.Sources = None,
    target_domain: options.TargetDomains = None,
    seed: options.Seed = 0,
    per_class: options.PerClass = None,
    test: options.Test = None,
    numbers: options.Numbers = None,
    as_json: options.Json = False,
) -> None:
    """Rank the models to transfer from, with intervals and baselines, and the sources if there are some.

    Beside them stands how well earlier rankings did, by the fits of the runs in runs/. It does not change the ranking.
    """
    from headstart.multioutput.task import OutputTask
    from headstart.workflows.arguments import reading_of
    from headstart.workflows.rank import rank_with_sources
    from headstart.workflows.runs import audit_runs
    from headstart.workflows.task_given import task_or_outputs

    given = task_or_outputs(data, reading_of(data, source, target_domain, seed, per_class, test), numbers)
    made = rank_with_sources(given.images if isinstance(given, OutputTask) else given, pretrained, weights)
    history = audit_runs()
    found = {**made.ranking.to_dict(), "audit": history.to_dict() if history else None}
    blocks = [ranking_view(found), "", said(made.ranking.sentence, style="bold")]
    if made.ranking.depth:
        blocks += ["", stages_view(found), "", made.ranking.depth]
    if made.by_sources:
        blocks.append("The target has too few labels to rank by: the labels of the sources are used.")
    if made.sources:
        found["sources"] = made.sources.to_dict()
        blocks += ["", sources_view(found["sources"]), "", said(made.sources.sentence, style="bold")]
        blocks += ["", matrix_view(found["sources"]["matrix"]), "", made.sources.pairs]
    if history:
        blocks += ["", history.sentence]
    answer(as_json, found, *blocks)
