"""Images, labels, splits and readers."""
