"""Floor 3: the one training loop."""
