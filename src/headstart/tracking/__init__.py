"""Tracking: what a run was made of and came to, written where a team looks at its experiments."""
