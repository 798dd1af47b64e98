"""The cards that a command line names."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headstart.backbones.pretrained import Pretrained


def cards_named(names: list[str] | None) -> list[Pretrained]:
    """Those cards; without names, all whose weights are here."""
    from headstart.backbones.catalog import card_of, pretrained

    if names:
        return [card_of(name) for name in names]
    return [card for card in pretrained() if card.available]
