"""Fuzzing guided by coverage, where atheris is installed (`pip install atheris`): mutations that reach new lines are kept.

    python tests/fuzzing/guided.py KIND [-runs=100000] [options of libFuzzer]

KIND is one of `kinds.MAKERS`. What ends in something else than values or a sentence stops it, and is written into the folder of
the call; such a file belongs into `corpus` once it is mended.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import warnings
from pathlib import Path
from random import Random

import atheris

with atheris.instrument_imports(include=["headstart"]):
    from kinds import MAKERS, run_made

    from headstart.core.errors import HeadstartError
from mutations import mutated


def main() -> None:
    name, *options = sys.argv[1:]
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    home = Path(tempfile.mkdtemp())
    os.environ["HEADSTART_CACHE"] = str(home / "cache")
    kind = MAKERS[name](home / "kind", run_made(home))
    names = list(kind.files)
    seeds = home / "seeds"
    seeds.mkdir()
    for number, content in enumerate(kind.files.values()):
        (seeds / str(number)).write_bytes(number.to_bytes(2) + content)

    def one(data: bytes) -> None:
        """The first two bytes choose the file; the others are its content."""
        try:
            kind.try_with(names[int.from_bytes(data[:2]) % len(names)], data[2:])
        except HeadstartError as error:
            if "\n" in str(error):
                raise

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        number = int.from_bytes(data[:2]) % len(names)
        return (number.to_bytes(2) + mutated(names[number], data[2:], Random(seed)))[:most]

    atheris.Setup(
        [sys.argv[0], "-timeout=10", "-rss_limit_mb=2048", "-max_len=1000000", *options, str(seeds)], one, custom_mutator=mutate
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
