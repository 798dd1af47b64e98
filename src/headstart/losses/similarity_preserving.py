"""Similarity-preserving distillation: pictures that are alike to the teacher must be alike to the student."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def similarity_preserving(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean squared difference of the row-normalized similarity matrices of two batches of features of the same pictures.

    Neither the widths nor the scales of the features matter.

    Reference: Tung & Mori, "Similarity-Preserving Knowledge Distillation", ICCV 2019, eqs. 1-4.
    """

    def similarities(features: Tensor) -> Tensor:
        return functional.normalize(features @ features.T, dim=1)

    return (similarities(student) - similarities(teacher)).square().mean()
