"""Floor 4: learning new classes from a few images, on frozen features."""
