"""Better plans from finished fits: adjust and its rules, and the search of settings."""
