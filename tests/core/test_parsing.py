"""JSON and TOML: hostile and damaged texts end in one sentence that names the file."""

from __future__ import annotations

import json

import pytest

from headstart.core import parsing
from headstart.core.errors import DamagedError, HeadstartError, PlanError
from headstart.core.parsing import (
    is_changed,
    json_by_others,
    json_from,
    json_in,
    json_text,
    sealed_toml,
    text_in,
    toml_from,
    toml_in,
    written_toml_in,
)
from headstart.core.records import Record

VALUES = {"name": "Größe", "rates": [0.1, 1e-7, 3], "inner": {"on": True, "none": None}}


class Rates(Record):
    name: str
    rates: tuple[float, ...] = ()


def test_values_come_back_without_their_checksum():
    text = json_text(VALUES)
    assert list(json.loads(text)) == ["checksum", *VALUES]
    assert json_from(text, "a.json") == VALUES


def test_a_file_of_another_program_needs_no_checksum():
    assert json_from(json.dumps(VALUES), "a.json") == VALUES


def test_layout_and_order_do_not_count():
    values = json.loads(json_text(VALUES))
    shuffled = dict(sorted(values.items(), reverse=True))
    assert json_from(json.dumps(shuffled, indent=7), "a.json") == VALUES


@pytest.mark.parametrize(("old", "new"), [("0.1", "0.2"), ("true", "false"), ("Größe", "Grösse"), ('"none"', '"nine"')])
def test_a_value_that_changed_is_refused_by_the_name_of_the_file(old, new):
    text = json_text(VALUES)
    assert old in text
    with pytest.raises(
        DamagedError, match=r"^a\.json is damaged \(its checksum is not that of its content\)\. Restore or delete it"
    ):
        json_from(text.replace(old, new), "a.json")


DEEP = {"lists": "[" * 100_000, "closed lists": "[" * 500 + "]" * 500, "tables": '{"a":' * 100_000}


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
def test_deep_json_is_one_sentence(text):
    with pytest.raises(DamagedError, match=r"^a\.json(:| is damaged) .*\. Restore or delete it\.$"):
        json_from(text, "a.json")


@pytest.mark.parametrize("text", ["[" * 5_000, "a = " + "[" * 500 + "]" * 500, "a" + ".a" * 500 + " = 1"])
def test_deep_toml_is_one_sentence(text):
    with pytest.raises(PlanError, match=r"^p\.toml: .*\. Mend that line\.$"):
        toml_from(text if "=" in text else f"a = {text}", "p.toml")


@pytest.mark.parametrize("digits", ["9" * 5_000, "9" * 20, "-" + "9" * 20])
def test_an_integer_of_many_digits_is_one_sentence(digits):
    with pytest.raises(DamagedError, match=r"^a\.json"):
        json_from(f'{{"rates": [{digits}]}}', "a.json")
    with pytest.raises(PlanError, match=r"^p\.toml: "):
        toml_from(f"seed = {digits}", "p.toml")


def test_a_hexadecimal_integer_of_many_digits_is_one_sentence():
    with pytest.raises(
        PlanError, match=r"^p\.toml: it has an integer of 20,000 bits, and at most 64 are read\. Mend that line\.$"
    ):
        toml_from(f"seed = 0x{'f' * 5_000}", "p.toml")


def test_integers_of_64_bits_are_read():
    assert json_from(f"[{2**64 - 1}, {-(2**63)}]", "a.json") == [2**64 - 1, -(2**63)]


def test_a_file_that_is_too_large_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(parsing, "MOST_BYTES_OF_TOML", 10)
    (tmp_path / "p.toml").write_text("a = 1 # and more")
    with pytest.raises(HeadstartError, match=r"p\.toml is damaged \(it has 16 bytes, and at most 10 are read"):
        toml_in(tmp_path / "p.toml")


def test_bytes_that_are_no_text_are_one_sentence(tmp_path):
    (tmp_path / "a.json").write_bytes(b'{"a": "\xff"}')
    with pytest.raises(DamagedError, match=r"a\.json is damaged \(not UTF-8 text\)"):
        json_in(tmp_path / "a.json")
    with pytest.raises(FileNotFoundError):
        text_in(tmp_path / "gone.json")


def test_a_record_knows_damage(tmp_path):
    record = Rates(name="a", rates=(0.25, float("inf")))
    path = tmp_path / "rates.json"
    path.write_text(record.to_json())
    assert Rates.read(path) == record
    path.write_text(record.to_json().replace("0.25", "0.75"))
    with pytest.raises(PlanError, match=r"rates\.json is damaged"):
        Rates.read(path)


def test_a_record_of_an_earlier_version_has_no_checksum(tmp_path):
    (tmp_path / "rates.json").write_text('{"name": "a", "rates": [1.0]}')
    assert Rates.read(tmp_path / "rates.json") == Rates(name="a", rates=(1.0,))


def test_a_long_value_is_cut_off_in_the_message():
    with pytest.raises(PlanError) as error:
        Rates.from_dict({"name": list(range(10_000))}, "rates.json")
    assert len(str(error.value)) < 400


OF_OTHERS = {"a checksum": '{"label": "cat", "checksum": "ab1"}', "integers": f'{{"phash": {2**64}, "others": [{-(10**30)}]}}'}


@pytest.mark.parametrize("text", OF_OTHERS.values(), ids=OF_OTHERS)
def test_json_of_others_may_have_checksums_and_large_integers(text):
    assert json_by_others(text, "a.json") == json.loads(text)


NONE = {**DEEP, "no text": b"\xff", "empty": "", "digits": "9" * 5_000}


@pytest.mark.parametrize("text", NONE.values(), ids=NONE)
def test_json_of_others_that_cannot_be_read_is_one_sentence(text):
    with pytest.raises(DamagedError, match=r"^a\.json(:| is damaged) .*\. Restore or delete it\.$"):
        json_by_others(text, "a.json")


def test_a_written_plan_may_be_laid_out_anew_and_commented_but_not_changed(tmp_path):
    path = tmp_path / "p.toml"
    path.write_text(sealed_toml('name = "Größe"\nrate = 0.30\nlarge = inf\n\n[inner]\non = true\n'), encoding="utf-8")
    text = path.read_text(encoding="utf-8")
    assert written_toml_in(path) == toml_in(path)
    path.write_text("# mine\n" + text.replace("0.30", "3e-1").replace("\n\n", "\n \n"), encoding="utf-8")
    assert written_toml_in(path)["rate"] == 0.3
    path.write_text(text.replace("0.30", "0.31"), encoding="utf-8")
    assert is_changed(path, toml_in(path))
    with pytest.raises(DamagedError) as caught:
        written_toml_in(path)
    assert str(caught.value) == (
        f"{path} was changed after headstart wrote it, so that it may not say how the run was made. Undo the change; or "
        'delete the line that begins with "# As headstart wrote it", and the plan is read as it is now. To fit another plan, '
        "copy this one elsewhere, change the copy and give it to `headstart fit`."
    )
    path.write_text(text + "later = 1\n", encoding="utf-8")  # below the checksum, which then is no last line
    with pytest.raises(DamagedError):
        written_toml_in(path)
    path.write_text("rate = 0.31\n", encoding="utf-8")
    assert written_toml_in(path) == {"rate": 0.31}


def test_a_link_to_a_device_that_never_ends_is_one_sentence(tmp_path):
    path = tmp_path / "a.json"
    path.symlink_to("/dev/zero")
    with pytest.raises(DamagedError, match=r"a\.json is damaged \(it has 1,001 bytes, and at most 1,000 are read\)"):
        text_in(path, 1_000)
