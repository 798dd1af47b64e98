"""Tests of a shift: whether there is one, and whether an explanation of it suffices."""
