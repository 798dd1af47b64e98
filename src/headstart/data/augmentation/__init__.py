"""Random variants of pictures that keep their classes."""
