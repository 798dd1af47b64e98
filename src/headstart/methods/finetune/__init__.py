"""Methods that train the backbone."""
