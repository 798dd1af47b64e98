"""Budgets suited to what is trained."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from headstart.training.settings import Training

SCRATCH_STEPS = 900
"""Steps at least. With 300, 900 steps of 64 rows, 100 8x8 digits reach 95.3, 96.4 % test accuracy."""
SCRATCH_EPOCHS = 16
"""Epochs where rows are many. 8 epochs reached 92.2 % on Fashion-MNIST with all 60,000 rows."""
FEW_ROWS = 5_000
"""Rows from which on a step takes twice as many rows. Chosen, not measured."""
SCRATCH_DECAY = 0.5
"""Ten times the usual weight decay, as nothing is carried over and rows are few. With 0.05, 0.5 after 300 steps 100 digits reach
94.8, 95.3 % and 1,000 Fashion-MNIST rows 81.8, 82.3 % (one seed). Mixup cost up to 0.3 points there and CutMix up to 2.7. Brigato
et al., "Tune It or Don't Use It", ICCV 2021 Workshops, find that decay and step size matter most, too."""


def scratch_training(num_rows: int, side: int, seed: int = 0) -> Training:
    """Settings to train the small network from scratch on pictures of that side, counted in steps when rows are few.

    AdamW at 2e-3 with cosine and smoothing: 16 epochs, and at least 900 steps, of 64 rows, or of 128 when rows are many.
    """
    many = num_rows >= FEW_ROWS
    batch_size = 128 if many else 64
    epochs = max(SCRATCH_EPOCHS, math.ceil(SCRATCH_STEPS * batch_size / num_rows))
    ema = 0.998 if many else 0.99
    return Training(epochs=min(epochs, 10_000), batch_size=batch_size, lr=2e-3, weight_decay=SCRATCH_DECAY, ema=ema, seed=seed)


FINE_TUNING_EPOCHS = 6
FINE_TUNING_BATCH = 16
FINE_TUNING_LR = 2e-3
"""Short training in small batches with large steps. On one fold of 160 pictures of Fashion-MNIST the mean of LP-FT, behind the
first third, and ridge on three networks has a log loss of 0.543 after 6 epochs, 0.578 after 12, 0.584 after 4 and 0.583 after
6 at 1e-3 (ridge alone 0.598; EfficientNet-Lite0, one seed, so that less than 0.02 is noise; `python -m
benchmarks.fine_tuning`)."""


def fine_tuning_training(seed: int = 0, given: Mapping[str, Any] | None = None) -> Training:
    """Settings to fine-tune a pretrained network with few labels; fields that are given replace them."""
    usual = {"epochs": FINE_TUNING_EPOCHS, "batch_size": FINE_TUNING_BATCH, "lr": FINE_TUNING_LR}
    return Training.from_dict({"seed": seed, **usual, **(given or {})}, "--set training")


PRETRAINING_STEPS = 2_000
"""Steps at least. Chosen, not measured."""
PRETRAINING_EPOCHS = 20
"""Epochs at least. Chosen, not measured."""
PRETRAINING_BATCH = 256
"""Rows a step; two views of each make 512 pictures to tell apart, the least that Chen et al. (ICML 2020, figure 9) try."""


def pretraining_training(num_rows: int, seed: int = 0) -> Training:
    """Settings to learn from that many pictures without labels.

    AdamW at 2e-3 with cosine: at least 20 epochs and 2,000 steps of 256 rows, or of a quarter of all where there are few.
    """
    batch_size = max(2, min(PRETRAINING_BATCH, num_rows // 4))
    epochs = max(PRETRAINING_EPOCHS, math.ceil(PRETRAINING_STEPS * batch_size / num_rows))
    return Training(epochs=min(epochs, 10_000), batch_size=batch_size, lr=2e-3, weight_decay=0.05, ema=0.99, seed=seed)
