"""Run folders: `run.py` reads them, `workspace.py` alone claims, names and writes them."""

from headstart.core.verbs import make_callable

make_callable(__name__)
