"""PO files: what is read of them, and what is refused."""

from __future__ import annotations

import pytest

from headstart.core.errors import DataError
from headstart.core.po import Message, messages_in

CATALOG = """# a comment
msgid ""
msgstr ""
"Language: xx\\n"

msgid "one"
msgstr "eins"

#, python-brace-format
msgid "{num_n} image"
msgid_plural "{num_n} images"
msgstr[0] "{num_n} Bild"

msgid ""
"a \\"long\\" "
"text\\n"
msgstr "lang"

msgid "not translated"
msgstr ""
"""


def test_entries_are_read_in_order_without_header_and_gaps():
    assert messages_in(CATALOG, "xx.po") == (
        Message("one", "", ("eins",), is_pattern=False),
        Message("{num_n} image", "{num_n} images", ("{num_n} Bild",), is_pattern=True),
        Message('a "long" text\n', "", ("lang",), is_pattern=False),
    )


@pytest.mark.parametrize("line", ['msgid "open', "text", '"no key"'])
def test_a_line_that_is_no_part_of_an_entry_is_named(line):
    with pytest.raises(DataError) as raised:
        messages_in(f"\n{line}\n", "xx.po")
    assert str(raised.value) == f"xx.po: line 2 is no part of a PO entry: {line}"
