"""Few-shot on emoji identities: one code point is one class, Noto's drawing is the support, Twemoji's the query.

300 of the 704 code points are held out; the others are the source. Frozen heads, every meta-learner, and the method that the
system chooses on the source alone are evaluated on the same 1,000 episodes, 5-way 1-shot and 20-way 1-shot, with 95 %
intervals over episodes. Then: seconds of 1,000 episodes on cached features, together and one by one; rejection of code points
that were not enrolled; and a gallery of 1,000 classes.

Expected: the chosen method within 1 point of the best; 1,000 episodes of 5-way 1-shot in under 2 s; 100 classes enrolled into
1,000 in under 5 s and 100 images predicted in under 3 s.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from benchmarks.protocol import arguments, show
from headstart.backbones.loading import load_backbone
from headstart.core.estimate import Estimate
from headstart.core.types import UNLABELED, Floats, Integers
from headstart.data.images import ImageSet
from headstart.data.readers import reader_for
from headstart.evaluation.episodes import LogitsOf, correct_queries, interval_over_episodes
from headstart.features.extract import features_of
from headstart.features.feature_set import FeatureSet
from headstart.features.representation import Representation
from headstart.gallery import Gallery
from headstart.gallery.class_store import Enrolled, joined
from headstart.gallery.matching import NO_PAIRS, match, unit_rows_by, within_class_similarity
from headstart.gallery.meta_learner_selection import choose_meta_learner, meta_trained_on
from headstart.heads.unlabeled_pool import UnlabeledPool
from headstart.losses.episodic import cosine_logits, distance_logits, prototypes, ridge_weights
from headstart.methods import method_from
from headstart.methods.semi.laplacian_shot import LaplacianShot
from headstart.methods.semi.tim import TIM
from headstart.training.cosine_classifier import cosine_classifier
from headstart.training.episodes import Episodes, draw_episodes

NAME, PIXELS = "efficientnet_lite0", 160
NUM_SOURCE = 404
NUM_EPISODES = 1_000
WAYS = (5, 20)
META_LEARNERS = ("whitened_mean", "proto_net", "meta_baseline", "r2_d2")
MOST_TRANSDUCTIVE = 300
"""Episodes of the heads that see all queries of an episode: they are fitted one by one."""
FROM_FROZEN = ("proto_net", "meta_baseline", "r2_d2")
"""Also started at the frozen features instead of at whitening, twice as long and at three times the step size."""


@dataclass(frozen=True)
class Identities:
    """Emoji as the network sees them.

    Attributes:
        features: Of both vendors' drawings.
        labels: int64 [drawing], the code point.
        domains: int64 [drawing], 0 for Noto and 1 for Twemoji.
    """

    features: FeatureSet
    labels: Integers
    domains: Integers

    @classmethod
    def read(cls) -> Identities:
        raw = reader_for("emoji").read("emoji")
        names, labels = np.unique(raw.groups, return_inverse=True)
        images = ImageSet(raw.images, tuple(names), labels, labels, raw.domains)
        domains = np.array([domain == "twemoji" for domain in raw.domains], np.int64)
        return cls(features_of(images, load_backbone(NAME, input_pixels=PIXELS)), labels, domains)


def frozen_heads(known: Identities, source: Integers) -> dict[str, tuple[Floats, LogitsOf]]:
    """Rows and head of each."""
    centered = Representation.fitted(known.features.take(source), "stages").matrix(known.features)
    centered /= np.linalg.norm(centered, axis=1, keepdims=True)
    last = known.features.take(source).penultimate.mean(axis=0)
    penultimate = np.asarray(known.features.penultimate) - last
    penultimate = penultimate / np.linalg.norm(penultimate, axis=1, keepdims=True)

    def own_center(support: torch.Tensor, targets: torch.Tensor, query: torch.Tensor) -> torch.Tensor:
        middle = support.mean(dim=1, keepdim=True)
        return cosine_logits(query - middle, prototypes(support - middle, targets), 1.0)

    def ridge(support: torch.Tensor, targets: torch.Tensor, query: torch.Tensor) -> torch.Tensor:
        middle = support.mean(dim=1, keepdim=True)
        return (query - middle) @ ridge_weights(support - middle, targets - targets.mean(dim=1, keepdim=True), 0.1)

    def baseline(support: torch.Tensor, targets: torch.Tensor, query: torch.Tensor) -> torch.Tensor:
        # Class directions stay in the span of the support rows: its coordinates are as good as 3,968 features, and fewer.
        axes, coordinates = torch.linalg.qr(support.transpose(1, 2))
        with torch.enable_grad():
            directions = cosine_classifier(coordinates.transpose(1, 2), targets, 10.0, 50, 1e-3)
        return cosine_logits(query @ axes, directions, 1.0)

    return {
        "CL2N, last layer": (penultimate, lambda s, y, q: distance_logits(q, prototypes(s, y))),
        "CL2N, all stages": (centered, lambda s, y, q: distance_logits(q, prototypes(s, y))),
        "CL2N, own center": (centered, own_center),
        "ridge": (centered, ridge),
        "Baseline++": (centered, baseline),
    }


def transductive(known: Identities, episodes: Episodes, make: Callable[[UnlabeledPool], object]) -> Floats:
    """Right or wrong for each query, all queries of an episode given together without their labels."""
    found = np.empty(episodes.query.shape)
    for place in range(len(episodes)):
        rows = np.concatenate([episodes.support[place], episodes.query[place]])
        labels = np.concatenate([episodes.support_labels, np.full(episodes.query.shape[1], UNLABELED)])
        features = known.features.take(rows)
        pool = UnlabeledPool.of(features, labels, np.arange(len(rows)), episodes.ways, "stages", 0)
        head, _ = make(pool)
        scores = head.scores(features.take(np.flatnonzero(labels == UNLABELED)))
        found[place] = scores.argmax(axis=1) == episodes.query_labels
    return found


def judged(known: Identities, seed: int, transductive_too: bool) -> tuple[dict[str, dict[int, Estimate]], dict[str, float], str]:
    """Accuracy by head and ways, seconds of meta-training, and what is chosen."""
    order = np.random.default_rng(seed).permutation(known.labels.max() + 1)
    in_source = np.isin(known.labels, order[:NUM_SOURCE])
    source = np.flatnonzero(in_source)
    masks = (known.domains == 0, known.domains == 1)
    unseen = np.where(in_source, UNLABELED, known.labels)
    episodes = {ways: draw_episodes(unseen, ways, 1, 1, NUM_EPISODES, seed, *masks) for ways in WAYS}
    found: dict[str, dict[int, Estimate]] = {}
    seconds: dict[str, float] = {}

    def judge(name: str, rows: Floats, logits_of: LogitsOf) -> None:
        tensor = torch.from_numpy(np.asarray(rows, np.float32))
        correct = {ways: correct_queries(logits_of, tensor, drawn).mean(axis=1) for ways, drawn in episodes.items()}
        found[name] = {ways: interval_over_episodes(each) for ways, each in correct.items()}

    for name, (rows, logits_of) in frozen_heads(known, source).items():
        judge(name, rows, logits_of)
    features, labels, domains = known.features.take(source), known.labels[source], known.domains[source]
    for kind in META_LEARNERS:
        begun = time.perf_counter()
        made = meta_trained_on(kind, features, labels, domains, seed)
        seconds[kind] = time.perf_counter() - begun
        judge(kind, made.projection.rows(known.features), lambda s, y, q, made=made: made.method.logits(made.parameters, s, y, q))
    rows = made.projection.rows(known.features)
    for kind in FROM_FROZEN:
        method = method_from({"kind": kind, "start": "frozen", "num_steps": 200, "lr": 1e-3})
        parameters = method.meta_train(rows[source], np.unique(labels, return_inverse=True)[1], domains, seed)
        judge(f"{kind}, from frozen", rows, lambda s, y, q, m=method, p=parameters: m.logits(p, s, y, q))
    begun = time.perf_counter()
    choice = choose_meta_learner(features, labels, domains, seed)
    seconds["choosing"] = time.perf_counter() - begun
    found["chosen"] = found[choice.kind or "CL2N, all stages"]
    if transductive_too:
        for name, make in (("LaplacianShot", LaplacianShot().head_of), ("TIM", TIM().head_of)):
            each = {
                ways: transductive(known, drawn.take(slice(0, MOST_TRANSDUCTIVE)), make).mean(axis=1)
                for ways, drawn in episodes.items()
            }
            found[f"{name} (sees all queries)"] = {ways: interval_over_episodes(values) for ways, values in each.items()}
    sys.stdout.write(f"seed {seed}: {choice.sentence}\n")
    return found, seconds, choice.kind or "plain"


def accuracies(known: Identities, seeds: int, transductive_seeds: int) -> None:
    """Print accuracies of all heads, and how far the chosen one is from the best."""
    distances, times = [], []
    for seed in range(seeds):
        found, seconds, chosen = judged(known, seed, seed < transductive_seeds)
        rows = [
            {
                "head": name,
                **{
                    f"{ways}-way": f"{100 * each.value:.1f} +- {100 * (each.high - each.value):.1f}" for ways, each in own.items()
                },
            }
            for name, own in found.items()
        ]
        show(f"seed {seed}: 1-shot accuracy on held-out code points, % with 95 % intervals over 1,000 episodes", rows, [])
        best = {ways: max(own[ways].value for name, own in found.items() if "queries" not in name) for ways in WAYS}
        below = {f"{ways}-way": best[ways] - found["chosen"][ways].value for ways in WAYS}
        distances.append({"seed": seed, "chosen": chosen, **below})
        times.append({"seed": seed, **seconds})
    show("how far the chosen head is below the best", distances, [f"{ways}-way" for ways in WAYS])
    show("seconds of meta-training", times, list(times[0])[1:])


def timing(known: Identities, repetitions: int) -> None:
    """Print seconds of 1,000 episodes together, and the processor seconds of that and of one by one."""
    wide, logits_of = frozen_heads(known, np.arange(len(known.labels)))["CL2N, all stages"]
    masks = (known.domains == 0, known.domains == 1)
    for rows in (wide, wide[:, :256]):
        tensor = torch.from_numpy(np.asarray(rows, np.float32))
        found = []
        for repetition in range(repetitions):
            begun, spending = time.perf_counter(), time.process_time()
            episodes = draw_episodes(known.labels, 5, 1, 1, NUM_EPISODES, repetition, *masks)
            together = correct_queries(logits_of, tensor, episodes)
            seconds, spent = time.perf_counter() - begun, time.process_time() - spending
            spending = time.process_time()
            alone = [correct_queries(logits_of, tensor, episodes.take(slice(place, place + 1))) for place in range(NUM_EPISODES)]
            one_by_one = time.process_time() - spending
            same = float(np.array_equal(together, np.concatenate(alone)))
            row = {"seconds": seconds, "processor": spent, "one by one": one_by_one, "one by one / together": one_by_one / spent}
            found.append({"repetition": repetition, **row, "same": same})
        title = f"1,000 episodes of 5-way 1-shot on cached features of {tensor.shape[1]:,} values"
        show(title, found, ["seconds"], ["one by one / together"])


def rejection(known: Identities, seeds: int) -> None:
    """Print how well images of code points that were not enrolled are rejected."""
    found = []
    for seed in range(seeds):
        order = np.random.default_rng(seed).permutation(known.labels.max() + 1)
        place = {(label, domain): row for row, (label, domain) in enumerate(zip(known.labels, known.domains, strict=True))}
        source = np.flatnonzero(np.isin(known.labels, order[:NUM_SOURCE]))
        embedding = meta_trained_on("proto_net", known.features.take(source), known.labels[source], known.domains[source], seed)
        background = known.features.take(source[:: len(source) // 64])
        source_rows = unit_rows_by(background, embedding)(known.features.take(source))
        pairs = within_class_similarity(source_rows, known.labels[source], known.domains[source])
        for name, how, within_class in (("plain", None, NO_PAIRS), ("proto_net", embedding, pairs)):
            for ways in (5, 20, 100):
                unseen = order[NUM_SOURCE:]
                enrolled = known.features.take(np.array([place[label, 0] for label in unseen[:ways]]))
                shown = known.features.take(np.array([place[label, 1] for label in unseen[: 2 * ways]]))
                matches = match(shown, enrolled, np.arange(ways), background, how, within_class)
                nearest = matches.similarity.max(axis=1)
                found.append(
                    {
                        "seed": seed,
                        "head": name,
                        "classes": ways,
                        "AUROC": float(roc_auc_score(np.arange(2 * ways) < ways, nearest)),
                        "enrolled accepted": float((nearest >= matches.threshold)[:ways].mean()),
                        "others accepted": float((nearest >= matches.threshold)[ways:].mean()),
                    }
                )
    show("rejection, one Noto image enrolled, Twemoji shown", found, [])
    for name in ("plain", "proto_net"):
        for ways in (5, 20, 100):
            own = [row for row in found if row["head"] == name and row["classes"] == ways]
            means = {
                column: np.mean([row[column] for row in own]) for column in ("AUROC", "enrolled accepted", "others accepted")
            }
            sys.stdout.write(f"{name}, {ways} classes: " + ", ".join(f"{key} {value:.3f}" for key, value in means.items()) + "\n")


def scale(known: Identities, shots: int) -> dict[str, object]:
    """Seconds that a gallery of 1,000 classes takes, features apart: a class is a drawing and noisy copies of it."""
    draw = np.random.default_rng(0)

    def copies(row: int) -> FeatureSet:
        one = known.features.take(np.full(shots, row))

        def noisy(blocks: tuple[Floats, ...]) -> tuple[Floats, ...]:
            moved = (block + 0.1 * np.std(block, axis=1, keepdims=True) * draw.normal(size=block.shape) for block in blocks)
            return tuple(np.asarray(block, np.float32) for block in moved)

        return FeatureSet(noisy(one.stages), one.pixels, None, one.stage_names, noisy(one.stds))

    with tempfile.TemporaryDirectory() as folder:
        gallery = Gallery.create(Path(folder) / "gallery", NAME)
        classes = [
            Enrolled(str(row), tuple(f"{row}-{shot}" for shot in range(shots)), ("made",) * shots, copies(row))
            for row in range(1_100)
        ]
        gallery.class_store.add(classes[:1_000])
        begun = time.perf_counter()
        gallery.class_store.add(classes[1_000:])
        enrolled = time.perf_counter()
        held = gallery.class_store.read()
        labels = np.repeat(np.arange(len(held)), [len(each) for each in held])
        shown = joined([copies(row) for row in range(0, 1_100, 11)])
        begun_predicting, begun_spending = time.perf_counter(), time.process_time()
        held = gallery.class_store.read()
        matches = match(shown, joined([each.features for each in held]), labels, gallery.state.background, None)
        done, spent = time.perf_counter(), time.process_time() - begun_spending
        right = float((matches.probs.argmax(axis=1) == np.repeat(np.arange(0, 1_100, 11), shots)).mean())
    return {
        "images a class": shots,
        "enroll 100 more": enrolled - begun,
        "images predicted": len(shown),
        "predict": done - begun_predicting,
        "processor seconds of predict": spent,
        "right": right,
    }


def whole(rows: int) -> dict[str, object]:
    """Seconds of the same from files on, features included: every drawing is a class of its own."""
    images = reader_for("emoji").read("emoji").images
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        distinct = list({images.content_key(row): row for row in range(len(images))}.values())
        for row in distinct[:rows]:
            paths.append(Path(folder) / f"{row}.png")
            images.read(row).resize((65, 65)).save(paths[-1])
        gallery = Gallery.create(Path(folder) / "gallery", NAME, paths[:20])
        gallery.enroll({str(row): [paths[row]] for row in range(1_000)})
        begun = time.perf_counter()
        gallery.enroll({str(row): [paths[row]] for row in range(1_000, 1_100)})
        enrolled = time.perf_counter()
        gallery.predict(paths[1_100:1_200])
        predicted = time.perf_counter()
        spending = time.process_time()
        gallery.predict(paths[1_100:1_200])
        again, spent = time.perf_counter(), time.process_time() - spending
        before = gallery.predict(paths[1_100:1_200])
        gallery.enroll({"one more": [paths[1_201]]})
        gallery.forget("one more")
        same = float(before == gallery.predict(paths[1_100:1_200]))
    return {
        "pixels": gallery.state.card.input_pixels,
        "engine": gallery.state.card.engine,
        "enroll 100 more": enrolled - begun,
        "predict 100": predicted - enrolled,
        "predict 100 again": again - predicted,
        "processor seconds of that": spent,
        "same after forgetting": same,
    }


def main() -> None:
    """Print everything, or the parts that are named."""
    given = arguments(__doc__ or "", seeds=3, transductive_seeds=1, parts=("accuracy", "timing", "rejection", "scale"))
    known = Identities.read()
    if "accuracy" in given.parts:
        accuracies(known, given.seeds, given.transductive_seeds)
    if "timing" in given.parts:
        timing(known, given.seeds)
    if "rejection" in given.parts:
        rejection(known, given.seeds)
    if "scale" in given.parts:
        show("a gallery of 1,000 classes: seconds, features apart", [scale(known, shots) for shots in (1, 5)], [])
        show("a gallery of 1,000 classes: seconds, from files on", [whole(1_202)], [])


if __name__ == "__main__":
    main()
