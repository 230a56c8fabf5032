"""Descriptions of responses for the OpenAPI document, and the document itself."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from api.http.problems import MEDIA_TYPE, Problem, ProblemKind

Responses = dict[int | str, dict[str, Any]]
"""The `responses` of a route: description, schema and example by HTTP status."""

_PROBLEM: Final = {"$ref": "#/components/schemas/Problem"}

_NULL: Final = "\x00"
"""A placeholder for null in examples while the document is made: FastAPI drops nulls, also those of required fields."""


def _with_placeholders(example: Any) -> Any:
    return _replaced(example, None, _NULL)


def _replaced(value: Any, old: Any, new: Any) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(item, old, new) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, old, new) for item in value]
    return new if value == old else value


def answer(description: str, example: Any, media_type: str = "application/json", *, status: int = 200) -> Responses:
    """A successful JSON response with an example."""
    return {status: {"description": description, "content": {media_type: {"example": _with_placeholders(example)}}}}


def text_answer(description: str, example: str, media_type: str) -> Responses:
    """A successful response that is not JSON, with an example."""
    content = {media_type: {"schema": {"type": "string"}, "example": example}}
    return {200: {"description": description, "content": content}}


def no_content(description: str) -> Responses:
    """A successful response without content."""
    return {204: {"description": description}}


def problems(*kinds: ProblemKind) -> Responses:
    """These problems, and the internal error that every route can have."""
    described: Responses = {}
    for kind in (*kinds, ProblemKind.INTERNAL):
        example: dict[str, Any] = {
            "type": kind.urn,
            "title": kind.title,
            "status": kind.status,
            "detail": "What happened, and what to do about it.",
            "instance": "/api/v1/…",
        }
        if kind is ProblemKind.INVALID:
            example["errors"] = [{"field": "query.start", "hint": "give milliseconds since 1970 UTC or RFC 3339"}]
        content = {MEDIA_TYPE: {"schema": _PROBLEM, "example": example}}
        before = described.get(kind.status)
        description = kind.title if before is None else f"{before['description']}. Or: {kind.title}"
        described[kind.status] = {"description": description, "content": content}
    return described


def document(app: FastAPI, *further: type[BaseModel]) -> dict[str, Any]:
    """The OpenAPI document of an application, made once. `further`: models that only problems use."""
    if app.openapi_schema is None:
        openapi = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            description=app.description,
            tags=app.openapi_tags,
            routes=app.routes,
        )
        schemas = openapi["components"]["schemas"]
        models: tuple[type[BaseModel], ...] = (Problem, *further)
        for model in models:
            schema = model.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
            schemas |= schema.pop("$defs", {})
            schemas[model.__name__] = schema
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        app.openapi_schema = _replaced(openapi, _NULL, None)
    return app.openapi_schema
