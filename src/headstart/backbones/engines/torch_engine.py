"""PyTorch inference: channels last, batch normalization folded into the convolutions before it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from headstart.backbones.backbone import Backbone, Outputs

Engine = Callable[[Tensor], Outputs]


def engine_for(backbone: Backbone) -> Engine:
    """A function from uint8 images to what the backbone shows of them, made for many batches.

    Args:
        backbone: It is left as it is; the engine works on a copy of its weights as they are now.

    Returns:
        The function; it keeps no gradients.
    """
    ready = backbone.copy().eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def run(images: Tensor) -> Outputs:
        with torch.inference_mode():
            outputs: Outputs = ready.describe(images)
        return outputs

    return run
