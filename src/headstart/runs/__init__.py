"""Run folders: `run.py` reads them, `workspace.py` alone claims, names and writes them."""
