"""Methods that learn new classes from a few images, on frozen features."""
