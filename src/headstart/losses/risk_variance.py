"""Risk variance: domains on which a model does equally well."""

from __future__ import annotations

from torch import Tensor


def risk_variance(losses: Tensor) -> Tensor:
    """The mean squared deviation of the domains' losses [domain] from their mean.

    Reference: Krueger et al., "Out-of-Distribution Generalization via Risk Extrapolation", ICML 2021, section 3 (V-REx).
    """
    return (losses - losses.mean()).square().mean()
