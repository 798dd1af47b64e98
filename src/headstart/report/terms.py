"""The technical terms of a report, each with one or two sentences that explain it on hover or tap."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from markupsafe import Markup

from headstart.core.docstrings import paragraphs
from headstart.core.language import Language
from headstart.evaluation.validators import VALIDATORS
from headstart.scores import SCORES


class Term(NamedTuple):
    """A term and what it means."""

    title: str
    meaning: str


TERMS: dict[str, Term] = {
    "accuracy": Term("Accuracy", "The share of images that get the right label."),
    "balanced_accuracy": Term(
        "Balanced accuracy",
        "The share of right labels of each class, averaged over the classes: rare classes count as much as others.",
    ),
    "macro_precision": Term("Precision, macro", "Precision of each class, averaged over the classes."),
    "macro_recall": Term("Recall, macro", "Recall of each class, averaged over the classes; the same as balanced accuracy."),
    "macro_f1": Term("F1, macro", "F1 of each class, averaged over the classes."),
    "log_loss": Term(
        "Log loss",
        "Minus the logarithm of the probability that the right label got, averaged. It punishes confident mistakes; 0 is best.",
    ),
    "ece": Term(
        "Calibration error",
        "How far confidence and accuracy are apart on average; 0% means that confidence can be taken at its word.",
    ),
    "ece_before_temperature": Term(
        "ECE before temperature", "The calibration error of the scores before the temperature corrected them."
    ),
    "auroc": Term(
        "AUROC",
        "How well the scores of a class rank its images above others: 50% is chance, 100% perfect. Averaged over the classes.",
    ),
    "interval": Term(
        "95% interval",
        "Made so that 95 of 100 such intervals hold the true value. Wide intervals mean that few images were judged.",
    ),
    "out_of_fold": Term(
        "Out of fold",
        "The labeled images are divided into parts (folds); each part is predicted by a model that has learned from the "
        "others only.",
    ),
    "temperature": Term(
        "Temperature",
        "One number that all scores are divided by, so that the confidence agrees with the accuracy; it changes no label.",
    ),
    "confidence": Term("Confidence", "The probability that the model gives to the label it names."),
    "baseline": Term(
        "Baseline",
        "A candidate without transferred knowledge: raw pixels or a network with random weights. What is worth using "
        "must beat it.",
    ),
    "shortlist": Term("Shortlist", "The networks that rank first and are tried by real fits."),
    "mean_rank": Term("Mean rank", "The place among the candidates, averaged over the scores that are combined; 1 is best."),
    "ranks_first": Term("Ranks first", "The share of random halves of the labeled images on which this candidate ranks first."),
    "probe_accuracy": Term(
        "Probe accuracy", "Accuracy of a ridge head on the frozen features, each image predicted from all others."
    ),
    "leave_one_out": Term("Leave-one-out", "Each image is predicted by a model that has learned from all others."),
    "ridge": Term(
        "Ridge head",
        "A linear classifier on a network's features, found by one formula in moments; the network itself stays as it is.",
    ),
    "features": Term(
        "Features",
        "The numbers that a network computes from an image, which describe what is in it. Frozen: the network is not trained.",
    ),
    "stages_pixels": Term(
        "Stages+pixels", "The features of all stages of a network, early and late, together with the picture's own pixels."
    ),
    "scratch": Term("From scratch", "Trained on these images alone, from random weights, without knowledge from other pictures."),
    "transfer": Term("Transfer", "A network that has learned from other pictures is the starting point."),
    "beyond_noise": Term(
        "Beyond noise",
        "The log loss is lower with a certainty of 95%, by a bootstrap on the same images; a verdict also allows for the "
        "draw of the folds. Otherwise within noise: it may be chance.",
    ),
    "mcnemar": Term(
        "McNemar p",
        "The probability of a difference as large as this one, or larger, if both were equally accurate; small means "
        "that chance is unlikely.",
    ),
    "log_loss_gain": Term("Log-loss gain", "By how much the log loss of the first is lower than that of the second."),
    "accuracy_gain": Term(
        "Accuracy gain", "Accuracy of the first minus that of the second, in percentage points, on the same images."
    ),
    "weighted_tau": Term(
        "Weighted tau", "Agreement of two orders: 1 where they agree, −1 where they are reversed; the first places count most."
    ),
    "learning_curve": Term(
        "Learning curve", "The error against the number of labeled images, measured on parts of them and continued to more."
    ),
    "recall": Term("Recall", "Of the images of a class, the share that is labeled as it."),
    "precision": Term("Precision", "Of the images labeled as a class, the share that is of it."),
    "f1": Term("F1", "The harmonic mean of precision and recall; low where either is."),
    "p_value": Term(
        "p-value",
        "The share of known images that look at least as unusual as this one; below 0.05 a picture is flagged as perhaps "
        "unknown.",
    ),
    "ensemble": Term(
        "Ensemble", "Several models that predict together: their probabilities are averaged, weighted, on a logarithmic scale."
    ),
    "proxy_a": Term("Proxy A-distance", "How well a classifier tells the two domains apart: 0 not at all, 2 without an error."),
    "mmd": Term("MMD", "Maximum mean discrepancy: a distance of two sets of features; 0 where they are alike."),
    "otdd": Term("Transport distance", "How far images and labels of one domain have to be moved to become those of the other."),
    "leep": Term("LEEP", "How well labels of the source predict those of the target; higher is better."),
    "pseudo_labels": Term(
        "Corrected share", "The share of a class among the unlabeled images, corrected by the errors made on labeled ones."
    ),
    "learning_rate": Term("Learning rate", "The size of the steps in which a network is trained."),
    "forgetting": Term("Forgetting", "What training on new images costs on the task that was learned before."),
    "fingerprint": Term("Data fingerprint", "A short code that changes when any image or label changes."),
    "severity": Term(
        "Severity", "error: the result cannot be trusted; warning: look at it before you use the result; info: good to know."
    ),
}
"""By key."""


class Terms:
    """What a page has of terms: called in a template, a term becomes a button that opens its explanation.

    Args:
        language: Of the page.
    """

    def __init__(self, language: Language) -> None:
        self._language = language
        self.used: dict[str, Term] = {}

    def __call__(self, key: str, shown: str = "") -> Markup:
        """A term of the list, under its title or as the page words it."""
        return self._button(key, TERMS[key], shown)

    def metric(self, name: str, title: str) -> Markup | str:
        """A metric's title, as a term where it is one; metrics of plug-ins are not."""
        return self._button(name, TERMS[name], "") if name in TERMS else title

    def score(self, name: str) -> Markup:
        """A transferability score, explained by the first paragraph of its docstring."""
        return self._documented(name, SCORES.get(name) if name in SCORES.names() else None)

    def validator(self, name: str) -> Markup:
        """A validator, explained by the first paragraph of its docstring."""
        return self._documented(name, VALIDATORS.get(name) if name in VALIDATORS.names() else None)

    def _documented(self, name: str, function: Callable[..., Any] | None) -> Markup:
        title = name.replace("_", " ")
        if function is None:
            return Markup.escape(title)
        return self._button(name, Term(title, meaning_of(function)), title)

    def _button(self, key: str, term: Term, shown: str) -> Markup:
        term = Term(self._language.gettext(term.title), self._language.gettext(term.meaning))
        self.used[key] = term
        return Markup('<button type="button" class="term" popovertarget="term-{}" title="{}">{}</button>').format(
            key, term.meaning, shown or term.title
        )


def meaning_of(function: Callable[..., Any]) -> str:
    """The first paragraph of a function's docstring."""
    return paragraphs(inspect.cleandoc(function.__doc__ or ""))[0]
