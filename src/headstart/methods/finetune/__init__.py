"""Methods that train the backbone on labeled images of the target."""
