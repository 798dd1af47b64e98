"""Tests of a shift: which kind it is and how large."""
