"""Floor 8: a run as one HTML file that a person reads."""
