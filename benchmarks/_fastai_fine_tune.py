"""The documented transfer learning of fastai on a folder with manifest.csv; without headstart, so that its environment may
differ.

`vision_learner` with the timm architecture and the given weights, `aug_transforms`, `fine_tune`: one epoch of the head, then
the given number of all layers, everything else by default. All rows are training rows: nothing is chosen, so none are held
out. fastai would download its default weights; the given weights are loaded instead, with the normalization that belongs to
them.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import time
import warnings
from pathlib import Path

import numpy as np
from fastai.vision.all import ImageDataLoaders, Normalize, Resize, aug_transforms, set_seed, vision_learner
from safetensors.torch import load_file

MANY_ROWS = 640
"""fastai's batch is 64 rows; with fewer than ten such batches an epoch its users take 16."""


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--architecture", required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--side", type=int, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--flip", type=int, required=True, help="1 where mirrored pictures mean the same")
    parser.add_argument("--out", type=Path, required=True, help="file of the test rows' names and probabilities")
    return parser.parse_args()


def cpu_seconds() -> float:
    """Processor time of this process and of its finished children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def main() -> None:
    """Write the probabilities, and print the seconds of each part as JSON."""
    options = _options()
    warnings.simplefilter("ignore")
    with (options.folder / "manifest.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    train = [row for row in rows if row["split"] == "train"]
    test = [row for row in rows if row["split"] == "test"]
    set_seed(options.seed)
    begun, cpu = time.perf_counter(), cpu_seconds()
    loaders = ImageDataLoaders.from_lists(
        options.folder,
        [str(options.folder / row["path"]) for row in train],
        [row["label"] for row in train],
        valid_pct=0,
        item_tfms=Resize(options.side),
        batch_tfms=[*aug_transforms(do_flip=bool(options.flip)), Normalize.from_stats((0.5,) * 3, (0.5,) * 3)],
        bs=64 if len(train) >= MANY_ROWS else 16,
    )
    learner = vision_learner(loaders, options.architecture, pretrained=False)
    learner.model[0].model.load_state_dict(load_file(options.weights))
    with learner.no_bar(), learner.no_logging():
        learner.fine_tune(options.epochs)
        fitted, cpu = time.perf_counter(), cpu_seconds() - cpu
        probs, _ = learner.get_preds(dl=loaders.test_dl([str(options.folder / row["path"]) for row in test]))
    done = time.perf_counter()
    names = np.array([row["path"] for row in test])
    np.savez(options.out, names=names, classes=np.array(list(loaders.vocab)), probs=probs.numpy().astype(np.float64))
    print(json.dumps({"fitting": fitted - begun, "predicting": done - fitted, "cpu": cpu}))


if __name__ == "__main__":
    main()
