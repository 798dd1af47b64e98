"""What to transfer from, whether to, and how."""
