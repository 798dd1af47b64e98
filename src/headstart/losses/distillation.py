"""Distillation: one classifier's scores held to another one's."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def distillation(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    """Mean over the rows [batch, class] of KL(teacher, student) at a temperature, times the temperature squared, in nats.

    Zero when both give the same probabilities. No gradient reaches the teacher. Above a temperature of 1, small probabilities
    count more.

    Reference: Hinton, Vinyals & Dean, "Distilling the Knowledge in a Neural Network", NeurIPS 2014 Workshop, section 2.
    Differs: the teacher's entropy, a constant, is subtracted.
    """
    student = functional.log_softmax(student_logits / temperature, dim=1)
    teacher = functional.log_softmax(teacher_logits.detach() / temperature, dim=1)
    return functional.kl_div(student, teacher, reduction="batchmean", log_target=True) * temperature**2
