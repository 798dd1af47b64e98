"""The commands that are given twice, and how: each time in a new process with an empty cache, at the same place."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

OWN = "--pretrained run:out/own"
SHORT = "--set training.epochs=2"
COMMANDS = {
    "own": f"pretrain pictures --method vic_reg {SHORT} -o out/own",
    "supervised": f"pretrain pictures --method supervised {SHORT} -o out/supervised",
    "run": f"run pictures {OWN} --only transfer -o out/run",
    "run_vectors": "run vectors.npz -o out/run_vectors",
    "run_domains": "run domains.npz --target-domain there -o out/run_domains",
    "run_numbers": "run numbers.npz -o out/run_numbers",
    "fit": f"fit pictures --method nearest_mean {OWN} -o out/fit",
    "tuned": f"fit pictures --method fine_tune {OWN} {SHORT} -o out/tuned",
    "test_set": "fit pictures --method ridge --pretrained pixels --test 0.3 -o out/test_set",
    "decide": "decide vectors.npz -o out/decide.toml",
    "embed": "embed pictures --pretrained pixels -o out/embed.npz",
    "embed_parquet": "embed pictures --pretrained pixels -o out/embed.parquet",
    "label": "label domains.npz --target-domain there --num 3 -o out/label.csv",
    "fewshot": f"fewshot enroll out/fewshot one pictures/one/0.png pictures/one/1.png {OWN}",
    "openvino": "export out/fit --to openvino -o out/openvino",
    "onnx": "export out/tuned --to onnx -o out/onnx",
    "push": "push out/fit out/push",
    "adjust": "adjust out/tuned -o out/adjust",
    "extend": "extend out/fit more -o out/extend",
    "search": "search vectors.npz --method knn --trials 3 -o out/search",
    "search_trained": f"search pictures --method fine_tune {OWN} --trials 2 --set training.epochs=1 -o out/search_trained",
    "explain": "explain out/tuned pictures/one/0.png -o out/explain",
    "predict": "predict out/run more -o out/predict.csv",
    "predict_parquet": "predict out/run more -o out/predict.parquet",
    "predict_lines": "predict out/run more -o out/predict.jsonl",
    "stress": "stress out/fit --corruption mirror --corruption crop",
    "watch": "watch out/run more --json",
    "rank": f"rank pictures {OWN} --json",
    "inspect": "inspect pictures --json",
    "evaluate": "evaluate out/run more --json",
    "compare": "compare out/fit out/tuned --json",
    "report": "report out/run",
}
"""Command lines by what they write; what one with `--json` prints is kept in `out/said`."""

QUICK = ("run_vectors", "test_set")

NOTHING_WRITTEN = {
    "cache": "tells of the cache, which is another each time",
    "cluster": "tells of machines, or foresees times",
    "datasets": "lists what is there",
    "methods": "lists what is there",
    "models": "lists what is there",
    "runs": "lists what is there, with times",
    "serve": "answers until it is ended",
    "verify": "tells the hash of the manifest, which has those of measured values",
    "track": "tells a tracker of a run, whose records have times and names of their own",
}
"""Commands that are not given twice, each with the reason."""

CHILD = """
import contextlib, json, pathlib, sys
from headstart.cli import main

for name, words in json.loads(sys.argv[1]).items():
    said = pathlib.Path("out/said") / f"{name}.json"
    said.parent.mkdir(parents=True, exist_ok=True)
    with said.open("w") if words.endswith("--json") else contextlib.nullcontext(sys.stdout) as stream:
        with contextlib.redirect_stdout(stream):
            try:
                main(words.split())
            except SystemExit as ended:
                if ended.code:
                    raise
"""


class Twice(NamedTuple):
    """The results of the first and of the second time.

    Attributes:
        first: A folder with an entry for each command.
        second: Likewise.
    """

    first: Path
    second: Path


def written_by(name: str) -> str:
    """The path, in the folder of results, of what a command writes or prints."""
    words = COMMANDS[name].split()
    if words[-1] == "--json":
        return f"said/{name}.json"
    given = words[words.index("-o") + 1] if "-o" in words else next(word for word in words[:0:-1] if word.startswith("out/"))
    return given.removeprefix("out/")


def given_twice(root: Path, names: tuple[str, ...]) -> Twice:
    """Give those commands twice. The second process hashes in another way, and finds files that were written in another order."""
    home = root / "home"
    for place, hash_seed in (("first", "1"), ("second", "2")):
        home.mkdir()
        write_data(home, backwards=place == "second")
        words = json.dumps({name: COMMANDS[name] for name in names})
        settings = {"PYTHONHASHSEED": hash_seed, "HEADSTART_CACHE": str(home / "cache"), "OMP_NUM_THREADS": "1"}
        child = subprocess.run(
            [sys.executable, "-c", CHILD, words], cwd=home, env=os.environ | settings, capture_output=True, text=True, check=False
        )
        assert child.returncode == 0, child.stderr[-3000:]
        (home / "out").rename(root / place)
        shutil.rmtree(home)
    return Twice(root / "first", root / "second")


def write_data(home: Path, *, backwards: bool) -> None:
    """Write pictures and vectors, in the order of their names or from the last one on."""
    digits = load_digits()
    files: dict[str, np.ndarray] = {}
    for name, (digit, count) in {"one": (1, 27), "seven": (7, 31), "zero": (0, 25)}.items():
        rows = np.flatnonzero(digits.target == digit)[: count + 9]
        for number, row in enumerate(rows):
            place = f"pictures/{name}/{number}.png" if number < count else f"more/{name}/{number}.png"
            files[place] = (digits.images[row] * (255 / 16)).astype(np.uint8)
    for place in sorted(files, reverse=backwards):
        (home / place).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(files[place]).resize((16, 16)).save(home / place)
    _write_vectors(home)


def _write_vectors(home: Path) -> None:
    rng = np.random.default_rng(3)
    high = np.arange(61) % 3 == 0
    features = (rng.normal(size=(61, 5)) + 2 * high[:, None]).astype(np.float32)
    np.savez(home / "vectors.npz", features=features, labels=np.where(high, "high", "low"))
    np.savez(home / "numbers.npz", features=features, target=features @ rng.normal(size=5))
    labels, domain = rng.integers(0, 2, 43), np.repeat(["here", "there"], [23, 20])
    features = (labels[:, None] * 4.0 + rng.normal(size=(43, 3)) + (domain == "there")[:, None]).astype(np.float32)
    shown = np.where(domain == "here", np.array(["a", "b"])[labels], "")
    np.savez(home / "domains.npz", features=features, labels=shown, domain=domain)
