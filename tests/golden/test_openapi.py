"""The OpenAPI document is what clients are generated from: a change of it is a change for them.

When a change is meant, write the file anew, read what `git diff` says, and note it in the changelog:

    WHET_UPDATE_GOLDEN=1 .venv/bin/pytest tests/golden
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.endpoints.server import Server, served

FILE = Path(__file__).parent / "openapi.json"
HOW = "The OpenAPI document has changed; if that is meant, run WHET_UPDATE_GOLDEN=1 .venv/bin/pytest tests/golden"
METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with served(tmp_path_factory.mktemp("home"), {}, jobs=0) as serving:
        yield serving


@pytest.fixture(scope="module")
def document(server: Server) -> dict[str, Any]:
    """The document as the server gives it; its version is that of the package and changes by itself."""
    found: dict[str, Any] = server.client.get("/openapi.json").json()
    return {**found, "info": {**found["info"], "version": "0"}}


def test_the_document_is_the_same_as_ever(document: dict[str, Any]) -> None:
    written = json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    if os.environ.get("WHET_UPDATE_GOLDEN"):
        FILE.write_text(written, encoding="utf-8", newline="\n")
    assert written.encode() == FILE.read_bytes(), HOW


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert method in METHODS
            yield method, path, operation


def test_every_operation_is_explained_and_ends_well_or_in_a_problem(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    found = list(operations(document))
    assert len(found) > 12
    for _, _, operation in found:
        assert operation["description"]
        assert operation["tags"]
        assert "422" not in operation["responses"]
        problem = operation["responses"]["default"]["content"]["application/problem+json"]["schema"]
        assert problem == {"$ref": "#/components/schemas/Problem"}
    assert len({operation["operationId"] for *_, operation in found}) == len(found)


def test_every_reference_leads_somewhere_and_every_schema_is_used(document: dict[str, Any]) -> None:
    schemas = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) == schemas


def references(content: Any) -> Iterator[str]:
    if isinstance(content, dict):
        if "$ref" in content:
            yield content["$ref"]
        for inner in content.values():
            yield from references(inner)
    elif isinstance(content, list):
        for inner in content:
            yield from references(inner)


def test_the_document_has_nothing_that_a_request_must_not_say(document: dict[str, Any]) -> None:
    fields = {name for schema in document["components"]["schemas"].values() for name in schema.get("properties", {})}
    assert not fields & {"api_base", "api_key", "api_key_env", "path", "identity"}
