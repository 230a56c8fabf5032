"""The OpenAPI document: whole, valid, with examples that fit their schemas."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from fastapi.routing import APIRoute
from jsonschema import Draft202012Validator

from api.app import create_app
from api.ports import ApiOptions, ApiParts

PROBLEM = "application/problem+json"
SIGN_IN = "post /api/v1/session"
SIGN_ON = "get /api/v1/sign-on"
"""Says how to sign in."""
Json = dict[str, Any]


class Operation(NamedTuple):
    name: str
    spec: Json


_made: list[Json] = []


@pytest.fixture
def document(parts: ApiParts) -> Json:
    """Made once: it does not depend on the parts, and takes as long as ten tests."""
    if not _made:
        _made.append(create_app(parts, ApiOptions(version="1.2.3")).openapi())
    return _made[0]


def operations(document: Json) -> Iterator[Operation]:
    for path, verbs in document["paths"].items():
        for verb, spec in verbs.items():
            yield Operation(f"{verb} {path}", spec)


def validator(document: Json, schema: Json) -> Draft202012Validator:
    return Draft202012Validator({**schema, "components": document["components"]})


def test_every_operation_has_summary_description_and_tag(document: Json) -> None:
    tags = {tag["name"] for tag in document["tags"]}
    for name, spec in operations(document):
        assert spec["summary"], name
        assert len(spec.get("description", "")) > 20, name
        assert set(spec["tags"]) <= tags, name


def test_every_parameter_is_bounded_or_described(document: Json) -> None:
    for name, spec in operations(document):
        for parameter in spec.get("parameters", ()):
            schema = str(parameter["schema"])
            documented = parameter.get("description") or re.search(r"enum|\$ref|pattern|maximum|boolean", schema)
            assert documented, f"{name}: {parameter['name']}"


def test_every_success_has_an_example_that_fits_its_schema(document: Json) -> None:
    for name, spec in operations(document):
        good = {status: response for status, response in spec["responses"].items() if status.startswith("2")}
        assert good, name
        for status, response in good.items():
            assert ("content" in response) == (status != "204"), name
            for media_type, content in response.get("content", {}).items():
                assert "example" in content, f"{name} {media_type}"
                if "json" in media_type:
                    assert content["schema"], name
                    errors = list(validator(document, content["schema"]).iter_errors(content["example"]))
                    assert errors == [], name


def test_every_body_has_an_example_that_fits_its_schema(document: Json) -> None:
    bodies = 0
    for name, spec in operations(document):
        for content in spec.get("requestBody", {}).get("content", {}).values():
            if content["schema"] == {"type": "string", "format": "binary"}:
                continue  # a file
            schema = document["components"]["schemas"][content["schema"]["$ref"].rpartition("/")[2]]
            assert schema["examples"], name
            for example in schema["examples"]:
                assert list(validator(document, schema).iter_errors(example)) == [], name
            bodies += 1
    assert bodies == 51


def test_every_problem_of_an_operation_is_listed_with_an_example(document: Json) -> None:
    for name, spec in operations(document):
        statuses = {status for status in spec["responses"] if not status.startswith("2")}
        expected = {"500"}
        if ("/api/v1/" in name or "metrics" in name) and name != SIGN_ON:
            expected.add("401")
        if spec.get("parameters") or "requestBody" in spec:
            expected.add("422")
        if "{" in name:
            expected.add("404")
        if name.startswith(("post", "put", "delete")):
            expected |= {"503"} if name == SIGN_IN else {"403", "503"}
        if "requestBody" in spec:
            expected |= {"400", "413"}
        assert expected <= statuses, name
        for status in statuses:
            content = spec["responses"][status]["content"]
            assert set(content) == {PROBLEM}, f"{name} {status}"
            example = content[PROBLEM]["example"]
            assert list(validator(document, content[PROBLEM]["schema"]).iter_errors(example)) == [], f"{name} {status}"


def test_every_reference_has_a_schema(document: Json) -> None:
    references = set(re.findall(r"'\$ref': '#/components/schemas/([^']+)'", str(document)))
    assert references
    assert references <= set(document["components"]["schemas"])
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_no_route_is_left_out_of_the_document_but_the_pages_and_their_files(parts: ApiParts) -> None:
    app = create_app(parts, ApiOptions(version="1"))
    hidden = {route.path for route in all_routes(app.routes) if not route.include_in_schema}
    assert hidden == {"/", "/docs", "/console/assets/{name}", "/sign-on/begin", "/sign-on/callback"} | {
        "/m/{code}", "/report", "/report/state", "/report/photo", "/report/{site_id}",
    }  # fmt: skip
    assert "/api/v1/alerts/stream" in app.openapi()["paths"]


def all_routes(routes: Any) -> Iterator[APIRoute]:
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        elif hasattr(route, "original_router"):
            yield from all_routes(route.original_router.routes)


def test_every_operation_but_the_probes_and_signing_in_takes_a_token(document: Json) -> None:
    for name, spec in operations(document):
        is_for_all = name.endswith(("/healthz", "/readyz")) or name in {SIGN_IN, SIGN_ON}
        assert bool(spec.get("security")) != is_for_all, name
