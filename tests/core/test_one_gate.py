"""Files are read in one place: JSON and TOML by `core.parsing`, arrays by `core.arrays`; the few others have a reason."""

from __future__ import annotations

import ast
from pathlib import Path

import headstart

SOURCE = Path(headstart.__file__).parent
READERS = {
    "json.loads",
    "json.load",
    "tomllib.loads",
    "tomllib.load",
    "load_file",
    "safe_open",
    "deserialize",
    "torch.load",
    "np.load",
}
ALLOWED = {
    "core/parsing.py": "the gate",
    "core/arrays.py": "the gate",
    "core/records.py": "its own text, to write it",
    "core/po.py": "texts of the package itself",
    "core/soundness.py": "checks archives of earlier versions by their CRC",
    "backbones/state_dicts.py": "tensors of PyTorch, checked by the gate first, and files of other programs",
    "backbones/saved.py": "hashes the bytes of each tensor",
    "backbones/providers/local_file.py": "files of other programs",
    "training/checkpoint.py": "tensors of PyTorch, checked by the gate first",
    "training/processes.py": "messages between processes",
    "planning/adapting/candidate_fitting.py": "archives of earlier versions",
    "data/scan_cache.py": "an archive, each array with a CRC",
    "data/readers/embeddings.py": "files of other programs",
    "export/parity.py": "what the script of a bundle prints",
    "export/predicting.py": "becomes the script of a bundle, which needs no headstart",
}


def test_files_are_read_in_one_place():
    found = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in READERS:
                found.add(path.relative_to(SOURCE).as_posix())
    assert found == set(ALLOWED)
