"""Features on disk, addressed by the content of the picture."""
