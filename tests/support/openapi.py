"""Hold requests and answers to Allegro's OpenAPI file, where that is at hand."""

from __future__ import annotations

import copy
import functools
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import yaml

PROJECT = Path(__file__).parents[2]
PLACES = (
    PROJECT / "openapi.yaml",
    PROJECT / "tests" / "openapi.yaml",
    PROJECT.parent / "shared" / "allegro" / "openapi.yaml",
)


def spec_file() -> Path | None:
    """``AWIZO_OPENAPI``, else a place in or beside the project."""
    named = os.environ.get("AWIZO_OPENAPI")
    places = (Path(named),) if named else PLACES
    return next((place for place in places if place.is_file()), None)


needs_spec = pytest.mark.skipif(
    spec_file() is None,
    reason="Allegro's openapi.yaml is not at hand; name it in AWIZO_OPENAPI",
)


@functools.cache
def spec() -> dict[str, Any]:
    found = spec_file()
    assert found is not None
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    data: dict[str, Any] = yaml.load(found.read_text(encoding="utf-8"), Loader=loader)
    schemas = data["components"]["schemas"]
    _allow_null(schemas)
    _allow_what_allegro_does(schemas)
    return data


def _allow_what_allegro_does(schemas: dict[str, Any]) -> None:
    """Where Allegro was seen to answer otherwise than its own file says."""
    schemas["Error"]["properties"]["message"]["type"] = ["string", "null"]  # FACTS 2.8, #3652
    for name in ("count", "totalCount"):  # an empty list has none
        schemas["CheckoutForms"]["properties"][name]["minimum"] = 0


def _allow_null(node: Any) -> None:
    """OpenAPI 3.0 says ``nullable``; JSON Schema says it with a type."""
    if isinstance(node, dict):
        if node.pop("nullable", False) and isinstance(node.get("type"), str):
            node["type"] = [node["type"], "null"]
        for value in node.values():
            _allow_null(value)
    elif isinstance(node, list):
        for value in node:
            _allow_null(value)


def _operations() -> Iterator[tuple[re.Pattern[str], str, dict[str, Any]]]:
    for path, methods in spec()["paths"].items():
        pattern = re.compile(re.sub(r"\\{[^}]+\\}|\{[^}]+\}", "[^/]+", path) + r"\Z")
        for method, operation in methods.items():
            if method in ("get", "put", "post", "delete"):
                yield pattern, method.upper(), operation


def operation_of(method: str, path: str) -> dict[str, Any]:
    """The operation of a request; one without braces in its path goes first."""
    found = [
        operation
        for pattern, one, operation in _operations()
        if one == method and pattern.match(path)
    ]
    assert found, f"{method} {path} is not in openapi.yaml"
    return found[0]


def _holds(schema: dict[str, Any], value: Any) -> None:
    whole = {**copy.copy(schema), "components": spec()["components"]}
    jsonschema.Draft202012Validator(whole).validate(value)


def check_request(request: httpx.Request) -> None:
    """Method, path, query, media types and body are what the file says."""
    operation = operation_of(request.method, request.url.path)
    parameters = {
        one["name"]: one for one in operation.get("parameters", ()) if one["in"] == "query"
    }
    for name, value in request.url.params.multi_items():
        assert name in parameters, f"query parameter {name} of {request.url.path} is unknown"
        kind = parameters[name]["schema"]
        if kind.get("type") == "integer":
            _holds(kind, int(value))
        elif kind.get("type") == "string":
            _holds(kind, value)
    for name, one in parameters.items():
        assert not one.get("required") or name in request.url.params, f"{name} is missing"
    languages = next(
        one["schema"]["enum"] for one in operation["parameters"] if one["name"] == "Accept-Language"
    )
    assert request.headers["accept-language"] in languages
    answers = {media for one in operation["responses"].values() for media in one.get("content", {})}
    accept = request.headers["accept"]
    assert not answers or accept in answers or "*/*" in answers, f"{accept} is not offered"
    body = operation.get("requestBody")
    if body is None:
        assert not request.content
        assert "content-type" not in request.headers
        return
    media = request.headers["content-type"]
    assert media in body["content"], f"{media} is not taken by {request.url.path}"
    if "json" in media:
        _holds(body["content"][media]["schema"], json.loads(request.content))


# Any call may be answered so, although the file names these statuses with few (FACTS 2.0).
ANYWHERE = frozenset({400, 401, 403, 406, 415, 429, 500, 504})
ERRORS = {"$ref": "#/components/schemas/ErrorsHolder"}
AUTH_ERROR = {"$ref": "#/components/schemas/AuthError"}
MEDIA = ("application/vnd.allegro.public.v1+json", "application/vnd.allegro.beta.v1+json")


def check_answer(request: httpx.Request, response: httpx.Response) -> None:
    """The answer is one that the file allows: status known, body as its schema says."""
    operation = operation_of(request.method, request.url.path)
    status = response.status_code
    told = operation["responses"].get(str(status))
    assert told is not None or status in ANYWHERE, (
        f"{request.method} {request.url.path} may not answer {status}"
    )
    described = list((told or {}).get("content", {}).values())
    if status >= 400:
        schema = AUTH_ERROR if status == 401 else ERRORS
        if described:
            schema = described[0]["schema"]
        assert response.content, f"a {status} without a word"
    elif described:
        schema = described[0]["schema"]
    else:
        return
    if schema.get("format") == "binary":
        return
    _holds(schema, json.loads(response.content))
    media = response.headers.get("content-type", "").split(";")[0]
    assert media in MEDIA, f"an answer in {media}"


class CheckedNetwork(httpx.AsyncBaseTransport):
    """Holds everything that passes to the file. Token calls are not in it."""

    def __init__(self, inner: httpx.AsyncBaseTransport, *, answers_too: bool = True) -> None:
        self._inner = inner
        self._answers_too = answers_too
        self.checked: list[tuple[str, str]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        described = not request.url.path.startswith(("/auth/oauth/", "/register"))
        if described:
            check_request(request)
            self.checked.append((request.method, request.url.path))
        response = await self._inner.handle_async_request(request)
        await response.aread()
        if self._answers_too and described:
            check_answer(request, response)
        return httpx.Response(
            response.status_code, headers=response.headers, content=response.content
        )
