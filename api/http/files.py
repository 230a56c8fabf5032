"""Requests whose body is a file: they may take as long as a slow network needs."""

import re
from typing import Final

PATHS: Final = re.compile(r"/api/v1/(?:alerts|cases|reports)/[^/]+/attachments|/report/photo")
"""Where the body of a POST is a file."""
LONGEST_S: Final = 600.0
"""20 MiB over a mobile network of 0.3 Mbit/s."""
