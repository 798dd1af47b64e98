"""Candidates to transfer from, ranked by transferability."""
