"""Manifests are read back in a process that judges nothing, also where judgement is compiled."""

import subprocess
import sys

_READS = """
import msgspec
from devices.readings.manifests import ManifestTerms
from rules.manifests.model import Manifest
from rules.manifests.read_back import manifest_of
terms = ManifestTerms(source="S", destination="D", depart_at=1, arrive_by=2)
written = Manifest("M-1", terms, net_kg=5.0)
assert manifest_of(msgspec.to_builtins(written)) == written
"""


def test_a_process_without_an_engine_reads_a_manifest_back() -> None:
    """Of compiled classes msgspec sees `type` where a field may be None; engines restored that, in their process."""
    done = subprocess.run([sys.executable, "-c", _READS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
