"""Floor 6: what to transfer from, whether to, and how."""
