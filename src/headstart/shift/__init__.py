"""Two domains: moments, transport, label shift, explanations of a shift, and tests of them."""
