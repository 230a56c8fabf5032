"""How many files and connections this process may have open."""

import logging
import resource
from typing import Final

_OWN: Final = 200
"""Files of a process beside its connections, with room."""

_log = logging.getLogger(__name__)


def allow_open_files(connections: int) -> None:
    """Raise this process's own limit as far as the system allows, and warn where that is not far enough."""
    wanted = connections + _OWN
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < wanted:
        _log.warning(
            "process: the system allows %d open files, %d connections need %d: raise it (`ulimit -Hn`, LimitNOFILE)",
            allowed,
            connections,
            wanted,
        )
