"""Lets the tests of this folder import `domains_made`, and gives them a network."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
