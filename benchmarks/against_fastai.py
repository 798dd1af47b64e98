"""fastai's `fine_tune` against headstart: the same weights, the same training and test pictures, a new process each.

fastai trains in its own environment if `--fastai-python` names one, for each number of epochs of `--epochs`: one as in its
documentation's first example, and five, which its users take where one is too few. `benchmarks.peers` says what is measured.

Expected on each of the three sets: the first model of headstart's default run has the higher test accuracy in at most a tenth
of fastai's time, and its last model in at most fastai's time.
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.peers import THREE, Outcome, compared, fitted_by
from benchmarks.protocol import arguments
from headstart.core.predictions import Predictions

SCRIPT = Path(__file__).with_name("_fastai_fine_tune.py")


def main() -> None:
    """Print a table a set, model of headstart and number of epochs."""
    options = arguments(__doc__ or "", seeds=3, sets=THREE, epochs=(1, 5), test_rows=800, fastai_python=sys.executable)

    def peer(folder: Path, truth: Predictions, settings: dict[str, object]) -> list[Outcome]:
        return [
            fitted_by(f"fine_tune({epochs})", SCRIPT, options.fastai_python, folder, truth, {**settings, "epochs": epochs})
            for epochs in options.epochs
        ]

    compared("fastai", options, peer)


if __name__ == "__main__":
    main()
