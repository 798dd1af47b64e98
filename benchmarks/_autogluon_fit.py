"""The documented image classification of AutoGluon on a folder with manifest.csv; without headstart, so that its environment
may differ.

`MultiModalPredictor(label).fit(data frame, presets, time_limit)`, everything else by default: 20 epochs at most, early stopping
on rows that it holds out itself, the average of its best checkpoints. Its network's name is replaced by a folder in timm's
format with the given weights and the normalization that belongs to them, since its own would be downloaded, and the input
side is given.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import timm
import torch
from autogluon.multimodal import MultiModalPredictor
from safetensors.torch import load_file


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--architecture", required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--side", type=int, required=True)
    parser.add_argument("--presets", required=True)
    parser.add_argument("--time-limit", type=float, required=True, help="seconds of training, 0 for no limit")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True, help="file of the test rows' names and probabilities")
    return parser.parse_args()


def checkpoint(options: argparse.Namespace, folder: Path) -> Path:
    """A folder as AutoGluon saves a timm network: its weights without the classifier, and its configuration."""
    network = timm.create_model(options.architecture, num_classes=0)
    network.load_state_dict(load_file(options.weights))
    torch.save(network.state_dict(), folder / "pytorch_model.bin")
    shown = {**network.pretrained_cfg, "mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}
    about = {"architecture": options.architecture, "num_features": network.num_features, "pretrained_cfg": shown}
    (folder / "config.json").write_text(json.dumps(about, default=str), encoding="utf-8")
    return folder


def cpu_seconds() -> float:
    """Processor time of this process and of its finished children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def main() -> None:
    """Write the probabilities, and print the seconds of each part as JSON."""
    options = _options()
    warnings.simplefilter("ignore")
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    with tempfile.TemporaryDirectory() as place:
        network = checkpoint(options, Path(place))
        begun, cpu = time.perf_counter(), cpu_seconds()
        with (options.folder / "manifest.csv").open(encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
        parts = {
            split: pd.DataFrame(
                [{"image": str(options.folder / row["path"]), "label": row["label"]} for row in rows if row["split"] == split]
            )
            for split in ("train", "test")
        }
        predictor = MultiModalPredictor(
            label="label", path=str(Path(place) / "predictor"), verbosity=0, enable_progress_bar=False
        )
        predictor.fit(
            parts["train"],
            presets=options.presets,
            time_limit=options.time_limit or None,
            hyperparameters={
                "model.names": ["timm_image"],
                "model.timm_image.checkpoint_name": str(network),
                "model.timm_image.image_size": options.side,
            },
            seed=options.seed,
        )
        fitted, cpu = time.perf_counter(), cpu_seconds() - cpu
        probs = predictor.predict_proba(parts["test"][["image"]])
        done = time.perf_counter()
    names = np.array([Path(path).name for path in parts["test"]["image"]])
    np.savez(options.out, names=names, classes=np.array([str(name) for name in probs.columns]), probs=probs.to_numpy(np.float64))
    print(json.dumps({"fitting": fitted - begun, "predicting": done - fitted, "cpu": cpu}))


if __name__ == "__main__":
    main()
