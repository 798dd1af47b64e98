"""Pretraining on a source domain of one's own, against the same small network from scratch on the same few labels.

fashion: SimCLR on 20,000 pictures of Fashion-MNIST without their labels, as files in a folder unlabeled/; then 10 labels per
class, 3 draws of them, all 10,000 test pictures. After pretraining, folds of the labeled rows choose between a ridge head and
fine-tuning. Expected: at least 8 points over scratch, pretrained in under 20 minutes of two cores.

mnist: supervised on 4,000 of the 5,000 digits of MNIST, then scikit-learn's digits with 1 label per class. There are no folds
then, so all weights are fine-tuned, from the run and from scratch. Expected: at least 10 points over scratch, and `rank` puts
the run first, with 5 labels per class and with all labels. With 1 label per class nothing can be ranked, because every score
leaves one picture out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.protocol import arguments, show
from headstart.backbones.backbone import Backbone
from headstart.backbones.catalog import card_of, pretrained
from headstart.backbones.input_size import input_pixels_for
from headstart.backbones.loading import load_backbone
from headstart.core.seeds import generator_for
from headstart.core.steps import Steps
from headstart.data.reading import read_task
from headstart.data.task import Task
from headstart.evaluation.protocols import evaluate
from headstart.methods import method_from
from headstart.methods.model import Model
from headstart.planning.candidate import Candidate
from headstart.planning.cross_validation import cross_validate, fit_rows
from headstart.planning.ranking.rank import rank
from headstart.runs.run import Run
from headstart.training.budget import scratch_training
from headstart.training.settings import Training
from headstart.workflows.pretrain import pretrain

FEW_EPOCHS = 60
"""For fine-tuning on few pictures: 240 steps on a hundred."""
TUNED = {"kind": "lp_ft", "depth": "all"}


def accuracy(model: Model, task: Task) -> float:
    """On the test set."""
    return evaluate(model, task.test)[0].accuracy.value


def from_scratch(task: Task) -> Model:
    """The small network from random weights, with the settings that the system takes for so many rows."""
    pixels = input_pixels_for(card_of("small_cnn"), task)
    network = load_backbone("small_cnn", "none", pixels, task.seed)
    return method_from({"kind": "fine_tune"}).fit(task, network, scratch_training(len(task.train), pixels, task.seed))


def chosen_by_folds(task: Task, name: str, backbone: Backbone, steps: Steps) -> tuple[Model, str]:
    """A ridge head on every depth or the last one, or fine-tuning: what has the least log loss on folds of the labeled rows."""
    tuned = Training(epochs=FEW_EPOCHS, seed=task.seed)
    plain = Training(seed=task.seed)
    ways = [({"kind": "ridge"}, plain), ({"kind": "ridge", "blocks": "penultimate"}, plain), (TUNED, tuned)]
    candidates = [
        Candidate(
            family="transfer",
            pretrained=name,
            weights="pretrained",
            input_pixels=backbone.transform.pixels,
            method=method,
            training=training,
        )
        for method, training in ways
    ]
    losses = [cross_validate(task, candidate, backbone, task.folds, steps).result.log_loss for candidate in candidates]
    best = candidates[int(np.argmin([float("inf") if loss is None else loss.value for loss in losses]))]
    model = fit_rows(task, np.arange(len(task.labeled)), best, backbone, None)
    return model, " ".join(str(value) for value in best.method.values())


def write_pictures(folder: Path, count: int) -> Path:
    """So many training pictures of Fashion-MNIST as files without labels; those that are there already are left."""
    images = read_task("fashion-mnist").train
    place = folder / "unlabeled"
    place.mkdir(parents=True, exist_ok=True)
    rows = generator_for(0, "pretraining", "pictures").permutation(len(images))[:count]
    for row in np.sort(rows).tolist():
        file = place / f"{row:05d}.png"
        if not file.exists():
            Image.fromarray(images.images.squares(np.array([row]), 28)[0]).save(file)
    return folder


def seconds_of_fit(run: Run) -> float:
    """What the pretraining took, also where it was found done."""
    return run.seconds["fit"]


def fashion(options: Any) -> None:
    """One row a draw of labels."""
    folder = write_pictures(options.out / f"fashion-{options.images}", options.images)
    settings = {"training.epochs": options.epochs} if options.epochs else {}
    out = options.out / f"pretrained-fashion-{options.images}-{options.method}-{options.epochs}"
    made = pretrain(folder, method=options.method, settings=settings, minutes=options.minutes, out=out)
    name = f"run:{made.folder}"
    backbone, steps, rows = load_backbone(name), Steps(options.out / "steps"), []
    for seed in range(options.seeds):
        task = read_task("fashion-mnist", seed, options.labels)
        random = load_backbone("small_cnn", "none", 28, seed)
        model, kind = chosen_by_folds(task, name, backbone, steps)
        row = {
            "labels": seed,
            "scratch": accuracy(from_scratch(task), task),
            "ridge on random weights": accuracy(method_from({"kind": "ridge"}).fit(task, random, Training()), task),
            "ridge": accuracy(method_from({"kind": "ridge"}).fit(task, backbone, Training()), task),
            "chosen": accuracy(model, task),
            "by folds": kind,
        }
        rows.append(row | {"gain": row["chosen"] - row["scratch"], "pretraining seconds": seconds_of_fit(made)})
    title = f"Fashion-MNIST, {options.method} on {options.images:,} pictures, {options.labels} labels a class"
    show(title, rows, ["scratch", "ridge on random weights", "ridge", "chosen", "gain"])


def mnist(options: Any) -> None:
    """One row a draw of labels, then the places in the rankings."""
    made = pretrain("mnist", minutes=options.minutes, out=options.out / "pretrained-mnist")
    name, rows = f"run:{made.folder}", []
    backbone = load_backbone(name)
    for seed in range(options.seeds):
        task, row = read_task("digits", seed, 1), {"labels": seed}
        for column, settings in (("ridge", {"kind": "ridge"}), ("tuned", TUNED)):
            model = method_from(settings).fit(task, backbone, Training(epochs=FEW_EPOCHS, seed=seed))
            row[column] = accuracy(model, task)
        row["scratch"] = accuracy(from_scratch(task), task)
        rows.append(row | {"gain": row["tuned"] - row["scratch"]})
    title = f"digits, 1 label a class, after MNIST in {seconds_of_fit(made):.0f} s"
    show(title, rows, ["scratch", "ridge", "tuned", "gain"])
    cards = [card_of(name), *(card for card in pretrained() if card.available and card.provider == "packaged")]
    places = []
    for per_class in (5, None):
        for seed in range(options.seeds):
            found = [one.name for one in rank(read_task("digits", seed, per_class), cards).candidates]
            place = {"labels a class": per_class or "all", "seed": seed, "place": found.index(name) + 1, "of": len(found)}
            places.append(place | {"next": found[1]})
    show("place of the run in the ranking, baselines included", places, ["place"])


def main() -> None:
    """Print the tables of one part, or of both; 0 epochs are as many as the system takes."""
    options = arguments(__doc__ or "", seeds=3, part="all", images=20_000, labels=10, method="sim_clr", epochs=0)
    for part in (mnist, fashion):
        if options.part in ("all", part.__name__):
            part(options)


if __name__ == "__main__":
    main()
