"""Rank: candidates to transfer from, by scores of their frozen features, before anything is trained."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import softmax

from headstart.backbones.backbone import Backbone
from headstart.backbones.catalog import card_of, provider_of, usable
from headstart.backbones.input_size import input_pixels_for
from headstart.backbones.label_contamination import check_contamination
from headstart.backbones.loading import load_backbone
from headstart.backbones.pretrained import Pretrained
from headstart.core.errors import DataError, PlanError
from headstart.core.seeds import generator_for
from headstart.core.steps import Steps
from headstart.core.types import Booleans, Floats, Integers
from headstart.data.images import ImageSet
from headstart.data.task import Task
from headstart.evaluation.intervals import wilson
from headstart.features.extract import features_of
from headstart.features.feature_set import FeatureSet, LabeledFeatures
from headstart.features.representation import Representation
from headstart.planning.ranking.rank_aggregation import NUM_SCORE_DRAWS, Aggregated, CandidateScores, aggregate, half_samples
from headstart.planning.ranking.ranking import RankedCandidate, Ranking
from headstart.planning.ranking.stage_scores import depth_sentence, stage_scores
from headstart.scores import SCORES
from headstart.scores.ridge_loo import ridge_head

ROWS_A_CLASS = 100
MOST_ROWS = 2_000
"""Labeled rows that candidates are scored on, at most. With 50 labels a class the leader by mean rank was 0.7 points below the
best of 28 candidates on solar cells, with 20 it was the best on digits."""
GROUPS_A_CLASS = 5
"""With this many groups a class, one row a group is used: rows of one group predict one another. Chosen, not measured."""


@dataclass(frozen=True)
class _Entry:
    """A candidate and how to load it."""

    name: str
    card: Pretrained
    weights: str
    baseline: bool


def rank(
    task: Task,
    cards: Sequence[Pretrained],
    *,
    steps: Steps | None = None,
    weights: str | Path = "pretrained",
) -> Ranking:
    """Candidates by transferability, with spread, evidence and baselines.

    Takes the features of 100 training rows a class and 2,000 in all at most, once for each candidate. A random initialization of
    the leading architecture and the raw pixels are ranked too: where they are not told apart from the leader, no knowledge was
    transferred. Feature vectors have one candidate, themselves.

    Args:
        task: What is to be learned.
        cards: Candidates; those whose weights are absent are left out, unless all are.
        steps: Where finished candidates are kept for a restart; None keeps nothing.
        weights: "pretrained", or a file of weights for the only card.

    Returns:
        The ranking.

    Raises:
        DataError: There are fewer than two classes with labeled rows.
        PlanError: There is no candidate.
        PretrainedError: A candidate cannot be loaded.
    """
    entries = _entries(task, cards, str(weights))
    rows = rows_to_rank(task.train, task.seed)
    scorer = _Scorer(task, task.train.take(rows), steps)
    scores = {entry.name: scorer.scores(entry) for entry in entries}
    prior = max(entries, key=lambda entry: entry.card.source_accuracy or 0.0).name
    if not task.train.images.embedded:
        top = aggregate(scores, scorer.halves, scorer.chance).order[0]
        entries += _baselines(next(entry for entry in entries if entry.name == top))
        scores |= {entry.name: scorer.scores(entry) for entry in entries if entry.baseline}
    baselines = frozenset(entry.name for entry in entries if entry.baseline)
    return _ranking(aggregate(scores, scorer.halves, scorer.chance, baselines, prior), entries, scores, len(rows))


def check_candidates(task: Task, cards: Sequence[Pretrained], weights: str = "pretrained") -> None:
    """Refuse candidates none of which can be transferred from, or one that has learned the labels that it is ranked on.

    Feature vectors need no candidate. Raises `PlanError`.
    """
    check_contamination(task, [(card.name, weights) for card in cards])
    if task.train.images.embedded or any(provider_of(card).pretrained for card in cards):
        return
    if not cards:
        raise PlanError("There is no pretrained model to rank. Name one with --pretrained; `headstart models` lists all.")
    names = " and ".join(card.name for card in cards)
    raise PlanError(
        f"--pretrained {names}: no model to transfer from, as nothing was learned before. Name another (`headstart models` lists "
        "all), or let `headstart fit` fit this one."
    )


def rows_to_rank(images: ImageSet, seed: int) -> Integers:
    """The training rows that candidates are scored on, int64 indices, ascending.

    At most 100 a class and 2,000 in all, one a group where groups abound; the seed decides which. Raises `DataError` where fewer
    than two classes have labeled rows.
    """
    labels = images.labels
    present = np.unique(labels[labels >= 0])
    if len(present) < 2:
        raise DataError(
            f"Ranking needs labeled images of at least 2 classes and met {len(present)}. Label some of another class."
        )
    order = generator_for(seed, "rank", "rows").permutation(np.flatnonzero(labels >= 0))
    groups = images.groups[order]
    if len(np.unique(groups)) >= GROUPS_A_CLASS * len(present):
        order = order[np.sort(np.unique(groups, return_index=True)[1])]
    share = max(2, min(ROWS_A_CLASS, MOST_ROWS // len(present)))
    return np.sort(np.concatenate([order[labels[order] == label][:share] for label in present]))


def scores_of(features: FeatureSet, labels: Integers, halves: Booleans) -> CandidateScores:
    """Every score of one candidate on labeled rows, with what the half-samples, bool [draw, sample], need.

    Scores are taken on all stages side by side, each centered and of unit length per row, then on each stage alone.
    """
    begun = time.perf_counter()
    matrix = Representation.fitted(features, "stages").matrix(features)
    logits = features.source_logits
    labeled = LabeledFeatures(matrix, labels, None if logits is None else softmax(np.asarray(logits, np.float64), axis=1))
    scores = {name: score(labeled) for name, score in SCORES.all().items()}
    rows_of = SCORES.having("by_row")
    by_row = {name: labeled.once(rows) for name, rows in rows_of.items() if rows and scores[name] is not None}
    drawn = [np.flatnonzero(half) for half in halves[: _num_score_draws(len(labels))]]
    by_draw = {name: _by_draw(name, labeled, drawn) for name, rows in rows_of.items() if not rows}
    head = labeled.once(ridge_head)
    return CandidateScores(
        scores=scores,
        by_row={name: tuple(values.tolist()) for name, values in by_row.items()},
        by_draw={name: tuple(values.tolist()) for name, values in by_draw.items()},
        num_correct=int((head.loo_scores.argmax(axis=1) == labels[head.loo_rows]).sum()),
        seconds=time.perf_counter() - begun,
        stages=stage_scores(features, labels),
    )


def _by_draw(name: str, labeled: LabeledFeatures, drawn: list[Integers]) -> Floats:
    """A score on each sub-set of the rows; nan where it is not defined."""
    by_draw = SCORES.having("by_draw")[name]
    if by_draw:
        return np.asarray(by_draw(labeled, drawn))
    return np.array([SCORES.get(name)(labeled.take(rows)) for rows in drawn], np.float64)


def _num_score_draws(num_rows: int) -> int:
    """Fewer draws of more rows: each takes time cubic in the rows."""
    return NUM_SCORE_DRAWS if num_rows <= 1_000 else NUM_SCORE_DRAWS // 3


class _Scorer:
    """Computes, or reads back, each candidate's scores on the same rows."""

    def __init__(self, task: Task, sample: ImageSet, steps: Steps | None) -> None:
        self.task = task
        self.sample = sample
        self.steps = steps
        self.labels = np.unique(sample.labels, return_inverse=True)[1]
        self.halves = half_samples(self.labels, task.seed)
        self.chance = float(np.bincount(self.labels).max() / len(self.labels))

    def scores(self, entry: _Entry) -> CandidateScores:
        begun = time.perf_counter()
        pixels = input_pixels_for(entry.card, self.task)
        backbone = load_backbone(entry.card.name, entry.weights, pixels, self.task.seed)

        def make(folder: Path | None = None) -> CandidateScores:
            found = scores_of(features_of(self.sample, backbone), self.labels, self.halves)
            return found.model_copy(update={"seconds": time.perf_counter() - begun})

        if self.steps is None:
            return make()
        return self.steps.run("evidence", self._inputs(entry, backbone, pixels), CandidateScores, make)

    def _inputs(self, entry: _Entry, backbone: Backbone, pixels: int) -> dict[str, object]:
        return {
            "rows": self.sample.fingerprint,
            "seed": self.task.seed,
            "card": entry.card.name,
            "weights_hash": backbone.weights_hash,
            "pixels": pixels,
            "scores": SCORES.names(),
            "alone": "each stage",
        }


