"""Methods that learn from labeled images of another domain, the source, for images of the target."""
