"""What reading a target together with its sources notices, as findings."""

from __future__ import annotations

from typing import Any

from headstart.core.findings import Finding, Severity

FINDINGS: dict[str, tuple[Severity, str, str]] = {
    "class-names-merged": (
        "info",
        "Class names that differ in case, spaces, hyphens or underscores are taken for one: {pairs}.",
        "Name the classes otherwise if they are not the same.",
    ),
    "contradictory-sources": (
        "warning",
        'Images of source "{source}" that an earlier source has under another class ({images}): one of the two is wrong.',
        "Take the wrong source away, or label some target images, which tell it.",
    ),
    "domain-leak": (
        "warning",
        'Images of source "{source}" that stand in the target, too ({copies}), or share a group with its test images ({groups}), '
        "are left out of the source.",
        "Nothing needs doing: each picture counts once, as one of the target.",
    ),
    "no-common-class": (
        "warning",
        'Source "{source}" is left out: none of its classes ({theirs}) is one of the target ({wanted}).',
        "Name the classes alike where they mean the same; `headstart pretrain` can learn from a source of other classes.",
    ),
    "no-test": (
        "warning",
        "No target image has a label to test on, so that nothing is known of how good a model is there.",
        "Put a few labeled images into test/, one folder a class.",
    ),
    "one-class-source": (
        "warning",
        'Source "{source}" is left out: it shows {shown}, and two are needed to tell anything apart.',
        "Add images of another class to it, or take it away.",
    ),
    "repeated-in-sources": (
        "info",
        'Images of source "{source}" that an earlier source has, too ({copies}), are left out of it.',
        "Nothing needs doing: each picture counts once, so that no source is confirmed by its own pictures in another.",
    ),
    "target-labels-hidden": (
        "info",
        "The labels of {hidden} target images are taken off and never read; those of {sealed} test images are opened by the "
        "final evaluation alone.",
        "",
    ),
    "transductive": (
        "info",
        "{shared} of {unlabeled} unlabeled target images are test images, too: the model adapts to the pictures that it is "
        "tested on, without their labels (transductive). Its accuracy is that on these images, and not on new ones.",
        "For an accuracy on new images, put other pictures into unlabeled/.",
    ),
    "unknown-classes": (
        "warning",
        "Test images of classes that neither a source nor a target label shows ({images}): {names}. No accuracy counts them.",
        "Label some target images of these classes, or add a source that has them.",
    ),
}
"""Severity, title and advice by code; names in braces are those of evidence and of other words."""


def finding_of(code: str, evidence: dict[str, Any], **words: str) -> Finding:
    """The finding of that code, with the evidence and other words in its title."""
    severity, title, advice = FINDINGS[code]
    return Finding(code=code, severity=severity, title=title.format(**evidence, **words), evidence=evidence, advice=advice)


def of_source(name: str, finding: Finding) -> Finding:
    """A finding about the rows of one source, with the source's name in it."""
    title = f'Source "{name}": {finding.title[0].lower()}{finding.title[1:]}'
    return finding.model_copy(update={"title": title, "evidence": {**finding.evidence, "source": name}})
