"""`headstart rank`: candidates by transferability."""

from __future__ import annotations

from headstart.cli import _options as options

POSITION = 11


def rank(
    data: options.Data,
    pretrained: options.PretrainedNames = None,
    seed: options.Seed = 0,
    per_class: options.PerClass = None,
    as_json: options.Json = False,
) -> None:
    """Rank the models that could be transferred from, with spread and canaries."""
    from headstart.cli._candidates import cards_named
    from headstart.cli._printing import plain, print_json, show
    from headstart.cli._views import ranking_view
    from headstart.data.task import Task
    from headstart.planning.rank import rank as rank_cards

    ranking = rank_cards(Task.from_folder(data, seed, per_class), cards_named(pretrained))
    if as_json:
        print_json(ranking.to_dict())
    else:
        show(ranking_view(ranking.to_dict()), "", plain(ranking.sentence, "bold"))
