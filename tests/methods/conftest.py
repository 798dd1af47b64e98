"""A network for every family of methods, and the folder of what their tests share."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from headstart.backbones.backbone import Backbone
from headstart.backbones.loading import load_backbone

sys.path.insert(0, str(Path(__file__).parent))  # lets the tests below import `gradient_contract`


@pytest.fixture
def pretrained() -> Backbone:
    """A network of three stages, each one block with a convolution and a norm, whose weights count as pretrained."""
    made = load_backbone("small_cnn", "none", 16, seed=1)
    made.weights = "pretrained"
    return made
