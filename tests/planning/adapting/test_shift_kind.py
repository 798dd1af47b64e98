"""What changed, in sentences, and records of earlier versions."""

from __future__ import annotations

import pytest

from headstart.planning.adapting.shift_kind import ShiftKind

RATIOS = {"nothing": 31.4, "features": 1.04, "class shares": 0.93, "rotation": 12.0}


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("few", "The target has fewer than 8 images, too few to tell what changed."),
        ("none", "Source and target pass for one domain (p = 0.02)."),
        ("unknown", "The target looks different from the source (p = 0.02)."),
        (
            "features",
            "The target looks different from the source (p = 0.02), explained by an affine map of the features: 1.0 times the "
            "joint discrepancy expected by chance is left.",
        ),
        (
            "rotation",
            "The target looks different from the source (p = 0.02), best explained, though not fully, by a rotation or mirror "
            "image: 12.0 times the joint discrepancy expected by chance is left.",
        ),
        (
            "ambiguous",
            "The target looks different from the source (p = 0.02), and what changed is ambiguous: other class shares (0.9) or "
            "an affine map of the features (1.0). In brackets: joint discrepancy over that of chance.",
        ),
    ],
)
def test_every_kind_has_its_sentence(kind, sentence):
    assert ShiftKind(kind=kind, p_value=0.02, ratios=RATIOS, sufficient=("features", "class shares")).sentence == sentence


def test_only_where_nothing_can_be_compared_a_conclusion_follows_at_once():
    conclusions = {kind: ShiftKind(kind=kind, p_value=0.5).conclusion for kind in ("few", "none", "unknown")}
    assert conclusions == {
        "few": "Without labels, the unadapted model is kept.",
        "none": "There is nothing to adapt to.",
        "unknown": "",
    }


@pytest.mark.parametrize(
    ("old", "kind"), [("labels", "class shares"), ("either", "ambiguous"), ("features", "features"), ("turned", "rotation")]
)
def test_a_record_of_an_earlier_version_is_read(old, kind):
    written = {"kind": old, "p_value": 0.01, "label_ratio": 2.5, "feature_ratio": 1.5, "shares": [0.4, 0.6], "format": 1}
    name = "turn_ratio" if old == "turned" else "rotation_ratio"
    found = ShiftKind.from_dict(written | {name: 0.5 if old == "turned" else None})
    rotation = {"rotation": 0.5} if old == "turned" else {}
    assert found == ShiftKind(
        kind=kind,
        p_value=0.01,
        ratios={"class shares": 2.5, "features": 1.5} | rotation,
        sufficient=("class shares", "features", *rotation),
    )


def test_a_map_that_alone_suffices_is_uncertain_and_a_kind_without_its_ratio_has_a_sentence():
    start = "The target looks different from the source (p = 0.02)"
    alone = ShiftKind(kind="ambiguous", p_value=0.02, ratios=RATIOS, sufficient=("features", "nothing"))
    assert alone.sentence == f"{start}, and what changed is uncertain: an affine map of the features fits, but may fit by itself."
    assert ShiftKind(kind="rotation", p_value=0.02, ratios={}).sentence == f"{start}."
