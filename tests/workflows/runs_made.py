"""Data for tests of runs, calls that end like a kill, and what a run must come to all the same."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def write_vectors(place: Path) -> str:
    """Write a file of feature vectors in two classes; its path comes back."""
    rng = np.random.default_rng(3)
    labels = np.arange(97) % 3 == 0
    features = (rng.normal(size=(97, 7)) + 1.5 * labels[:, None]).astype(np.float32)
    np.savez(place, features=features, labels=np.where(labels, "high", "low"))
    return str(place)


def write_pictures(place: Path) -> str:
    """Write class folders of small pictures in three colors; their place comes back."""
    rng = np.random.default_rng(5)
    for label, name in enumerate(("red", "green", "blue")):
        (place / name).mkdir(parents=True)
        for row in range(17 + label):
            pixels = rng.integers(0, 190, (8, 8, 3)).astype(np.uint8)
            pixels[..., label] += 60
            Image.fromarray(pixels).save(place / name / f"{row}.png")
    return str(place)


def kill_at(monkeypatch, owner, name: str, call: int) -> list[int]:
    """Let one call of a function end like a kill; holds one entry a call."""
    real, count = getattr(owner, name), []

    def once(*args, **named):
        count.append(1)
        if len(count) == call:
            raise KeyboardInterrupt
        return real(*args, **named)

    monkeypatch.setattr(owner, name, once)
    return count


def outcome(folder: Path) -> tuple[str, bytes, dict[str, int]]:
    """What must not depend on kills: the evaluation, the predictions and the finished steps by name, each once."""
    stems = [line.split("\t")[0] for line in (folder / "steps" / "log.tsv").read_text().splitlines()]
    assert len(stems) == len(set(stems))
    names = Counter(stem.rsplit("-", 1)[0] for stem in stems)
    return (folder / "evaluation.json").read_text(), (folder / "predictions.parquet").read_bytes(), dict(names)


def refused(error, call) -> str:
    with pytest.raises(error) as caught:
        call()
    return str(caught.value)
