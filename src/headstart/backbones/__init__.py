"""Floor 1, sibling of data: what can be transferred from."""
