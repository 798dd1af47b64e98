"""Models: what can be transferred from."""

from __future__ import annotations

from headstart.backbones.catalog import pretrained
from headstart.backbones.pretrained import Pretrained
from headstart.core.arguments import checked
from headstart.core.errors import PlanError


@checked
def models(*, license: str | None = None, provider: str | None = None) -> list[Pretrained]:  # noqa: A002  the word users know
    """The cards of all advertised models, or of those under a license ("permissive" for Apache, MIT, BSD and the like).

    Other timm and torchvision classifiers work by their names, too.
    """
    cards = pretrained(license=license, provider=provider)
    if not cards:
        known = sorted({card.license for card in pretrained(provider=provider)})
        raise PlanError(f'"{license}" is the license of no model here. Known: permissive, {", ".join(known)}.')
    return cards
