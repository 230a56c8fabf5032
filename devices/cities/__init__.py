"""Cities that come with the program."""

from pathlib import Path
from typing import Final

JINCHENG: Final = Path(__file__).parent / "jincheng"
"""The demonstration city; its places are illustrative."""
