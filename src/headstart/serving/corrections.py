"""Corrections: pictures whose right class a user chose, in a folder that `headstart extend` reads."""

from __future__ import annotations

import csv
import hashlib
import io
import threading
from pathlib import Path

from headstart.core.csv_text import csv_text, unquoted
from headstart.core.errors import ExportError
from headstart.core.records import write_atomically
from headstart.serving.pictures import Upload
from headstart.serving.refusals import RefusedError

MOST_KEPT = 10_000
"""Pictures in the folder; more are refused. Bounds what users can make a server keep. Chosen, not measured."""
ENDINGS = {b"\xff\xd8": ".jpg", b"\x89P": ".png", b"RI": ".webp", b"GI": ".gif", b"BM": ".bmp"}
"""By how a file begins; TIFF is the rest of what is read."""


class Corrections:
    """A folder with a manifest of pictures and the classes that users chose; a later choice replaces an earlier one.

    Args:
        folder: Where; made with the first correction.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()

    def keep(self, uploads: list[Upload], label: str) -> int:
        """Keep pictures, which can be read, under a class; returns how many pictures the folder then holds."""
        with self._lock:
            rows = self._rows()
            named = {f"images/{_name_of(one)}": one.content for one in uploads}
            if len(rows | named) > MOST_KEPT:
                sentence = f"{MOST_KEPT:,} corrections are kept already. Learn from them with `headstart extend`, and clear them."
                raise RefusedError(409, "too-many-corrections", sentence)
            try:
                for path, content in named.items():
                    write_atomically(self.folder / path, content)
                rows |= dict.fromkeys(named, label)
                write_atomically(self.folder / "manifest.csv", _manifest(rows))
            except ExportError as error:
                reason = getattr(error.__cause__, "strerror", None) or "the folder cannot be written"
                raise RefusedError(507, "not-kept", f"The correction cannot be kept ({reason}).") from None
            return len(rows)

    def _rows(self) -> dict[str, str]:
        """The label of each picture, by its path."""
        try:
            text = (self.folder / "manifest.csv").read_text(encoding="utf-8")
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError):
            raise RefusedError(
                409, "damaged-corrections", "The list of corrections cannot be read. Restore or delete it."
            ) from None
        lines = csv.DictReader(io.StringIO(text))
        return {row["path"]: unquoted(row["label"]) for row in lines if row.get("path") and row.get("label")}


def _name_of(upload: Upload) -> str:
    return hashlib.sha256(upload.content).hexdigest()[:32] + ENDINGS.get(upload.content[:2], ".tif")


def _manifest(rows: dict[str, str]) -> str:
    return csv_text(("path", "label"), ({"path": path, "label": label} for path, label in rows.items()))
