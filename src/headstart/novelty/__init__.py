"""Is an image like anything known: novelty detector, open-set test, rejection threshold."""
