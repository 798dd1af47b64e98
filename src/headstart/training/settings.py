"""Training: budget and optimizer of a gradient fit."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from headstart.core.records import Record


class Training(Record):
    """How long and with what step sizes; the same record for every gradient method.

    Attributes:
        epochs: Passes over the training rows; 12 as in the first part of the "12 to 30 epochs" of LP-FT practice.
        batch_size: Rows a step.
        optimizer: "adamw" or "sgd".
        lr: Step size of the head at its peak. Kumar et al. (ICLR 2022) tune it per task; 1e-3 suits AdamW.
        momentum: Of SGD.
        weight_decay: Decoupled for AdamW.
        schedule: "cosine" to zero after the warm-up, or "constant".
        warmup: Share of the steps that ramp up linearly.
        clip: Largest gradient norm; 0 for none.
        label_smoothing: Mass spread over the classes.
        views: Random variants of each picture that take turns where the first part of a network is frozen and sees pictures
            once; elsewhere every step draws anew. Eight lower the validation loss of four from 0.420 to 0.403 on solar cells and
            from 1.470 to 1.456 on the embedded set (EfficientNet-Lite0 cut in the middle, one seed).
        ema: Decay of the averaged weights that are deployed; 0 for none.
        precision: "auto" for bf16 on a GPU that has it and float32 elsewhere, or "float32" everywhere.
        seed: Of batches, augmentation and initialization.
        checkpoint_seconds: Time between checkpoints, at least; large ones are written less often.
    """

    epochs: Annotated[int, Field(ge=1, le=10_000)] = 12
    batch_size: Annotated[int, Field(ge=1, le=4096)] = 32
    optimizer: Literal["adamw", "sgd"] = "adamw"
    lr: Annotated[float, Field(gt=0, le=10)] = 1e-3
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 0.05
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.1
    clip: Annotated[float, Field(ge=0)] = 1.0
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.1
    views: Annotated[int, Field(ge=1, le=64)] = 8
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.99
    precision: Literal["float32", "auto"] = "auto"
    seed: int = 0
    checkpoint_seconds: Annotated[float, Field(gt=0)] = 5.0
