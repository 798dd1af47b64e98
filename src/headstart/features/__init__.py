"""What a backbone sees in images, at every depth, cached on disk."""
