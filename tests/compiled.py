"""Marker for tests that cannot run on compiled judgement (`make test-compiled`)."""

from pathlib import Path
from typing import Final

import pytest

import rules.engine.engine

COMPILED: Final = Path(rules.engine.engine.__file__).suffix != ".py"

interpreted_only = pytest.mark.interpreted_only
