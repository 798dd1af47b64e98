"""Floor 2: what a backbone sees in images, cached; and the closed forms that work on it."""
