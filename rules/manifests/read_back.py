"""Reads manifests back from the registry's database."""

from typing import Any

import msgspec

from rules.compiled_annotations import restore_annotations
from rules.manifests.model import Manifest


def manifest_of(found: Any) -> Manifest:
    """The manifest that `manifest_state` holds. A process that judges nothing reads it too, as the API does."""
    restore_annotations(())
    return msgspec.convert(found, Manifest)
