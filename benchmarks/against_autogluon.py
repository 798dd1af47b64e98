"""AutoGluon's `MultiModalPredictor` against headstart: the same weights, the same training and test pictures, a new process each.

AutoGluon fits in its own environment, which `--autogluon-python` names, with one of its presets. The network of the preset is
replaced by the one whose weights are given, since its own would be downloaded. `--time-limit` stops the training after so many
seconds. `benchmarks.peers` says what is measured.

Expected on each of the three sets: the first model of headstart's default run has the higher test accuracy in at most a tenth
of AutoGluon's time, and its last model in at most AutoGluon's time.
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.peers import THREE, Outcome, compared, fitted_by
from benchmarks.protocol import arguments
from headstart.core.predictions import Predictions

SCRIPT = Path(__file__).with_name("_autogluon_fit.py")


def main() -> None:
    """Print a table a set and model of headstart."""
    options = arguments(
        __doc__ or "",
        seeds=3,
        sets=THREE,
        presets="medium_quality",
        time_limit=600.0,
        test_rows=800,
        autogluon_python=sys.executable,
    )

    def peer(folder: Path, truth: Predictions, settings: dict[str, object]) -> list[Outcome]:
        given = {"side": settings["side"], "seed": settings["seed"]}
        asked = {"presets": options.presets, "time_limit": options.time_limit}
        return [fitted_by(options.presets, SCRIPT, options.autogluon_python, folder, truth, {**given, **asked})]

    compared("AutoGluon", options, peer)


if __name__ == "__main__":
    main()
