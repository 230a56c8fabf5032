"""Tests, and the programs that measure and disturb the whole path: `bench`, `chaos`, `fuzz`."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
"""The root folder of the checkout."""
