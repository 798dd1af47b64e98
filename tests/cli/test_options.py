"""Options that commands share."""

from __future__ import annotations

import pytest

from headstart.cli._options import settings_from
from headstart.core.errors import PlanError


def test_settings_are_split_at_the_first_equals_sign():
    assert settings_from(["training.lr=0.001", " blocks = a=b "]) == {"training.lr": "0.001", "blocks": "a=b"}


def test_no_settings():
    assert settings_from(None) == {}


@pytest.mark.parametrize("pair", ["training.lr", "=3", " =3"])
def test_a_setting_without_key_or_value_is_refused(pair):
    with pytest.raises(PlanError) as caught:
        settings_from([pair])
    assert str(caught.value) == f'--set "{pair}" has no form key=value. Write for example --set training.lr=0.001.'
