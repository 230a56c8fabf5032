"""Restores the annotations of compiled classes: the one place where judgement must know that it is compiled.

In a module compiled by mypyc, a dataclass keeps of the annotation `list[int]` only `list`
(`mypyc.irbuild.classdef.add_non_ext_class_attr_ann`). msgspec reads states back by their annotations and needs them
whole. So they are read from the module's source, which is installed beside the compiled module. Interpreted modules are
left alone. A hand-written table of field types would avoid this, but it would be a second place to change whenever a
state gains a field.
"""

import ast
import sys
from collections.abc import Iterable
from dataclasses import is_dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

_CLASSES_IN = "rules."
"""Modules whose classes may stand in rows, besides those of the rules."""


def restore_annotations(rule_modules: Iterable[str]) -> None:
    """Restore them in every loaded module of `rules`, and in the modules of rules that are defined elsewhere."""
    _restore_in_all(frozenset(rule_modules), len(sys.modules))


@cache  # each engine asks for it, and a process has thousands of modules; they only become more
def _restore_in_all(rule_modules: frozenset[str], _loaded: int) -> None:
    loaded = list(sys.modules)  # other threads, which begin to judge too, may import meanwhile
    names = rule_modules | {name for name in loaded if name.startswith(_CLASSES_IN)}
    for name in sorted(names):
        _restore_in(sys.modules[name])


@cache  # parsing them all takes a third of a second
def _restore_in(module: ModuleType) -> None:
    path = Path(module.__file__ or "")
    if path.suffix == ".py":
        return
    source = path.with_name(f"{path.name.partition('.')[0]}.py").read_text(encoding="utf-8")
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef) and is_dataclass(cls := getattr(module, node.name)):
            for statement in node.body:
                if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                    cls.__annotations__[statement.target.id] = ast.unparse(statement.annotation)
