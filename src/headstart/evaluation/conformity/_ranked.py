"""Ranks and cumulated probabilities, which APS and RAPS share."""

from __future__ import annotations

import hashlib

import numpy as np

from headstart.core.types import Floats, Integers

DECIMALS = 6
"""Digits of a probability from which the random number of its row is made."""


def cumulated(probs: Floats) -> tuple[Floats, Integers]:
    """The probability of all classes before each one and a random part of its own, and the rank of each, from 0; [sample, class].

    Classes are in the order of their probabilities, the most probable first. The random number of a row, between 0 and 1, is a
    hash of its probabilities: the same image has the same set whenever it is predicted, and whatever comes with it.
    """
    rows = np.asarray(probs, np.float64)
    order = np.argsort(-rows, axis=1, kind="stable")
    ranks = np.argsort(order, axis=1, kind="stable")
    sorted_probs = np.take_along_axis(rows, order, axis=1)
    before = np.take_along_axis(np.cumsum(sorted_probs, axis=1) - sorted_probs, ranks, axis=1)
    return before + _uniform(rows)[:, None] * rows, ranks


def _uniform(rows: Floats) -> Floats:
    """A number in [0, 1) for each row [sample]."""
    rounded = np.ascontiguousarray(np.round(rows, DECIMALS) + 0.0)
    digests = [hashlib.blake2b(row.tobytes(), digest_size=6).digest() for row in rounded]
    return np.array([int.from_bytes(digest, "big") / 2**48 for digest in digests])
