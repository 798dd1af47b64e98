"""Side by side with what a user would run instead; each prints what it measured in one run."""
