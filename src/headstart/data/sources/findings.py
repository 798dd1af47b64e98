"""What reading a target together with its sources notices, as findings."""

from __future__ import annotations

from collections.abc import Sequence

from headstart.core.findings import Finding
from headstart.data.class_names import quoted


def of_source(name: str, finding: Finding) -> Finding:
    """A finding about the rows of one source, with the source's name in it."""
    title = f'Source "{name}": {finding.title[0].lower()}{finding.title[1:]}'
    return finding.model_copy(update={"title": title, "evidence": {**finding.evidence, "source": name}})


def one_class_source(name: str, classes: tuple[str, ...]) -> Finding:
    """A source that shows fewer than two classes is left out."""
    shown = f"one class only ({quoted(classes)})" if classes else "no class once copies are left out"
    return Finding.warning(
        "one-class-source",
        f'Source "{name}" is left out: it shows {shown}, and two are needed to tell anything apart.',
        "Add images of another class to it, or take it away.",
        source=name,
        classes=list(classes),
    )


def no_common_class(name: str, classes: tuple[str, ...], wanted: tuple[str, ...]) -> Finding:
    """A source without any class of the labeled target rows is left out."""
    return Finding.warning(
        "no-common-class",
        f'Source "{name}" is left out: none of its classes ({quoted(classes)}) is one of the target ({quoted(wanted)}).',
        "Name the classes alike where they mean the same; `headstart pretrain` can learn from a source of other classes.",
        source=name,
        source_classes=list(classes),
        target_classes=list(wanted),
    )


def domain_leak(name: str, paths: Sequence[str], copies: int, tested: int) -> Finding:
    """Source rows that are copies of target rows, or share a group with target rows of the test, are left out."""
    return Finding.warning(
        "domain-leak",
        f'Images of source "{name}" that stand in the target, too ({copies}), or share a group with its test images '
        f"({tested}), are left out of the source.",
        "Nothing needs doing: each picture counts once, as one of the target.",
        source=name,
        copies=copies,
        groups=tested,
        paths=list(paths),
    )


def repeated_in_sources(name: str, paths: Sequence[str], copies: int) -> Finding:
    """Source rows that an earlier source has under the same class are left out."""
    return Finding.info(
        "repeated-in-sources",
        f'Images of source "{name}" that an earlier source has, too ({copies}), are left out of it.',
        "Nothing needs doing: each picture counts once, so that no source is confirmed by its own pictures in another.",
        source=name,
        copies=copies,
        paths=list(paths),
    )


def contradictory_sources(name: str, paths: Sequence[str], number: int) -> Finding:
    """Source rows with the same bytes as a row of another class in an earlier source."""
    return Finding.warning(
        "contradictory-sources",
        f'Images of source "{name}" that an earlier source has under another class ({number}): one of the two is wrong.',
        "Take the wrong source away, or label some target images, which tell it.",
        source=name,
        images=number,
        paths=list(paths),
    )


def target_labels_hidden(num_hidden: int, num_tested: int) -> Finding:
    """Target labels are hidden, as `per_class = 0` asks."""
    return Finding.info(
        "target-labels-hidden",
        f"The labels of {num_hidden} target images are taken off and never read; those of {num_tested} test images are "
        "opened by the final evaluation alone.",
        hidden=num_hidden,
        sealed=num_tested,
    )


def unknown_classes(classes: tuple[str, ...], names: Sequence[str], count: int) -> Finding:
    """Test rows are of classes that no labeled row shows."""
    return Finding.warning(
        "unknown-classes",
        f"Test images of classes that neither a source nor a target label shows ({count}): {quoted(classes)}. "
        "No accuracy counts them.",
        "Label some target images of these classes, or add a source that has them.",
        classes=list(classes),
        images=count,
        paths=list(names),
    )


def class_names_merged(merged: dict[str, str]) -> Finding:
    """Class names of sources are taken for class names of the target."""
    pairs = ", ".join(f'"{one}" for "{common}"' for one, common in sorted(merged.items())[:10])
    return Finding.info(
        "class-names-merged",
        f"Class names that differ in case, spaces, hyphens or underscores are taken for one: {pairs}.",
        "Name the classes otherwise if they are not the same.",
        merged=merged,
    )


def target_without_test(num_images: int) -> Finding:
    """No target row has a label to test on."""
    return Finding.warning(
        "no-test",
        "No target image has a label to test on, so that nothing is known of how good a model is there.",
        "Put a few labeled images into test/, one folder a class.",
        images=0,
        target=num_images,
    )
