"""DINO's loss: a student must give the shares that a centered and sharpened teacher gives to another view."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def self_distillation(
    student: Tensor, teacher: Tensor, center: Tensor, student_temperature: float, teacher_temperature: float
) -> Tensor:
    """Cross-entropy of the student's shares under the teacher's, in nats.

    Centering keeps one prototype from taking everything, sharpening keeps the shares from becoming equal; each alone
    collapses.

    Args:
        student: Scores of one view, float [batch, prototype].
        teacher: Scores of another view of the same pictures, float [batch, prototype]; no gradient reaches them.
        center: Running mean of the teacher's scores, float [prototype].
        student_temperature: Divides the student's scores, above 0.
        teacher_temperature: Divides the teacher's; smaller, so that its shares are sharper.

    Returns:
        The mean over the batch, float [].

    Reference: Caron et al., "Emerging Properties in Self-Supervised Vision Transformers", ICCV 2021, eq. 1 and algorithm 1.
    """
    shares = ((teacher.detach() - center) / teacher_temperature).softmax(dim=1)
    return -(shares * functional.log_softmax(student / student_temperature, dim=1)).sum(dim=1).mean()
