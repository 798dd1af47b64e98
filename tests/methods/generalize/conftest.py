"""Lets the tests of this folder import `domains_made`, and gives them a network."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from headstart.backbones.backbone import Backbone
from headstart.backbones.loading import load_backbone


@pytest.fixture
def pretrained() -> Backbone:
    """A network of three stages whose weights count as pretrained."""
    made = load_backbone("small_cnn", "none", 16, seed=1)
    made.weights = "pretrained"
    return made
