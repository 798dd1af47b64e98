"""TIM: prototypes of maximal information between unlabeled rows and classes (TIM)."""

from __future__ import annotations

from typing import Annotated, NamedTuple, final

import numpy as np
from pydantic import Field
from scipy.optimize import minimize
from scipy.special import log_softmax

from headstart.core.rows import linear_scores
from headstart.core.types import UNLABELED, Floats, Integers
from headstart.heads.class_statistics import class_means, one_hot, with_absent_classes
from headstart.heads.unlabeled_pool import UnlabeledPool
from headstart.methods._semi_supervised import SemiSupervisedProbe
from headstart.methods.heads import LinearHead

MOST_STEPS = 200
"""Steps of L-BFGS at most."""


class _Linear(NamedTuple):
    """scores = rows @ weight + bias."""

    weight: Floats
    bias: Floats


@final
class TIM(SemiSupervisedProbe):
    """Optimizes class prototypes so that predictions for unlabeled rows are confident and their mean keeps the labeled class
    shares.

    It maximizes the information between pictures and predicted classes, with the labels as a constraint. The result is one linear
    head.

    Needs: labeled rows, one a class suffices, and unlabeled pictures of the same kind, whose classes come in the shares of the
    labeled ones.
    Helps: with one to five labels a class where the shares are known to agree: 5 and 2 points over ridge on digits.
    Hurts: where the unlabeled rows show the classes in other shares, as they are then forced into the labeled ones, and
    on emoji: 5 to 7 points below ridge with 5 and 20 labels a class.

    Reference: Boudiaf et al., "Transductive information maximization for few-shot learning", NeurIPS 2020, eqs. 1-3.
    Differs: the marginal entropy, which assumes balance, becomes the divergence from the labeled class shares; features are rows
        along 256 principal axes instead of unit vectors; quasi-Newton steps instead of gradient descent.

    Attributes:
        blocks: What the prototypes live in.
        temperature: tau, the scale of scores; 15 as in the paper.
        cross_entropy: lambda, the weight of the labeled rows' loss.
        conditional: alpha, the weight of the unlabeled rows' mean entropy. 1 for both instead of the paper's 0.1 gains some 2
            points (digits, MNIST, clothing, emoji and solar cells, 1 to 20 labels a class).
    """

    temperature: Annotated[float, Field(gt=0, le=1000)] = 15.0
    cross_entropy: Annotated[float, Field(gt=0, le=100)] = 1.0
    conditional: Annotated[float, Field(gt=0, le=100)] = 1.0

    def head_of(self, pool: UnlabeledPool) -> tuple[LinearHead, float]:

        def scores_of(labels: Integers, rows: Integers) -> Floats:
            return linear_scores(pool.rows[rows], *self._prototypes(pool, labels))

        found = self._prototypes(pool, pool.labels)
        weight = np.asarray(pool.projection.axes @ found.weight, np.float32)
        return LinearHead(pool.projection.representation, weight, found.bias), pool.temperature(scores_of, self.temperature)

    def _prototypes(self, pool: UnlabeledPool, labels: Integers) -> _Linear:
        """Scores tau (w_k . z - |w_k|^2 / 2) of rows z, scaled to a mean squared length of 1, as weight and bias."""
        known = labels != UNLABELED
        present, numbered = np.unique(labels[known], return_inverse=True)
        scale = 1.0 / np.sqrt(np.mean(np.sum(pool.rows**2, axis=1, dtype=np.float64)))
        rows = np.asarray(pool.rows * scale, np.float64)
        problem = Information(rows[known], one_hot(numbered, len(present)), rows[~known], self)
        start = class_means(rows[known], numbered, len(present))
        found = minimize(problem.loss, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": MOST_STEPS})
        prototypes = found.x.reshape(start.shape)
        bias = -0.5 * self.temperature * (prototypes**2).sum(axis=1)
        lowest = float(linear_scores(rows, self.temperature * prototypes.T, bias).min()) - self.temperature
        return _Linear(*with_absent_classes(scale * self.temperature * prototypes.T, bias, present, pool.num_classes, lowest))


class Information(NamedTuple):
    """What TIM minimizes: lambda CE(labeled) + KL(mean p | labeled shares) + alpha mean H(p), the last two of unlabeled rows.

    Attributes:
        labeled: float64 [labeled row, feature].
        targets: float64 [labeled row, class], one-hot; every class has a row.
        unlabeled: float64 [unlabeled row, feature].
        weights: tau, lambda and alpha.
    """

    labeled: Floats
    targets: Floats
    unlabeled: Floats
    weights: TIM

    def loss(self, flat: Floats) -> tuple[float, Floats]:
        """The loss and its gradient at prototypes, float64 [class * feature]."""
        prototypes = flat.reshape(self.targets.shape[1], -1)
        cross_entropy, given = self._cross_entropy(prototypes)
        information, free = self._information(prototypes)
        gradient = self._through(given, self.labeled, prototypes) + self._through(free, self.unlabeled, prototypes)
        return cross_entropy + information, gradient.ravel()

    def _log_probs(self, rows: Floats, prototypes: Floats) -> Floats:
        scores = rows @ prototypes.T - 0.5 * (prototypes**2).sum(axis=1)
        return np.asarray(log_softmax(self.weights.temperature * scores, axis=1))

    def _cross_entropy(self, prototypes: Floats) -> tuple[float, Floats]:
        """The labeled rows' part and its derivative by their scores."""
        logs = self._log_probs(self.labeled, prototypes)
        weight = self.weights.cross_entropy / len(logs)
        return -weight * float((self.targets * logs).sum()), weight * (np.exp(logs) - self.targets)

    def _information(self, prototypes: Floats) -> tuple[float, Floats]:
        """The unlabeled rows' part and its derivative by their scores."""
        logs = self._log_probs(self.unlabeled, prototypes)
        probs = np.exp(logs)
        mean = np.maximum(probs.mean(axis=0), 1e-290)
        ratios = np.log(mean / self.targets.mean(axis=0))
        entropies = -(probs * logs).sum(axis=1, keepdims=True)
        alpha = self.weights.conditional
        value = float(mean @ ratios) + alpha * float(entropies.mean())
        by_scores = probs * (ratios - probs @ ratios[:, None] - alpha * (logs + entropies))
        return value, by_scores / len(probs)

    def _through(self, by_scores: Floats, rows: Floats, prototypes: Floats) -> Floats:
        """The derivative by prototypes from that by scores."""
        by_prototypes = by_scores.T @ rows - by_scores.sum(axis=0)[:, None] * prototypes
        return np.asarray(self.weights.temperature * by_prototypes)
