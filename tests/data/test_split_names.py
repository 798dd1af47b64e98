from __future__ import annotations

import pytest

from headstart.core.errors import DataError
from headstart.data.raw_dataset import SPLITS
from headstart.data.split_names import SPLIT_NAMES, split_and_label, split_named


def test_every_usual_name_means_a_split():
    assert set(SPLIT_NAMES.values()) == set(SPLITS) - {""}
    assert split_named("VAL", "here") == "validation"
    assert split_named("", "here") == ""


def test_another_name_is_refused():
    with pytest.raises(DataError) as caught:
        split_named("trian", "m.csv, line 3")
    assert str(caught.value) == (
        'm.csv, line 3: split = "trian" is not a split. Did you mean "train"? Use train, validation, test, unlabeled, or nothing.'
    )


@pytest.mark.parametrize(
    ("split", "label", "expected"),
    [
        ("", "a", ("", "a")),
        ("train", "a", ("train", "a")),
        ("", "", ("unlabeled", None)),
        ("train", "", ("unlabeled", None)),
        ("test", "", ("test", None)),
        ("val", "", ("validation", None)),
        ("unlabeled", "a", ("unlabeled", None)),
    ],
)
def test_split_and_label_are_made_to_agree(split, label, expected):
    assert split_and_label(split, label, "here") == expected
