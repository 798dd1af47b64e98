"""Whether meta-training on a source of many classes pays: judged on episodes of classes that it did not see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from headstart.core.errors import PlanError
from headstart.core.estimate import Estimate
from headstart.core.records import Record
from headstart.core.seeds import generator_for, seed_for
from headstart.core.types import Floats, Integers
from headstart.evaluation.episodes import LogitsOf, correct_queries, interval_over_classes
from headstart.features.feature_set import FeatureSet
from headstart.features.representation import Representation
from headstart.heads.class_statistics import compact
from headstart.heads.principal_components import PrincipalComponents
from headstart.heads.unlabeled_pool import NUM_AXES
from headstart.losses.episodic import cosine_logits, prototypes
from headstart.methods import METHODS, method_from
from headstart.methods.meta_learner import MetaLearner
from headstart.training.episodes import Episodes, draw_episodes
from headstart.training.inner_loop import Parameters

KINDS = ("whitened_mean", "proto_net", "meta_baseline", "r2_d2")
"""What is tried where nothing is named. Those by inner steps of gradient descent took ten times as long and were never better on
emoji identities."""
HELD_OUT = 0.4
"""Of the classes that have two images: those that judge."""
LEAST_HELD = 8
"""Held-out classes below this number prove nothing."""
MOST_WAYS = 20
NUM_EPISODES = 600


class MetaLearnerSelection(Record):
    """What comes out of the choice.

    Attributes:
        kind: The meta-learner that is kept; None for the plain head on frozen features.
        plain: Accuracy of the plain head on held-out classes; None where nothing was tried.
        gains: What each meta-learner gains over it, with the mean +- 2 standard errors over classes.
        ways: Classes an episode; 0 where nothing was tried.
        sentence: What was chosen, and why.
    """

    kind: str | None
    plain: float | None
    gains: dict[str, Estimate]
    ways: int
    sentence: str


@dataclass(frozen=True)
class Embedding:
    """A meta-learned embedding, ready for new classes.

    Attributes:
        method: Which meta-learner.
        projection: Features to rows.
        parameters: What it learned.
    """

    method: MetaLearner
    projection: PrincipalComponents
    parameters: Parameters

    def logits(self, support: Floats, targets: Tensor, query: Floats) -> Floats:
        """Logits of query rows, float64 [query row, way], from support rows with one-hot targets."""
        with torch.no_grad():
            found = self.method.logits(self.parameters, torch.from_numpy(support), targets, torch.from_numpy(query))
        return np.asarray(found.numpy(), np.float64)

    def embedded(self, rows: Floats) -> Floats:
        """Rows in the embedding before it is adapted, float32 [sample, embedded]."""
        return np.asarray(rows @ self.parameters["embedding"].numpy(), np.float32)


def meta_learner(kind: str) -> MetaLearner:
    """The meta-learner of that name.

    Args:
        kind: The method's kind.

    Returns:
        The meta-learner with its default settings.

    Raises:
        PlanError: There is no such method, or it is none.
    """
    method = method_from({"kind": kind})
    if not isinstance(method, MetaLearner):
        known = [name for name in METHODS.names() if issubclass(METHODS.get(name), MetaLearner)]
        raise PlanError(f'"{kind}" is not a meta-learner. Known: {", ".join(known)}.')
    return method


def meta_trained_on(
    kind: str, features: FeatureSet, labels: Integers, domains: Integers | None = None, seed: int = 0
) -> Embedding:
    """The embedding that a meta-learner makes of a source.

    Args:
        kind: Of the meta-learner.
        features: Of the source.
        labels: int64 [sample].
        domains: int64 [sample]; None for one domain.
        seed: Decides axes and episodes.

    Returns:
        The embedding.
    """
    method = meta_learner(kind)
    projection = PrincipalComponents.scaled(features, method.blocks, NUM_AXES, seed)
    return Embedding(method, projection, method.meta_train(projection.rows(features), compact(labels), domains, seed))


def choose_meta_learner(
    features: FeatureSet,
    labels: Integers,
    domains: Integers | None = None,
    seed: int = 0,
    kinds: Sequence[str] = KINDS,
    shots: int = 1,
) -> MetaLearnerSelection:
    """The meta-learner that is better than the plain head on classes it did not see by more than two standard errors, or none.

    Each is trained on six classes of ten and judged on the others, by the same episodes as the plain head: cosine to mean
    directions of frozen features. The standard error is that over held-out classes, as more episodes of the same classes are no
    more evidence.

    Args:
        features: Of the source.
        labels: int64 [sample].
        domains: int64 [sample]; None for one domain. With several, support comes from one and queries from another.
        seed: Decides who is held out, and the episodes.
        kinds: What is tried.
        shots: Support images a class.

    Returns:
        The choice.
    """
    held = _held_out(labels, shots, seed)
    ways = min(MOST_WAYS, len(held) // 2)
    if len(held) < LEAST_HELD:
        return MetaLearnerSelection(kind=None, plain=None, gains={}, ways=0, sentence=_too_few(labels, shots))
    judging = np.isin(labels, held)
    episodes = _episodes(np.where(judging, labels, -1), domains, ways, shots, seed)
    base = np.flatnonzero(~judging)
    seen = features.take(base)
    plain = torch.from_numpy(Representation.fitted(seen, "stages").matrix(features))
    reference = correct_queries(lambda s, y, q: cosine_logits(q, prototypes(s, y), 1.0), plain, episodes)
    gains = {}
    for kind in kinds:
        found = meta_trained_on(kind, seen, labels[base], None if domains is None else domains[base], seed)
        correct = correct_queries(_logits_of(found), torch.from_numpy(found.projection.rows(features)), episodes)
        gains[kind] = interval_over_classes((correct - reference).ravel(), labels[episodes.query].ravel())
    return _chosen(float(reference.mean()), gains, ways, len(held))


def _logits_of(found: Embedding) -> LogitsOf:
    return lambda support, targets, query: found.method.logits(found.parameters, support, targets, query)


def _held_out(labels: Integers, shots: int, seed: int) -> Integers:
    """The classes that judge."""
    usable = np.flatnonzero(np.bincount(labels) > shots)
    number = int(HELD_OUT * len(usable))
    return np.sort(generator_for(seed, "held-out classes").permutation(usable)[:number])


def _episodes(labels: Integers, domains: Integers | None, ways: int, shots: int, seed: int) -> Episodes:
    """Support from the first domain and queries from the second where classes stand in both, else from the same rows."""
    draw = seed_for(seed, "judging episodes")
    if domains is not None:
        masks = (domains == 0, domains == 1)
        counts = [np.bincount(labels[mask & (labels >= 0)], minlength=int(labels.max()) + 1) for mask in masks]
        if ((counts[0] >= shots) & (counts[1] >= 1)).sum() >= ways:
            return draw_episodes(labels, ways, shots, 1, NUM_EPISODES, draw, *masks)
    return draw_episodes(labels, ways, shots, 1, NUM_EPISODES, draw)


def _too_few(labels: Integers, shots: int) -> str:
    num = int((np.bincount(labels) > shots).sum())
    return (
        f"The plain head is used: the source has {num} classes with more than {shots} image{'s' * (shots != 1)}, and "
        f"{round(LEAST_HELD / HELD_OUT)} are needed to tell on unseen ones whether meta-training pays."
    )


def _chosen(plain: float, gains: dict[str, Estimate], ways: int, num_held: int) -> MetaLearnerSelection:
    best = max(gains, key=lambda kind: gains[kind].value)
    gain = gains[best]
    kept = gain.low > 0
    measured = (
        f"it {'gains' if gain.value >= 0 else 'loses'} {100 * abs(gain.value):.1f} points +- {100 * (gain.value - gain.low):.1f} "
        f"(2 standard errors) over the plain head's {100 * plain:.1f} % at {ways} ways on {num_held} classes it did not see"
    )
    if kept:
        sentence = f"{best} is kept: {measured}."
    else:
        sentence = f"The plain head is used: {best} is the best meta-learner, and {measured}, which may be chance."
    return MetaLearnerSelection(kind=best if kept else None, plain=plain, gains=gains, ways=ways, sentence=sentence)
