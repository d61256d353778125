"""Generates the description of the API (OpenAPI 3.0) from the table of routes:
docs/openapi.json."""

from typing import Dict

from pilot.ops.server import shape
from pilot.ops.server.route import Route
from pilot.ops.server.routes import ROUTES, split_path


def describe_api() -> Dict[str, object]:
    """Return the description of all addresses."""
    paths: Dict[str, Dict[str, object]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _describe_route(route)
    return {
        "openapi": "3.0.3",
        "info": {"title": "pilot pool server", "version": "1"},
        "paths": paths,
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }


def _describe_route(route: Route) -> Dict[str, object]:
    words = [part[1:-1] for part in split_path(route.path) if part.startswith("{")]
    parameters = [
        {"name": word, "in": "path", "required": True, "schema": {"type": "string"}}
        for word in words
    ]
    description: Dict[str, object] = {
        "summary": route.says,
        "x-roles": list(route.roles),
        "responses": {
            "200": {"description": "as the summary says"},
            "default": {"description": "refused: {\"error\": sentence}"},
        },
    }
    if route.method == "GET":
        parameters += [
            {"name": name, "in": "query", "schema": one.schema}
            for name, one in sorted(route.fields.items())
        ]
    else:
        description["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": shape.json_schema(route.fields)}},
        }
    description["parameters"] = parameters
    if route.roles:
        description["security"] = [{"token": []}]
    return description
