"""Loading: from a card to a Backbone."""

from __future__ import annotations

from pathlib import Path
from threading import get_ident

import torch
from torch import nn

from headstart.backbones.backbone import Backbone, hash_of
from headstart.backbones.batch_rows import largest_side
from headstart.backbones.catalog import card_of, provider_of
from headstart.backbones.kept_networks import Network, kept_network, stamps_of
from headstart.backbones.pretrained import AnyWeights, Name, Pretrained, name_of
from headstart.backbones.providers.base import Weights
from headstart.backbones.stages import anatomy_of
from headstart.core.arguments import checked
from headstart.core.errors import PretrainedError
from headstart.core.memory import available_bytes
from headstart.core.seeds import seed_for
from headstart.data.transforms import Transform

Channels = tuple[float, float, float]
LITTLE_PIXELS = 640
"""Up to this side one picture takes some hundred MB at most, and is tried without asking. Chosen, not measured."""


@checked
def load_backbone(
    name: Name,
    weights: AnyWeights = "pretrained",
    input_pixels: int | None = None,
    seed: int = 0,
    mean: Channels | None = None,
    std: Channels | None = None,
) -> Backbone:
    """The backbone of that name, in evaluation mode on the CPU.

    Its network is shared with other backbones of the same name in the thread, so that whoever changes it changes a `copy`.

    Args:
        name: As `card_of` takes it, or a card.
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
    card = card_of(name_of(name))
    provider = provider_of(card)
    chosen: Weights = weights if weights in ("pretrained", "none") else Path(weights)  # type: ignore[assignment]
    pixels = input_pixels or card.input_pixels
    if pixels < card.smallest_pixels:
        raise PretrainedError(
            f"{card.name} takes pictures of at least {card.smallest_pixels} pixels, and {pixels} was asked. "
            f"Set pixels to {card.smallest_pixels} or more."
        )
    rebuilt = provider.underlying(card, pixels)
    network = _network(card, chosen, pixels, seed, rebuilt.input_pixels)
    module = network.module
    # A run's network may have been shown pictures otherwise than the network that rebuilds it.
    normalization = {"mean": mean or card.mean, "std": std or card.std}
    own = {key: value for key, value in normalization.items() if value != getattr(rebuilt, key)}
    transform = Transform.model_validate({"pixels": pixels, **own})
    fresh = "none" if chosen == "none" else "pretrained" if chosen == "pretrained" else str(chosen)
    meaningful = fresh != "none" and getattr(module, "headstart_classifier_loaded", True)
    backbone = Backbone(rebuilt, module, transform, fresh, network.anatomy, meaningful, network.weights_hash).eval()
    if pixels not in network.sides:
        _check_runs(backbone, card.name)
        network.sides.add(pixels)
    return backbone


def _network(card: Pretrained, weights: Weights, pixels: int, seed: int, traced_pixels: int) -> Network:
    """The card's network, kept in the process where it is known what decides it; traced on pictures of that side."""

    def make() -> Network:
        # A tensor made in inference mode does not count its changes, and kept networks are checked for changes.
        with torch.inference_mode(False), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_for(seed, "initialization", card.architecture))
            sized = card.model_copy(update={"input_pixels": pixels}) if weights == "none" else card
            module = provider.build(sized, weights).eval()
            _check_memory(module, card, traced_pixels, traced=True)
            return Network(module, anatomy_of(module, traced_pixels), hash_of(module))

    provider = provider_of(card)
    files = provider.files(card, weights)
    stamps = None if files is None else stamps_of(files)
    if stamps is None:
        return make()
    drawn = (pixels, seed) if weights == "none" else ()
    # Each thread has its own: what reads the outputs of stages hangs on the modules while a network runs.
    return kept_network((get_ident(), card.to_json(), str(weights), stamps, traced_pixels, drawn), make)


def _check_runs(backbone: Backbone, name: str) -> None:
    """One tiny forward pass where the side is not the network's own: some networks take one size only."""
    pixels, own = backbone.transform.pixels, backbone.card.input_pixels
    if pixels == own:
        return
    if _check_memory(backbone.module, backbone.card, pixels, traced=False):
        return
    try:
        with torch.inference_mode():
            backbone(torch.zeros(1, 3, pixels, pixels, dtype=torch.uint8))
    except (RuntimeError, AssertionError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise PretrainedError(f"{name} does not run on {pixels} pixels ({reason}). Set pixels to {own}.") from None


def _check_memory(module: nn.Module, card: Pretrained, pixels: int, *, traced: bool) -> bool:
    """Refuse a side of which a forward pass does not fit into memory; small ones are not asked about. See `bytes_of_pass`.

    True comes back where shapes tell that the network runs on that side.
    """
    if pixels <= LITTLE_PIXELS or card.architecture == "identity":
        return False
    from headstart.backbones.activation_memory import bytes_of_pass  # noqa: PLC0415

    needed, available = bytes_of_pass(module, pixels, len(card.mean), traced=traced), available_bytes()
    if needed > available:
        raise PretrainedError(
            f"{card.name} at {pixels} pixels takes {needed / 1e9:.1f} GB of memory before anything is learned, and "
            f"{available / 1e9:.1f} GB are available. Set input_pixels to {largest_side(pixels, available / needed)} or less; "
            f"{card.input_pixels} is the network's own."
        )
    return needed > 0
