"""Records survive the trip to disk, and what does not fit is told in one sentence."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.core.errors import ExportError, PlanError
from headstart.core.records import Migration, Record, fingerprint_of, renamed, write_atomically


class Inner(Record):
    epochs: int = 3
    rate: float = 0.5


class Outer(Record):
    name: str
    inner: Inner = Inner()
    rows: int | None = None
    parts: tuple[float, ...] = ()


def halved(values: dict[str, Any]) -> dict[str, Any]:
    """Formats up to 2 wrote the diameter."""
    return (
        {"radius": values["diameter"] / 2, **{name: values[name] for name in values if name != "diameter"}}
        if "diameter" in values
        else values
    )


class Circle(Record):
    migrations: ClassVar[tuple[Migration, ...]] = (renamed("width", "diameter"), halved)
    radius: float
    color: str | None = None


class Drawing(Record):
    circle: Circle
    more: tuple[Circle, ...] = ()


def refused(call) -> str:
    with pytest.raises((PlanError, ExportError)) as caught:
        call()
    return str(caught.value)


@pytest.mark.slow
@given(
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"))),
    st.integers(-(2**40), 2**40),
    st.lists(st.floats(allow_nan=False), max_size=3),
)
def test_json_and_toml_give_the_record_back(name, epochs, parts):
    one = Outer(name=name, inner=Inner(epochs=epochs), parts=tuple(parts))
    assert Outer.from_json(one.to_json()) == one
    finite = one.model_copy(update={"parts": tuple(part for part in parts if abs(part) < float("inf"))})
    assert Outer.from_toml(finite.to_toml()) == finite


def test_a_record_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        Outer(name="a").name = "b"


def test_every_problem_is_in_one_message():
    text = refused(lambda: Outer.from_dict({"inner": {"epoch": 2, "rate": "fast"}, "row": 3}, "plan.toml"))
    assert text == (
        "plan.toml: name is missing. inner.rate = 'fast': input should be a valid number, unable to parse string as a number. "
        'inner.epoch is not a field. Did you mean "epochs"? row is not a field. Did you mean "rows"?'
    )


def test_text_that_is_no_json_is_refused():
    assert refused(lambda: Outer.from_json('{"name": "a"', "result.json")) == (
        "result.json: not valid JSON (Expecting ',' delimiter: line 1 column 13 (char 12)). Restore or delete it."
    )


def test_text_that_is_no_toml_is_refused():
    assert refused(lambda: Outer.from_toml('name = "a"\nrows = ', "plan.toml")) == (
        "plan.toml: not valid TOML (Invalid value (at end of document)). Mend that line."
    )


def test_json_of_another_shape_is_refused():
    assert refused(lambda: Outer.from_json("[1]", "result.json")) == (
        "result.json: the content = [1]: input should be a valid dictionary or instance of Outer."
    )


def test_without_a_place_the_record_is_named():
    assert refused(lambda: Outer.from_dict({})) == "Outer: name is missing."


def test_the_fingerprint_follows_content_and_not_order():
    assert fingerprint_of({"a": 1, "b": [2, 3]}) == fingerprint_of({"b": [2, 3], "a": 1})
    assert fingerprint_of({"a": 1, "b": [2, 3]}) != fingerprint_of({"a": 1, "b": [3, 2]})
    assert Outer(name="a").content_fingerprint() != Outer(name="a", rows=0).content_fingerprint()


def test_a_write_that_breaks_down_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "deep" / "result.json"
    write_atomically(path, "old")

    class Full(io.FileIO):
        def write(self, data):
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", lambda self, mode: Full(self, mode.removesuffix("b")))
        text = refused(lambda: write_atomically(path, "new"))
    assert text == f"{path}: cannot be written (No space left on device). Free space or choose another folder with --out."
    assert path.read_text() == "old"
    assert [each.name for each in path.parent.iterdir()] == ["result.json"]


def test_a_kill_while_writing_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "result.json"
    write_atomically(path, b"old")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", lambda self, to: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            write_atomically(path, b"new")
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"old"]


def test_a_record_without_migrations_is_written_without_a_format():
    assert [line.split('"')[1] for line in Inner().to_json().splitlines()[1:-1]] == ["checksum", "epochs", "rate"]
    assert Inner().to_toml() == "epochs = 3\nrate = 0.5\n"
    assert Inner.from_dict({"format": 1}) == Inner()


def test_a_record_with_migrations_carries_its_format_in_texts_only():
    circle = Circle(radius=1.5)
    assert list(json.loads(circle.to_json()))[1:] == ["format", "radius", "color"]
    assert circle.to_toml() == "format = 3\nradius = 1.5\n"
    assert circle.to_dict() == {"radius": 1.5, "color": None}
    assert Circle.from_json(circle.to_json()) == Circle.from_toml(circle.to_toml()) == circle
    assert circle.content_fingerprint() == fingerprint_of(circle.to_dict())


@pytest.mark.parametrize(
    "old", [{"width": 3.0}, {"format": 1, "width": 3.0}, {"format": 2, "diameter": 3.0}, {"format": 3, "radius": 1.5}]
)
def test_every_older_format_is_read(old):
    assert Circle.from_dict({**old, "color": "red"}) == Circle(radius=1.5, color="red")


def test_a_record_inside_another_is_migrated_too():
    read = Drawing.from_dict({"circle": {"width": 3.0}, "more": [{"diameter": 2.0}, {"radius": 7.0}]})
    assert read == Drawing(circle=Circle(radius=1.5), more=(Circle(radius=1.0), Circle(radius=7.0)))
    assert "format" not in read.to_json()


def test_a_newer_format_is_refused():
    assert refused(lambda: Circle.from_toml("format = 4\nradius = 1.5", "circle.toml")) == (
        "circle.toml was written by a newer headstart (format 4; this one reads up to 3). Update headstart."
    )
    assert refused(lambda: Inner.from_json('{"format": 2}')) == (
        "Inner was written by a newer headstart (format 2; this one reads up to 1). Update headstart."
    )


def test_old_and_new_name_together_are_refused():
    assert refused(lambda: Circle.from_dict({"width": 3.0, "diameter": 3.0, "radius": 1.5})).startswith(
        "Circle: width is not a field."
    )


def test_malformed_values_of_an_older_format_are_refused_as_such():
    assert refused(lambda: Circle.from_dict({"diameter": "wide"})) == "Circle: radius is missing. diameter is not a field."


def test_a_field_name_of_several_lines_is_told_in_one() -> None:
    with pytest.raises(PlanError) as caught:
        Inner.from_dict({"a\r\nb": 1}, "file")
    assert str(caught.value) == "file: a\\r\\nb is not a field."


def test_a_name_that_is_no_text_comes_back_from_json():
    given = Outer(name="bad\udcff.png", inner=Inner(rate=float("inf")))
    assert Outer.from_json(given.to_json().encode().decode()) == given
    assert Outer.from_json(Outer(name="漢", inner=Inner(rate=float("-inf"))).to_json()).inner.rate == float("-inf")
