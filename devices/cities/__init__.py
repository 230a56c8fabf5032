"""Cities that come with the program. Demo, simulators and tests read them."""

from pathlib import Path
from typing import Final

JINCHENG: Final = Path(__file__).parent / "jincheng"
"""Folder of the demonstration city; its places are illustrative."""
