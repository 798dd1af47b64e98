"""A run as one HTML file that a person reads."""

from headstart.core.verbs import make_callable

make_callable(__name__)
