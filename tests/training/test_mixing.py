from __future__ import annotations

import numpy as np
import pytest
import torch

from headstart.core.errors import TrainingError
from headstart.training.mixing import mixed, mixed_in_pairs


def _batch() -> tuple[torch.Tensor, torch.Tensor]:
    """Five pictures that are 0, 1, 2, 3 and 4 all over, each of its own class."""
    images = torch.arange(5.0)[:, None, None, None].expand(5, 2, 7, 11).contiguous()
    return images, torch.eye(5)


@pytest.mark.parametrize("how", ["mixup", "cutmix"])
@pytest.mark.parametrize("seed", range(5))
def test_targets_are_blended_as_pictures_are(how, seed) -> None:
    images, targets = _batch()
    blended, shares = mixed(images, targets, how, np.random.default_rng(seed))
    expected = (shares * torch.arange(5.0)).sum(dim=1)
    torch.testing.assert_close(blended.mean(dim=(1, 2, 3)), expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(5))


def test_mixup_blends_every_place_and_cutmix_replaces_one_rectangle() -> None:
    images, targets = _batch()
    blended, _ = mixed(images, targets, "mixup", np.random.default_rng(3))
    assert all(len(picture.unique()) == 1 for picture in blended)
    pasted, _ = mixed(images, targets, "cutmix", np.random.default_rng(3))
    changed = pasted[0, 0] != 0
    rows, columns = changed.any(dim=1).nonzero(), changed.any(dim=0).nonzero()
    assert changed.sum() == (rows.max() - rows.min() + 1) * (columns.max() - columns.min() + 1) > 0
    assert torch.equal(images, _batch()[0])


def test_cutmix_pastes_places_whole_where_channels_are_last() -> None:
    images, targets = _batch()
    pasted, shares = mixed(images, targets, "cutmix", np.random.default_rng(3))
    last, same = mixed(images.movedim(1, -1).contiguous(), targets, "cutmix", np.random.default_rng(3), "channels last")
    assert last.is_contiguous()
    assert torch.equal(last.movedim(-1, 1), pasted)
    assert torch.equal(same, shares)


def test_nothing_is_mixed_unasked() -> None:
    images, targets = _batch()
    assert mixed(images, targets, "none", np.random.default_rng(0)) == (images, targets)


def test_cutmix_needs_maps() -> None:
    with pytest.raises(TrainingError) as caught:
        mixed(torch.zeros(3, 17, 5), torch.eye(3), "cutmix", np.random.default_rng(0))
    assert str(caught.value) == (
        "mix = cutmix needs maps with height and width, and this network is cut where it holds 2 axes a picture. "
        'Set training.mix = "mixup".'
    )


@pytest.mark.parametrize("shape", [(5, 2, 7, 11), (5, 13)])
def test_every_row_is_blended_in_its_own_proportion_and_stays_mostly_itself(shape: tuple[int, ...]) -> None:
    inputs = torch.arange(5.0).view(-1, *[1] * (len(shape) - 1)).expand(shape).contiguous()
    blended, shares = mixed_in_pairs(inputs, torch.eye(5), 0.75, np.random.default_rng(3))
    torch.testing.assert_close(blended.flatten(1).mean(dim=1), shares @ torch.arange(5.0))
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(5))
    own = shares.diagonal()
    assert float(own.min()) >= 0.5
    assert len(own.unique()) == 5
    assert torch.equal(inputs.flatten(1)[:, 0], torch.arange(5.0))


def test_proportions_are_those_of_the_beta_distribution_folded_at_a_half() -> None:
    rows = 20_011
    _, shares = mixed_in_pairs(
        torch.zeros(rows, 1), torch.stack([torch.ones(rows), torch.arange(rows) / rows], 1), 0.75, np.random.default_rng(1)
    )
    moved = (shares[:, 1] - torch.arange(rows) / rows).abs()
    # The mean distance of two uniform draws is a third, and partners are drawn apart from proportions.
    folded = np.minimum(*(lambda drawn: (drawn, 1 - drawn))(np.random.default_rng(2).beta(0.75, 0.75, 200_000)))
    assert float(moved.mean()) == pytest.approx(folded.mean() / 3, rel=0.03)
