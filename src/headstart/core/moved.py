"""Where modules of earlier versions are now, so that a plug-in written for an old name is told the new one."""

from __future__ import annotations

MOVED: dict[str, str] = {}
"""New module by old module, both with the package's name in front."""
