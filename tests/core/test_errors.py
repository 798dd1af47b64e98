"""The error tree: one root, and the built-in that a caller would expect beside it."""

from __future__ import annotations

import pytest

from headstart.core import errors


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (errors.DataError, ValueError),
        (errors.PretrainedError, ValueError),
        (errors.PlanError, ValueError),
        (errors.TrainingError, RuntimeError),
        (errors.ExportError, RuntimeError),
        (errors.MissingExtraError, ImportError),
    ],
)
def test_every_error_is_caught_as_headstarts_and_as_the_builtin(error, builtin):
    assert issubclass(error, errors.HeadstartError)
    assert issubclass(error, builtin)
    assert str(error("one sentence.")) == "one sentence."


def test_the_nearest_choice_is_named_and_a_far_one_is_not():
    assert errors.did_you_mean("rigde", iter(["lda", "ridge"])) == ' Did you mean "ridge"?'
    assert errors.did_you_mean("transformer", ["lda", "ridge"]) == ""
    assert errors.did_you_mean("ridge", []) == ""
