"""Meta-learner selection: whether meta-training on a source of many classes pays, by episodes of held-out classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from headstart.core.errors import PlanError
from headstart.core.estimate import Estimate
from headstart.core.records import Record
from headstart.core.seeds import generator_for, seed_for
from headstart.core.types import Floats, Integers
from headstart.evaluation.episodes import correct_queries, interval_over_classes
from headstart.features.feature_set import FeatureSet
from headstart.features.representation import Representation
from headstart.heads.class_statistics import compact
from headstart.heads.principal_components import PrincipalComponents
from headstart.heads.unlabeled_pool import NUM_AXES
from headstart.losses.episodic import cosine_logits, prototypes
from headstart.methods import METHODS, method_from
from headstart.methods.meta_learner import MetaLearner
from headstart.training.episodes import Episodes, draw_episodes
from headstart.training.meta_training import Parameters

KINDS = ("whitened_mean", "proto_net", "meta_baseline", "r2_d2")
"""The meta-learners that are compared."""
HELD_OUT = 0.4
"""Share of the classes with enough images that are held out of meta-training to compare on. Chosen, not measured."""
FEWEST_HELD_OUT = 8
"""With fewer held-out classes nothing is compared. Chosen, not measured."""
MOST_WAYS = 20
"""The largest number of classes an episode; emoji identities were measured with 5 and 20."""
NUM_EPISODES = 600
"""Number of episodes to compare on, as usual in the literature, e.g. Snell et al., "Prototypical Networks", NeurIPS 2017."""


class MetaLearnerSelection(Record):
    """Which meta-learner is used, if any.

    Attributes:
        kind: The chosen meta-learner; None for the plain head on frozen features.
        plain: Accuracy of the plain head on held-out classes; None where nothing was compared.
        gains: Gain of each meta-learner over it: mean +- 2 standard errors over classes.
        ways: Classes an episode; 0 where nothing was compared.
        sentence: What was chosen, and why.
    """

    kind: str | None
    plain: float | None
    gains: dict[str, Estimate]
    ways: int
    sentence: str


@dataclass(frozen=True)
class Embedding:
    """A meta-learned embedding of frozen features.

    Attributes:
        method: The meta-learner.
        projection: From features to rows.
        parameters: The learned parameters.
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
        """Rows in the embedding, float32 [sample, embedded]."""
        return np.asarray(rows @ self.parameters["embedding"].numpy(), np.float32)


def meta_learner(kind: str) -> MetaLearner:
    """The meta-learner of that name, with its default settings; `PlanError` if there is none."""
    method = method_from({"kind": kind})
    if not isinstance(method, MetaLearner):
        known = [name for name in METHODS.names() if issubclass(METHODS.get(name), MetaLearner)]
        raise PlanError(f'"{kind}" is not a meta-learner. Known: {", ".join(known)}.')
    return method


def meta_trained_on(
    kind: str, features: FeatureSet, labels: Integers, domains: Integers | None = None, seed: int = 0
) -> Embedding:
    """The embedding that a meta-learner learns from a source's features, int64 [sample] labels and domains."""
    method = meta_learner(kind)
    projection = PrincipalComponents.scaled(features, method.blocks, NUM_AXES, seed)
    return Embedding(method, projection, method.meta_train(projection.rows(features), compact(labels), domains, seed))


def choose_meta_learner(
    features: FeatureSet,
    labels: Integers,
    domains: Integers | None = None,
    seed: int = 0,
    kinds: Sequence[str] = KINDS,
) -> MetaLearnerSelection:
    """The meta-learner that beats the plain head on held-out classes by more than two standard errors, or none.

    Each is trained on six classes of ten and compared on the others, on the same 1-shot episodes as the plain head: cosine to
    mean directions of frozen features. The standard error is that over held-out classes, as more episodes of the same classes
    are no more evidence.

    Args:
        features: Of the source.
        labels: int64 [sample].
        domains: int64 [sample]; None for one domain. With several, support comes from one and queries from another.
        seed: Decides which classes are held out, and the episodes.
        kinds: The meta-learners to compare.

    Returns:
        The choice.
    """
    test_classes = _test_classes(labels, seed)
    ways = min(MOST_WAYS, len(test_classes) // 2)
    if len(test_classes) < FEWEST_HELD_OUT:
        return MetaLearnerSelection(kind=None, plain=None, gains={}, ways=0, sentence=_too_few(labels))
    is_test = np.isin(labels, test_classes)
    episodes = _episodes(np.where(is_test, labels, -1), domains, ways, seed)
    base = np.flatnonzero(~is_test)
    base_features = features.take(base)
    plain = torch.from_numpy(Representation.fitted(base_features, "stages").matrix(features))
    reference = correct_queries(lambda s, y, q: cosine_logits(q, prototypes(s, y), 1.0), plain, episodes)
    gains = {}
    for kind in kinds:
        found = meta_trained_on(kind, base_features, labels[base], None if domains is None else domains[base], seed)
        logits_of = partial(found.method.logits, found.parameters)
        correct = correct_queries(logits_of, torch.from_numpy(found.projection.rows(features)), episodes)
        gains[kind] = interval_over_classes((correct - reference).ravel(), labels[episodes.query].ravel())
    return _chosen(float(reference.mean()), gains, ways, len(test_classes))


def _test_classes(labels: Integers, seed: int) -> Integers:
    usable = np.flatnonzero(np.bincount(labels) > 1)
    number = int(HELD_OUT * len(usable))
    return np.sort(generator_for(seed, "held-out classes").permutation(usable)[:number])


def _episodes(labels: Integers, domains: Integers | None, ways: int, seed: int) -> Episodes:
    """Support from the first domain and queries from the second where enough classes are in both, else both from all rows."""
    draw = seed_for(seed, "judging episodes")
    if domains is not None:
        masks = (domains == 0, domains == 1)
        counts = [np.bincount(labels[mask & (labels >= 0)], minlength=int(labels.max()) + 1) for mask in masks]
        if ((counts[0] > 0) & (counts[1] > 0)).sum() >= ways:
            return draw_episodes(labels, ways, 1, 1, NUM_EPISODES, draw, *masks)
    return draw_episodes(labels, ways, 1, 1, NUM_EPISODES, draw)


def _too_few(labels: Integers) -> str:
    return (
        f"The plain head is used: the source has {int((np.bincount(labels) > 1).sum())} classes with more than 1 image, and "
        f"{round(FEWEST_HELD_OUT / HELD_OUT)} are needed to measure on held-out classes whether meta-training pays."
    )


def _chosen(plain: float, gains: dict[str, Estimate], ways: int, num_test: int) -> MetaLearnerSelection:
    best = max(gains, key=lambda kind: gains[kind].value)
    gain = gains[best]
    measured = (
        f"it {'gains' if gain.value >= 0 else 'loses'} {100 * abs(gain.value):.1f} points +- {100 * (gain.value - gain.low):.1f} "
        f"(2 standard errors) over the plain head's {100 * plain:.1f} % at {ways} ways on {num_test} held-out classes"
    )
    if gain.low > 0:
        sentence = f"{best} is used: {measured}."
    else:
        sentence = f"The plain head is used: {best} is the best meta-learner, and {measured}, which may be chance."
    return MetaLearnerSelection(kind=best if gain.low > 0 else None, plain=plain, gains=gains, ways=ways, sentence=sentence)
