"""Two domains: moments, transport, density ratio, label shift, and tests of what kind of shift it is."""
