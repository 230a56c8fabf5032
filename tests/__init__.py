"""Tests, and what measures and breaks the whole path: `bench`, `chaos`, `fuzz`."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
"""The checkout."""
