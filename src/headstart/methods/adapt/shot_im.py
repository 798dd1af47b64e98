"""ShotIm: affine map of target features that makes the frozen source model confident (SHOT-IM)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, final

import numpy as np
import torch
from pydantic import Field

from headstart.core.types import Floats
from headstart.heads.kernel_ridge import KernelRidge
from headstart.losses.information_maximization import information_maximization
from headstart.methods._feature_adaptation import FeatureAdaptation, head_of_ridge
from headstart.methods.heads import ProjectedHead
from headstart.shift.projected_domains import ProjectedDomains
from headstart.shift.transport import some_rows

MOST_STEPS = 100
"""Steps of L-BFGS at most."""
MOST_ROWS = 5_000
"""Target rows that the map is fitted to; it has as many numbers as axes, squared."""


@final
class ShotIm(FeatureAdaptation):
    """Finds an affine map of target rows after which the frozen source model is confident and predicts all classes equally often.

    Needs: a labeled source and target images without labels, balanced over the classes.
    Helps: where images moved across the boundaries of an otherwise good model.
    Hurts: where the classes come in unequal shares, and where the model is mostly wrong, as its errors become confident.

    Reference: Liang, Hu & Feng, "Do We Really Need to Access the Source Data? Source Hypothesis Transfer for Unsupervised Domain
        Adaptation", ICML 2020, eqs. 3-5 (SHOT-IM).
    Differs: features stay frozen but for an affine map behind them, which is held near the identity; steps on all rows at once.

    Attributes:
        diversity: Weight of the entropy of the mean prediction.
        stay: Weight of the mean squared distance of the map from the identity.
    """

    diversity: Annotated[float, Field(ge=0, le=10)] = 1.0
    stay: Annotated[float, Field(gt=0, le=1e6)] = 0.1

    def head_of(self, domains: ProjectedDomains) -> tuple[ProjectedHead, float]:
        found = domains.ridge()
        matrix, shift = self._map(domains, found)
        return head_of_ridge(domains.mapped(matrix, shift, domains.source), found)

    def _map(self, domains: ProjectedDomains, found: KernelRidge) -> tuple[Floats, Floats]:
        """Matrix and shift."""
        rows = torch.from_numpy(domains.target[some_rows(len(domains.target), MOST_ROWS, domains.seed, "target")])
        width = rows.shape[1]
        change = torch.zeros(width + 1, width, dtype=torch.float64, requires_grad=True)
        scale = float(max(np.sqrt((domains.source**2).mean()), 1e-12))
        score = _scorer(found)
        solver = torch.optim.LBFGS([change], max_iter=MOST_STEPS, line_search_fn="strong_wolfe")

        def loss() -> torch.Tensor:
            solver.zero_grad()
            logits = score(rows + rows @ change[:-1] + scale * change[-1]) / found.fit.temperature
            total = information_maximization(logits, self.diversity) + self.stay * change.square().sum()
            total.backward()  # type: ignore[no-untyped-call]
            return total

        with torch.enable_grad():
            solver.step(loss)  # type: ignore[no-untyped-call]
        moved = change.detach().numpy()
        return np.eye(width) + moved[:-1], scale * moved[-1]


def _scorer(found: KernelRidge) -> Callable[[torch.Tensor], torch.Tensor]:
    """The fit's scores as a function of rows that gradients go through."""
    weight, bias = torch.from_numpy(found.fit.weight), torch.from_numpy(found.fit.bias)
    if found.kernel_map is None:
        return lambda rows: rows @ weight + bias
    landmarks, gamma = torch.from_numpy(found.kernel_map.landmarks), found.kernel_map.gamma
    normalization = torch.from_numpy(found.kernel_map.normalization)

    def scores(rows: torch.Tensor) -> torch.Tensor:
        squares = rows.square().sum(dim=1, keepdim=True) - 2 * rows @ landmarks.T + landmarks.square().sum(dim=1)
        return torch.exp(-gamma * squares.clamp_min(0)) @ normalization @ weight + bias

    return scores
