"""The API's answers and bodies as TypeScript, from its OpenAPI document.

`python -m tests.api.console.typescript` writes the file;
`test_types.py` compares the file with what this makes.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast

from pydantic import TypeAdapter

from api.console import pages
from api.resources.alert_stream import Streamed

TYPES: Final = Path(pages.__file__).parent / "web" / "src" / "api" / "types.ts"
WANTED: Final = (
    "AlertPage", "AlertDetail", "AlertRate", "AcknowledgeBody", "AssignBody", "CommentBody", "CloseBody", "CityOut",
    "DeviceDetail", "FeatureCollection", "LedgerOut", "Page_DeviceOut_", "Page_ReadingOut_", "Problem", "RulesOut",
    "Page_DeadLetter_", "Page_DeviceLedgerLine_", "RedriveBody", "ManyRedriven", "UnregisteredList", "AdoptionBody",
    "AdoptedOut", "RuleSetText", "RuleSetBody", "AppliedOut", "CheckBody", "CheckedOut", "WhatIfBody", "WhatIfOut",
    "WeighingList", "SeenList", "Shelf", "ShelfBody", "EndBody", "DecisionBody", "StreamedChange", "ActionEntry",
    "CasePage", "CaseAnswer", "Near", "Indicators", "CaseOpenBody", "SignOnOut", "SignedOutOut", "BaseMapOut",
    "NoticeRulesOut", "Page_NoticeOut_", "NoticesOfAlert", "NoticeChannels", "ChannelTestBody", "ChannelTested",
    "Attachment", "Page_ReportOut_", "ReceiptOut", "ReportBody", "JoinBody", "InformantOut", "IndicatorReport",
    "AssessmentReport",
)  # fmt: skip
_PRIMITIVE: Final = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}
_HEAD: Final = (
    "/* Written by `python -m tests.api.console.typescript` from the OpenAPI document. Do not edit: "
    "a test compares. */\n"
)


def rendered(openapi: Mapping[str, Any]) -> str:
    """The file, with the wanted schemas and all that they name."""
    schemas = dict(openapi["components"]["schemas"])
    streamed = TypeAdapter(Streamed).json_schema(mode="serialization", ref_template="#/components/schemas/{model}")
    schemas |= {name: schema for name, schema in streamed["$defs"].items() if name not in schemas}
    names, waiting = set[str](), [name for name in WANTED if name in schemas]
    while waiting:
        if (name := waiting.pop()) not in names:
            names.add(name)
            waiting += _named(schemas[name])
    return _HEAD + "".join(f"\nexport {_declared(name, schemas[name])}\n" for name in sorted(names))


def _named(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "$ref":
                yield value.rpartition("/")[2]
            elif key not in {"example", "examples", "mapping"}:
                yield from _named(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _named(value)


def _declared(name: str, schema: Mapping[str, Any]) -> str:
    if schema.get("type") != "object" or "properties" not in schema:
        return f"type {_identifier(name)} = {_type(schema)};"
    # A body may leave out what has a default; an answer always has it.
    always = set(schema.get("required", ())) if name.endswith("Body") else set(schema["properties"])
    lines = (
        f"  {field}{'' if field in always else '?'}: {_type(value)};" for field, value in schema["properties"].items()
    )
    return f"interface {_identifier(name)} {{\n" + "\n".join(lines) + "\n}"


def _identifier(name: str) -> str:
    return re.sub(r"\W|_", "", name)


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return _identifier(schema["$ref"].rpartition("/")[2])
    if literals := schema.get("enum", [schema["const"]] if "const" in schema else []):
        return " | ".join(map(_literal, literals))
    if union := schema.get("anyOf", schema.get("oneOf")):
        return " | ".join(dict.fromkeys(map(_type, union)))
    if schema.get("type") == "array":
        return f"({_type(schema.get('items', {}))})[]"
    if schema.get("type") == "object":
        values = schema.get("additionalProperties")
        return f"Record<string, {_type(values) if isinstance(values, dict) else 'unknown'}>"
    return _PRIMITIVE.get(schema.get("type", ""), "unknown")


def _literal(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


if __name__ == "__main__":
    from api.app import create_app
    from api.ports import ApiOptions, ApiParts

    TYPES.parent.mkdir(parents=True, exist_ok=True)
    no_parts = SimpleNamespace(journal=None, shelves=None, now=None, people=None)  # the document asks no part
    app = create_app(cast("ApiParts", no_parts), ApiOptions(version="0"))
    TYPES.write_text(rendered(app.openapi()), encoding="utf-8")
