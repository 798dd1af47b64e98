"""Checksums: 128-bit XXH3 digests, which tell whether bytes or values are as they were written.

They find damage, not forgery: who changes a file on purpose can write another checksum. `manifest.json` of a run has SHA-256.

Reference: the specification of XXH3, github.com/Cyan4973/xxHash, doc/xxhash_spec.md.
"""

from __future__ import annotations

import json
from typing import Any, TypeAlias

from xxhash import xxh3_128

KEY = "checksum"
"""The name of a checksum among other values."""
DIGITS = 32
"""Hexadecimal digits of a checksum."""
UNKNOWN = "0" * DIGITS
"""Stands for the checksum while it is computed."""

Buffer: TypeAlias = bytes | bytearray | memoryview


def checksum_of(*pieces: Buffer) -> str:
    """The checksum of those bytes, one piece after the other."""
    digest = xxh3_128()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def checksum_of_values(values: dict[str, Any]) -> str:
    """The checksum of plain JSON values, whatever their order and layout in a file; one among them does not count."""
    others = {name: value for name, value in values.items() if name != KEY}
    return checksum_of(json.dumps(others, sort_keys=True, separators=(",", ":")).encode())
