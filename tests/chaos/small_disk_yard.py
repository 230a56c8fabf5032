"""A yard whose files, the broker's too, share one small disk."""

import os
import random
import shutil
import subprocess
from pathlib import Path
from typing import Final

from tests.chaos.yard import Servers, Yard

_SIZE_MIB: Final = 160
_RESERVE_MIB: Final = 8


def absent() -> str | None:
    """Why no such disk can be made here, or None."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        return "mounting a small disk needs root"
    return None


class SmallDiskYard(Yard):
    """Its folder is a file system of its own, in memory. The store is elsewhere."""

    def __init__(self, folder: Path, servers: Servers, dice: random.Random) -> None:
        """Raises CalledProcessError where root may not mount."""
        self.disk = folder
        folder.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_SIZE_MIB}m", "none", str(folder)], check=True)
        try:
            super().__init__(folder / "yard", servers, dice)
        except BaseException:
            self._unmount()
            raise

    def variables(self) -> dict[str, str]:
        return {"HAULWATCH_DISK_RESERVE_MIB": str(_RESERVE_MIB)}

    def fill(self) -> Path:
        """Write a file that takes all that is left. Returns it."""
        ballast = self.disk / "ballast"
        with ballast.open("wb", buffering=0) as file:
            try:
                while file.write(bytes(1 << 16)):
                    pass
            except OSError:
                pass
        return ballast

    def close(self) -> None:
        super().close()
        self._unmount()

    def _unmount(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.disk)], check=True)
