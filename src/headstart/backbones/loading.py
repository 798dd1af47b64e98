"""Loading: from a card to a Backbone."""

from __future__ import annotations

from pathlib import Path

import torch

from headstart.backbones.backbone import Backbone
from headstart.backbones.catalog import card_of, provider_of
from headstart.backbones.providers.base import Weights
from headstart.core.errors import PretrainedError
from headstart.core.seeds import seed_for
from headstart.data.transforms import Transform

Channels = tuple[float, float, float]


def load_backbone(
    name: str,
    weights: str | Path = "pretrained",
    input_pixels: int | None = None,
    seed: int = 0,
    mean: Channels | None = None,
    std: Channels | None = None,
) -> Backbone:
    """The backbone of that name, in evaluation mode on the CPU.

    Args:
        name: As `card_of` takes it.
        weights: "pretrained", "none" for a random initialization, or a file of weights for the architecture.
        input_pixels: Side of the input square; the card's own where absent.
        seed: Of the random initialization.
        mean: Per-channel mean on pixels in [0, 1]; the card's own where absent.
        std: Per-channel standard deviation; the card's own where absent.

    Returns:
        The backbone.

    Raises:
        PretrainedError: The name, the weights or the size do not work; one sentence.
    """
    card = card_of(name)
    provider = provider_of(card)
    chosen: Weights = weights if weights in ("pretrained", "none") else Path(weights)  # type: ignore[assignment]
    pixels = input_pixels or card.input_pixels
    if pixels < card.smallest_pixels:
        raise PretrainedError(
            f"{name} takes pictures of at least {card.smallest_pixels} pixels, and {pixels} was asked. "
            f"Set pixels to {card.smallest_pixels} or more."
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_for(seed, "initialization", card.architecture))
        sized = card.model_copy(update={"input_pixels": pixels}) if chosen == "none" else card
        module = provider.build(sized, chosen).eval()
    rebuilt = provider.underlying(card, pixels)
    # A run's network may have been shown pictures otherwise than the network that rebuilds it.
    normalization = {"mean": mean or card.mean, "std": std or card.std}
    own = {key: value for key, value in normalization.items() if value != getattr(rebuilt, key)}
    transform = Transform.model_validate({"pixels": pixels, **own})
    fresh = "none" if chosen == "none" else "pretrained" if chosen == "pretrained" else str(chosen)
    meaningful = fresh != "none" and getattr(module, "headstart_classifier_loaded", True)
    backbone = Backbone(rebuilt, module, transform, fresh, source_classes=meaningful).eval()
    _check_runs(backbone, name)
    return backbone


def _check_runs(backbone: Backbone, name: str) -> None:
    """One tiny forward pass where the side is not the network's own: some networks take one size only."""
    pixels, own = backbone.transform.pixels, backbone.card.input_pixels
    if pixels == own:
        return
    try:
        with torch.inference_mode():
            backbone(torch.zeros(1, 3, pixels, pixels, dtype=torch.uint8))
    except (RuntimeError, AssertionError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise PretrainedError(f"{name} does not run on {pixels} pixels ({reason}). Set pixels to {own}.") from None
