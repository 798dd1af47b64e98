"""Methods that learn from pictures without their labels; a ridge head on the labeled rows makes a model of the result."""
