"""Trained candidates: the network from scratch and the fine-tuned ones that are tried, and why one is not."""

from __future__ import annotations

from headstart.backbones.catalog import card_of
from headstart.data.task import Task
from headstart.methods import method_from
from headstart.methods.base import settings_of
from headstart.planning.candidate import Candidate
from headstart.planning.costs import seconds_of_fit
from headstart.planning.cross_validation import CrossValidated
from headstart.planning.deciding.closed_forms import FEW_LABELS, best_so_far, few_labels, flip_tested, trial_order
from headstart.planning.deciding.options import Options
from headstart.planning.deciding.racing import Whole, folds_to_race
from headstart.planning.deciding.selection import accuracy_of
from headstart.planning.deciding.trials import Trials
from headstart.planning.deciding.verdict import SMALLEST_GAIN
from headstart.planning.limits import MemoryLimitError
from headstart.planning.plan import is_gradient
from headstart.planning.ranking.ranking import Ranking
from headstart.training.budget import fine_tuning_training, scratch_training
from headstart.training.depth import Depth

FINE_TUNING = "lp_ft"
DEPTH: Depth = "third"
"""How far down it trains. What the mean with ridge on three networks gains over that ridge with `fine_tuning_training`, in
points of test accuracy and in log loss: 0.9 and 0.024 with 200 pictures of Fashion-MNIST and the models of five folds (one
fold alone, on average, 0.5 and 0.014); 1.2 and 0.03 with 80 solar cells, 0.7 and 0.04 with 352 emoji, 0.6 and nothing with 144
Noto emoji (one fold). The residual with equal training gains less on Fashion-MNIST and solar cells, where it errs as ridge
does, and more on emoji. LP-FT behind the middle, of everything, for 4 or 12 epochs, at half the step size, with mixup or
without crops loses 0.2 to 1 points where it gains 0.9 (Fashion-MNIST, one fold). EfficientNet-Lite0, one seed; `python -m
benchmarks.fine_tuning`."""
FEWEST_TO_TRAIN = 100
"""Labeled rows from which on a network is fine-tuned. With 40 of solar cells a residual was ahead of ridge by 2 standard errors
out of fold and 6 points behind on test images; with 100 it gains 2 points (EfficientNet-Lite0)."""
LARGE_PIXELS = 48
"""Side from which on the network from scratch is residual with a small stem: at 64 pixels a step takes a third of the time of one
of the plain network, at 28 pixels it would see maps of 7 pixels alone. `python -m benchmarks.from_scratch`."""
SCRATCH_SHARE = 0.55
"""Share of the budget that all folds of the network from scratch may take. Ten minutes have room for one of 57,000 rows of
Fashion-MNIST and for the features of three networks, the usual budget for three of the embedded pictures, 42 epochs each."""
ALONE_SHARE = 0.9
"""The same where nothing else is asked for. Chosen, not measured; the baselines on raw pixels need a little."""
FINE_TUNING_SHARE = 0.39
"""The same for one fit of fine-tuning, beside which the network from scratch has its turn. It has room for four epochs of six on
the embedded pictures, a minute."""
EPOCHS_DIVISOR = 4
"""Epochs are cut to this fraction at most: a quarter. From scratch, four of Fashion-MNIST reached 90.5 %, eight 92.2 %."""


def trained_candidates(trials: Trials, ranking: Ranking, options: Options) -> list[Candidate]:
    """The network from scratch, then what is fine-tuned, in the order of their turns; what is not tried says why."""
    scratch = [scratch_candidate(trials)] if options.only != "transfer" else []
    return scratch + ([] if options.only == "scratch" else fine_tuned(trials, ranking, options))


def scratch_network(task: Task) -> str:
    """The name of the network that suits the side of the task's pictures."""
    return "small_resnet" if task.native_pixels >= LARGE_PIXELS else "small_cnn"


def scratch_candidate(trials: Trials) -> Candidate:
    """The small network that suits the side of the pictures, from random weights, with the training that suits their number."""
    task = trials.task
    probe = trials.candidate("scratch", scratch_network(task), settings_of(method_from({"kind": "fine_tune"})))
    num_rows = len(task.folds[0].fit) if task.folds else len(task.labeled)
    candidate = probe.model_copy(update={"training": scratch_training(num_rows, probe.input_pixels, task.seed)})
    share = ALONE_SHARE if trials.only == "scratch" else SCRATCH_SHARE
    return _shortened(trials, candidate, share / len(folds_to_race(task))) if task.folds else candidate


def _shortened(trials: Trials, candidate: Candidate, share: float) -> Candidate:
    """The candidate with as many of its epochs as that share of the budget, or what is left of it, has room for in one fold.

    They are a quarter at least.
    """
    first = trials.task.restricted_to(trials.task.folds[0].fit)
    try:
        price = seconds_of_fit(candidate, first, trials.backbone(candidate), trials.steps)
    except MemoryLimitError:  # its turn says so
        return candidate
    epochs, allowed = candidate.training.epochs, min(share * trials.budget_seconds, trials.remaining_seconds)
    if price <= allowed:
        return candidate
    trials.wholes[candidate.name] = Whole(price, price / share)
    fewer = max(-(-epochs // EPOCHS_DIVISOR), int(epochs * allowed / price))
    return candidate.model_copy(update={"training": candidate.training.model_copy(update={"epochs": fewer})})


def fine_tuned(trials: Trials, ranking: Ranking, options: Options) -> list[Candidate]:
    """What the user asked for on the network of the best closed form, or LP-FT on the cheapest network."""
    chosen = options.chosen(options.method or FINE_TUNING, **({} if options.method else {"depth": DEPTH}))
    if not is_gradient(chosen):
        return []
    best, seed = best_so_far(trials), trials.task.seed
    if options.method is not None:
        network = best.candidate.pretrained if best else ranking.chosen[0]
        candidate = trials.candidate("transfer", network, chosen, options.recipe(seed))
        return [flip_tested(trials, candidate, options)]
    network = min(trial_order(trials, ranking), key=lambda name: card_of(name).num_parameters or 0)
    candidate = trials.candidate("transfer", network, chosen, fine_tuning_training(seed, options.training))
    hopeless = _why_not_fine_tuned(trials, best)
    if hopeless:
        trials.skip(candidate, hopeless)
        return []
    candidate = flip_tested(trials, candidate, options)
    return [candidate if options.training else _shortened(trials, candidate, FINE_TUNING_SHARE)]


def _why_not_fine_tuned(trials: Trials, best: CrossValidated | None) -> str:
    """Why fine-tuning cannot be shown to help; empty where it may."""
    if best and best.result.accuracy and 1 - accuracy_of(best) < SMALLEST_GAIN:
        return f"{best.result.name} errs on {1 - accuracy_of(best):.1%} only: no point left to win"
    if few_labels(trials):
        return f"with {FEW_LABELS} labels a class or fewer it lost to ridge on every set that was measured"
    if len(trials.task.labeled) < FEWEST_TO_TRAIN:
        return f"with fewer than {FEWEST_TO_TRAIN} labels held-out rows cannot tell whether it helps"
    return ""
