"""Annotations are restored also where other threads import modules meanwhile, as judges that restore partitions do."""

import sys
from types import ModuleType, SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from rules import compiled_annotations

MODULES: dict[str, ModuleType] = {}


class _Imported(str):
    """The name of a module; while it is looked at, another thread imports one."""

    __slots__ = ()

    def startswith(self, *asked: Any) -> bool:
        MODULES[f"late_{uuid4().hex}"] = sys
        return super().startswith(*asked)


def test_modules_may_be_imported_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    MODULES.update({_Imported("elsewhere"): sys, "rules.contract": sys.modules["rules.contract"]})
    monkeypatch.setattr(compiled_annotations, "sys", SimpleNamespace(modules=MODULES))
    compiled_annotations.restore_annotations(["rules.contract"])
    assert len(MODULES) == 3
