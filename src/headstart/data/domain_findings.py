"""What joining a target and its sources notices, as findings."""

from __future__ import annotations

from collections.abc import Sequence

from headstart.core.findings import Finding
from headstart.data.class_names import quoted


def of_source(name: str, finding: Finding) -> Finding:
    """A finding about a source's own rows, which says whose."""
    title = f'Source "{name}": {finding.title[0].lower()}{finding.title[1:]}'
    return finding.model_copy(update={"title": title, "evidence": {**finding.evidence, "source": name}})


def one_class_source(name: str, classes: tuple[str, ...]) -> Finding:
    """A source that shows fewer than two classes is left out."""
    shown = f"one class only ({quoted(classes)})" if classes else "no class once copies are left out"
    return Finding(
        code="one-class-source",
        severity="warning",
        title=f'Source "{name}" is left out: it shows {shown}, and two are needed to tell anything apart.',
        evidence={"source": name, "classes": list(classes)},
        advice="Add images of another class to it, or take it away.",
    )


def no_common_class(name: str, classes: tuple[str, ...], wanted: tuple[str, ...]) -> Finding:
    """A source whose classes are all others than those of the labeled target rows is left out."""
    return Finding(
        code="no-common-class",
        severity="warning",
        title=f'Source "{name}" is left out: none of its classes ({quoted(classes)}) is one of the target ({quoted(wanted)}).',
        evidence={"source": name, "source_classes": list(classes), "target_classes": list(wanted)},
        advice="Name the classes alike where they mean the same; `headstart pretrain` can learn from a source of other classes.",
    )


def domain_leak(name: str, paths: Sequence[str], copies: int, tested: int) -> Finding:
    """Source rows that stand in the target, too, are left out.

    Args:
        name: The source.
        paths: Some of these rows.
        copies: How many are copies of target rows.
        tested: How many others share a group with a target row of the test.

    Returns:
        The finding.
    """
    return Finding(
        code="domain-leak",
        severity="warning",
        title=f'Images of source "{name}" that stand in the target, too ({copies}), or share a group with its test images '
        f"({tested}), are left out of the source.",
        evidence={"source": name, "copies": copies, "groups": tested, "paths": list(paths)},
        advice="Nothing needs doing: each picture counts once, as one of the target.",
    )


def repeated_in_sources(name: str, paths: Sequence[str], copies: int) -> Finding:
    """Rows of a source that an earlier source has under the same class are left out."""
    return Finding(
        code="repeated-in-sources",
        severity="info",
        title=f'Images of source "{name}" that an earlier source has, too ({copies}), are left out of it.',
        evidence={"source": name, "copies": copies, "paths": list(paths)},
        advice="Nothing needs doing: each picture counts once, so that sources cannot vouch for one another by it.",
    )


def contradictory_sources(name: str, paths: Sequence[str], number: int) -> Finding:
    """Rows of a source whose very same picture an earlier source calls otherwise."""
    return Finding(
        code="contradictory-sources",
        severity="warning",
        title=f'Images of source "{name}" that an earlier source has under another class ({number}): one of the two is wrong.',
        evidence={"source": name, "images": number, "paths": list(paths)},
        advice="Take the wrong source away, or label some target images, which tell it.",
    )


def target_labels_hidden(num_hidden: int, num_tested: int) -> Finding:
    """Labels that are there and are taken off on request."""
    return Finding(
        code="target-labels-hidden",
        severity="info",
        title=f"The labels of {num_hidden} target images are taken off and never read; those of {num_tested} test images are "
        "opened by the final evaluation alone.",
        evidence={"hidden": num_hidden, "sealed": num_tested},
    )


def unknown_classes(classes: tuple[str, ...], names: Sequence[str], count: int) -> Finding:
    """Test rows of classes that no labeled row shows."""
    return Finding(
        code="unknown-classes",
        severity="warning",
        title=f"Test images of classes that neither a source nor a target label shows ({count}): {quoted(classes)}. "
        "No accuracy counts them.",
        evidence={"classes": list(classes), "images": count, "paths": list(names)},
        advice="Label some target images of these classes, or add a source that has them.",
    )


def class_names_merged(merged: dict[str, str]) -> Finding:
    """Class names of sources that are taken for the target's."""
    pairs = ", ".join(f'"{one}" for "{common}"' for one, common in sorted(merged.items())[:10])
    return Finding(
        code="class-names-merged",
        severity="info",
        title=f"Class names that differ in case, spaces, hyphens or underscores are taken for one: {pairs}.",
        evidence={"merged": merged},
        advice="Name the classes otherwise if they are not the same.",
    )


def target_without_test(num_images: int) -> Finding:
    """Nothing can be measured on a target without labels."""
    return Finding(
        code="no-test",
        severity="warning",
        title="No target image has a label to test on, so that nothing is known of how good a model is there.",
        evidence={"images": 0, "target": num_images},
        advice="Put a few labeled images into test/, one folder a class.",
    )
