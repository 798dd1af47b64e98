"""Parity, size and milliseconds an image of exported runs, by format and precision, beside `headstart predict` itself.

    python -m benchmarks.exporting --runs RUN... [--formats onnx] [--precisions float32] [--seeds 1]

Each bundle is made in a temporary folder and predicts 128 of the run's pictures in a fresh process that has the runtime alone.
The last column is the time of a picture in the bundle, eight at a time where sizes allow, over that of `Run.predict` in a warm
process with the run's own engine, on as many pictures in memory, one after the other. --seeds repeats all of it.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from PIL import ImageOps

from benchmarks.protocol import arguments, show
from headstart.core.errors import HeadstartError
from headstart.data.images import Images
from headstart.export.formats import FORMATS
from headstart.export.parity import pictures_to_compare
from headstart.runs.origin import unchanged_task_of
from headstart.runs.run import Run
from headstart.workflows.export import export

FIGURES = ("largest gap", "mean gap", "p gap", "MB", "ms", "ms in batches", "of predict")


def own_milliseconds(run: Run, images: Images) -> float:
    """A picture, by `Run.predict` on pictures in memory that it has not seen, after as many others."""
    pictures = [images.read(row) for row in range(len(images))]
    run.predict([ImageOps.mirror(picture) for picture in pictures])
    unseen = [ImageOps.flip(picture) for picture in pictures]
    begun = time.perf_counter()
    run.predict(unseen)
    return 1000 * (time.perf_counter() - begun) / len(images)


def row_of(run: Run, own: float, to: str, precision: str, folder: Path) -> dict[str, object]:
    """What one bundle of a run shows, or why there is none."""
    about = {"run": run.folder.name, "format": to, "precision": precision}
    try:
        made = export(run, to, precision=precision, out=folder / f"{to}-{precision}")
    except HeadstartError as error:
        return about | {"same labels": str(error)} | dict.fromkeys(FIGURES, "-")
    parity = made.parity
    found = (
        parity.largest_difference,
        parity.mean_difference,
        "-" if parity.largest_p_difference is None else parity.largest_p_difference,
        made.model_bytes / 1e6,
        parity.model_milliseconds,
        parity.batch_milliseconds,
        parity.batch_milliseconds / own,
    )
    return about | {"same labels": f"{parity.num_same} of {parity.num_pictures}"} | dict(zip(FIGURES, found, strict=True))


def main() -> None:
    """Print one row a bundle."""
    given = arguments(__doc__ or "", seeds=1, runs=(), formats=tuple(FORMATS.names()), precisions=())
    if not given.runs:
        raise SystemExit("Name the folders of finished runs, whose data are still there, with --runs.")
    rows = []
    for folder in given.seeds * list(given.runs):
        run = Run.load(Path(folder))
        own = own_milliseconds(run, pictures_to_compare(unchanged_task_of(run)))
        with tempfile.TemporaryDirectory() as place:
            for to in given.formats:
                offered = FORMATS.get(to).precisions
                asked = [precision for precision in given.precisions or offered if precision in offered]
                rows += [row_of(run, own, to, precision, Path(place)) for precision in asked]
    show("exported runs", rows, [])


if __name__ == "__main__":
    main()