def _entries(task: Task, cards: Sequence[Pretrained], weights: str) -> list[_Entry]:
    if task.train.images.embedded:
        own = card_of("embeddings")
        return [_Entry(own.name, own, "pretrained", baseline=False)]
    check_candidates(task, cards, weights)
    return [_Entry(card.name, card, weights, baseline=False) for card in usable(cards, weights)]


def _baselines(top: _Entry) -> list[_Entry]:
    pixels = card_of("pixels")
    found = [_Entry(pixels.name, pixels, "pretrained", baseline=True)]
    if top.weights != "none":
        found.insert(0, _Entry(f"{top.name} (random initialization)", top.card, "none", baseline=True))
    return found


def _ranking(found: Aggregated, entries: list[_Entry], scores: dict[str, CandidateScores], num_rows: int) -> Ranking:
    by_name = {entry.name: entry for entry in entries}
    candidates = [
        RankedCandidate(
            name=name,
            pretrained=by_name[name].card.name,
            weights=by_name[name].weights,
            baseline=by_name[name].baseline,
            scores=scores[name].scores,
            rank=found.ranks[name],
            first_probability=found.first_probability[name],
            estimate=wilson(scores[name].num_correct, num_rows),
            seconds=scores[name].seconds,
            stages=scores[name].stages,
        )
        for name in found.order
    ]
    leader = next((one for one in candidates if not one.baseline), candidates[0])
    return Ranking(
        candidates=tuple(candidates),
        chosen=found.shortlist,
        distinguishable=found.distinguishable,
        sentence=found.sentence,
        num_images=num_rows,
        depth=depth_sentence(leader.name, leader.stages, leader.estimate),
    )
