"""Training: budget and optimizer of a gradient fit."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from headstart.core.ranges import Searched
from headstart.core.records import Record

Mix: TypeAlias = Literal["none", "mixup", "cutmix"]
Balance: TypeAlias = Literal["none", "sampling", "weights"]


class Training(Record):
    """How long and with what step sizes; the same record for every gradient method.

    `Searched` marks what `headstart search` tries, and between which ends.

    Attributes:
        epochs: Passes over the training rows, of at least 16 steps each for methods that learn from unlabeled rows too; 12 as in
            the first part of the "12 to 30 epochs" of LP-FT practice.
        batch_size: Rows a step.
        optimizer: "adamw" or "sgd".
        lr: Step size of the head at its peak. Kumar et al. (ICLR 2022) tune it per task; 1e-3 suits AdamW.
        momentum: Of SGD.
        weight_decay: Decoupled for AdamW.
        schedule: "cosine" to zero after the warm-up, or "constant".
        warmup: Share of the steps that ramp up linearly.
        clip: Largest gradient norm; 0 for none.
        label_smoothing: Mass spread over the classes.
        balance: For skewed classes: "sampling" shows every class equally often, "weights" lets rare ones count more in the loss,
            inversely to their number.
        mix: Whether labeled pictures are blended in pairs, "mixup" or "cutmix".
        sharpness: Radius of sharpness-aware minimization (Foret et al., ICLR 2021, use 0.05); 0 for none. It doubles the time.
        smallest_side: Share of their side that pictures have at first; it grows to 1 over half of the steps (progressive
            resizing: Howard et al., DAWNBench 2018; Tan & Le, "EfficientNetV2", ICML 2021). It acts where the whole network is
            trained.
        views: Augmented views of each picture that take turns where the first part of a network is frozen and sees pictures
            once; elsewhere every step draws anew. Eight lower the validation loss of four from 0.420 to 0.403 on solar cells and
            from 1.470 to 1.456 on the embedded set (EfficientNet-Lite0 cut in the middle, one seed).
        ema: Decay of the averaged weights that are deployed; 0 for none.
        precision: "auto" for bf16 where the GPU, or the processor, has arithmetic for it, and float32 elsewhere; or "float32"
            everywhere. A processor takes half the time then (`python -m benchmarks.convolutions`). It uses bf16 for large nets
            that keep the statistics they came with, and never for heads and losses.
        accumulate: Slices in which the rows of a batch pass the network, for batches that do not fit in memory. Gradients are
            those of the whole batch, whatever the loss; the network runs forward twice in a step. Networks that learn batch
            statistics cannot do it.
        stop_after: Steps after which training ends although its schedule would go on, as where the time of a run was over; 0 for
            none. The averaged weights are deployed, so that what was learned is not lost.
        seed: Of batches, augmentation and initialization.
        checkpoint_seconds: Time between checkpoints, at least; large ones are written less often.
    """

    epochs: Annotated[int, Field(ge=1, le=10_000), Searched(4, 48)] = 12
    batch_size: Annotated[int, Field(ge=1, le=4096), Searched(8, 128)] = 32
    optimizer: Literal["adamw", "sgd"] = "adamw"
    lr: Annotated[float, Field(gt=0, le=10), Searched(1e-4, 1e-2)] = 1e-3
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    weight_decay: Annotated[float, Field(ge=0, le=1), Searched(1e-4, 0.3)] = 0.05
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.1
    clip: Annotated[float, Field(ge=0)] = 1.0
    label_smoothing: Annotated[float, Field(ge=0, lt=1), Searched(0.0, 0.3)] = 0.1
    balance: Annotated[Balance, Searched()] = "none"
    mix: Annotated[Mix, Searched()] = "none"
    sharpness: Annotated[float, Field(ge=0, le=1)] = 0.0
    smallest_side: Annotated[float, Field(ge=0.25, le=1)] = 1.0
    views: Annotated[int, Field(ge=1, le=64)] = 8
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.99
    precision: Literal["float32", "auto"] = "auto"
    accumulate: Annotated[int, Field(ge=1, le=4096)] = 1
    stop_after: Annotated[int, Field(ge=0)] = 0
    seed: int = 0
    checkpoint_seconds: Annotated[float, Field(gt=0)] = 5.0

    @model_serializer(mode="wrap")
    def _without_one_slice(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Left out at its default, so that fits that were begun before there were slices go on."""
        return {name: value for name, value in handler(self).items() if name != "accumulate" or value != 1}
