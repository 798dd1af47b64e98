"""Two domains: moments, transport, label shift, and tests of what kind of shift it is."""
