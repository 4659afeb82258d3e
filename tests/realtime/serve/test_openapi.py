"""The description of the messages is an OpenAPI document, and what the server sends is as it says."""

import json
from typing import Any

import pytest

from knowledge_spreader.engines.bundled import bundled_model
from knowledge_spreader.realtime.demo import demo_clip
from knowledge_spreader.realtime.options import Options
from knowledge_spreader.realtime.serve.openapi import openapi
from knowledge_spreader.realtime.sinks.jsonl_sink import as_dict
from knowledge_spreader.realtime.sinks.table.columns import Extras
from knowledge_spreader.realtime.watch import watch

jsonschema = pytest.importorskip("jsonschema")


def validator(name: str) -> Any:
    root = {**openapi(), "$ref": f"#/components/schemas/{name}"}
    return jsonschema.Draft202012Validator(root)


def test_every_schema_is_one_and_every_reference_leads_somewhere() -> None:
    told = json.loads(json.dumps(openapi(), allow_nan=False))
    assert told["openapi"] == "3.1.0"
    schemas = told["components"]["schemas"]
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    assert {one.rpartition("/")[2] for one in references(told)} <= set(schemas)


def references(node: Any) -> set[str]:
    if isinstance(node, list):
        return set().union(*map(references, node))
    if isinstance(node, dict):
        return set().union({node["$ref"]} if "$ref" in node else set(), *map(references, node.values()))
    return set()


def test_every_path_says_what_it_answers_and_each_operation_has_a_name_of_its_own() -> None:
    paths = openapi()["paths"]
    assert {"/v1/stream", "/v1/images", "/healthz", "/metrics", "/openapi.json", "/"} == set(paths)
    operations = [operation for methods in paths.values() for operation in methods.values()]
    assert all(operation["summary"] and operation["responses"] for operation in operations)
    names = [operation["operationId"] for operation in operations if "operationId" in operation]
    assert len(names) == len(set(names))


@pytest.mark.slow
def test_answers_are_as_the_schema_says_with_and_without_all_that_can_be_asked_for() -> None:
    plain, full = Options(model=str(bundled_model())), Options(landmarks="478", blendshapes=True)
    for options, extras in ((plain, Extras()), (full, Extras(landmarks="478", blendshapes=True))):
        with watch(demo_clip(), options=options) as run:
            for _, result in zip(range(20), run, strict=False):
                validator("Answer").validate(as_dict(result, 0.0, extras))


@pytest.mark.parametrize(
    ("name", "message", "good"),
    [
        ("Hello", {"format": "jpeg", "name": "door"}, True),
        ("Hello", {"format": "gif"}, False),
        ("Error", {"type": "error", "error": "one line"}, True),
        ("Error", {"type": "ready"}, False),
        ("Answer", {"stream": "a"}, False),
        ("Refusal", {"error": "one line"}, True),
    ],
)
def test_messages_are_told_apart(name: str, message: dict[str, str], good: bool) -> None:
    assert validator(name).is_valid(message) is good
