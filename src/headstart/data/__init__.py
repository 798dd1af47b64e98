"""Floor 1: images, labels, splits and readers."""
