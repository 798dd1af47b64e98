"""Floor 4, sibling of methods: how good a model is, with intervals."""
