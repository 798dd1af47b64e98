"""A finished run as a folder that needs no headstart."""

from headstart.core.verbs import make_callable

make_callable(__name__)
