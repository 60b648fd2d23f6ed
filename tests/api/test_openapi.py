"""docs/openapi.yaml says what is true: it is valid, it agrees with the code, and the running server answers nothing else."""

import copy
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import numpy as np
import pytest
import schemathesis
import yaml
from doors import encode, npy, v2_binary
from hypothesis import strategies as st
from numpy.typing import NDArray
from schemathesis.checks import not_a_server_error
from schemathesis.engine import events, from_schema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from served import MODELS

from deploy.server import Server
from digitkit import errors
from digitkit.artifacts.card import FIRST_VERSION
from digitkit.readers.digits.digit import LABELS, SEVERAL, SIDE_PX, Prediction
from digitkit.readers.digits.explain import Explanation
from digitkit.readers.digits.reader import READER
from digitkit.serving.writing import Answer, Model, Question, write_answer, write_error, write_explanation
from digitkit.settings import Limits

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "docs" / "openapi.yaml"
DOCUMENT = yaml.safe_load(FILE.read_text())
COMPONENTS = DOCUMENT["components"]
TABLE = set(re.findall(r"^\| (\d+) \| ((?:`\w+`(?:, )?)+) \|", (ROOT / "docs" / "api.md").read_text(), re.M))

CONFORMANCE = [status_code_conformance, content_type_conformance, response_schema_conformance, response_headers_conformance]
EXAMPLES_PER_OPERATION = 20  # at random; with the boundaries of the schemas 2,000 requests in all, 26 s on two busy cores
NOT_DESCRIBED = {"/", "/api-description", "/metrics"}  # TorchServe's own, which answer nothing of the models

DIGIT = np.pad(np.full((16, 2), 255, dtype=np.uint8), ((6, 6), (13, 13)))  # a one
BLANK = encode(np.full((60, 60), 255, dtype=np.uint8))
BROKEN_FORM = b'--x\r\nContent-Disposition: form-data; name=""\r\n\r\n7\r\n--x--'
PREDICTION = Prediction(7, 0.99914, True, tuple(0.99914 if label == 7 else 0.0001 for label in LABELS))
DOUBTED = replace(PREDICTION, accepted=False, reason=SEVERAL)
EXPLANATION = Explanation(7, 3, "occlusion", DIGIT, np.linspace(-1, 1, SIDE_PX**2, dtype=np.float32).reshape(SIDE_PX, SIDE_PX))
REFUSAL = errors.BlankPicture("no ink")


def nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every object in the document, from the top."""
    if isinstance(tree, dict):
        yield tree
    for branch in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from nodes(branch)


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    """What an object refers to, or the object itself."""
    _, _, kind, name = node.get("$ref", "///").split("/")
    return COMPONENTS[kind][name] if name else node


def check(value: Any, schema: dict[str, Any]) -> None:
    """Raise jsonschema_rs.ValidationError where a value does not fit a schema of the document."""
    jsonschema_rs.Draft202012Validator({**schema, "components": COMPONENTS}).validate(value)


def examples() -> list[tuple[Any, dict[str, Any]]]:
    """Each example and its schema."""
    media = [media for node in nodes(DOCUMENT) for media in node.get("content", {}).values() if "schema" in media]
    named = [(resolved(each)["value"], one["schema"]) for one in media for each in one.get("examples", {}).values()]
    return named + [(one["example"], one["schema"]) for one in media if "example" in one]


def described_errors(kind: str) -> set[tuple[int, str]]:
    """The status and the type of each error that the responses, or the refusals in a list, describe."""
    schemas = COMPONENTS["schemas"]["Refusal"]["oneOf"]
    if kind == "responses":
        schemas = [one["content"]["application/json"]["schema"] for one in COMPONENTS["responses"].values()]
    values = [[each.get("enum") or [each["const"]] for each in (s["properties"]["code"], s["properties"]["type"])] for s in schemas]
    return {(code, name) for codes, names in values for code in codes for name in names}


def test_document_is_valid_openapi() -> None:
    schemathesis.openapi.from_path(FILE).validate()
    for schema in COMPONENTS["schemas"].values():
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})
    names = [node["operationId"] for node in nodes(DOCUMENT) if "operationId" in node]
    assert len(names) == len(set(names)) == 13


def test_every_reference_leads_to_a_component_and_every_component_is_referred_to() -> None:
    there = {f"#/components/{kind}/{name}" for kind in COMPONENTS if kind != "securitySchemes" for name in COMPONENTS[kind]}
    assert {node["$ref"] for node in nodes(DOCUMENT) if "$ref" in node} == there


def test_every_example_fits_its_schema() -> None:
    assert len(examples()) > 25
    for value, schema in examples():
        check(value, schema)


def test_an_answer_that_is_not_described_does_not_fit() -> None:
    good = COMPONENTS["examples"]["Prediction"]["value"]
    for wrong in (good | {"digit": 10}, good | {"extra": 1}, good | {"probabilities": [1.0]}, {"digit": 7}):
        with pytest.raises(jsonschema_rs.ValidationError):
            check(wrong, COMPONENTS["schemas"]["Prediction"])
    with pytest.raises(jsonschema_rs.ValidationError):
        check({"code": 400, "type": "BlankPicture", "message": ""}, COMPONENTS["schemas"]["Refusal"])


def test_errors_are_those_of_the_code_and_of_api_md() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and hasattr(kind, "status")]
    ours = {(kind.status, kind.__name__) for kind in kinds}
    torchserves = {(int(code), name) for code, names in TABLE for name in re.findall(r"\w+Exception", names)}
    assert len(ours) == 9
    assert len(torchserves) == 9
    assert described_errors("responses") == ours | torchserves
    assert described_errors("refusals") == ours - {(503, "NotLoaded")}  # it refuses the whole request


def test_models_and_limits_are_those_of_the_code(limits: Limits) -> None:
    schemas = COMPONENTS["schemas"]
    assert schemas["Model"]["enum"] == list(MODELS)
    assert COMPONENTS["parameters"]["JsonLength"]["schema"]["maximum"] == limits.body_bytes
    assert schemas["V1Request"]["properties"]["instances"]["maxItems"] == schemas["Predictions"]["maxItems"] == limits.pictures
    assert schemas["ExplanationList"]["maxItems"] == limits.explanations
    pictures = COMPONENTS["requestBodies"]["Pictures"]
    assert pictures["content"]["multipart/form-data"]["schema"]["maxProperties"] == limits.pictures
    for limit in (limits.pictures, limits.explanations, limits.body_bytes):
        assert f"{limit:,}" in pictures["description"]


def test_any_release_can_be_asked_for_and_the_documents_version_is_the_products() -> None:
    version = COMPONENTS["parameters"]["Version"]["schema"]
    assert all(jsonschema_rs.is_valid(version, each) for each in ("1.0", "1.10", "23.4"))
    assert not any(jsonschema_rs.is_valid(version, each) for each in ("1", "1.0.0", "default", 1.0))
    assert DOCUMENT["info"]["version"] == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        (write_answer(Question((), "one"), [PREDICTION], Model("digits", "1.0"), READER), "Prediction"),
        (write_answer(Question((), "one"), [DOUBTED], Model("digits", "1.0"), READER), "Prediction"),
        (write_answer(Question((), "many"), [PREDICTION, REFUSAL], Model("digits", "1.0"), READER), "Predictions"),
        (write_answer(Question((), "v1"), [REFUSAL, PREDICTION], Model("digits", "1.0"), READER), "V1Predictions"),
        (write_answer(Question((), "v2", id="a"), [REFUSAL, PREDICTION, DOUBTED], Model("digits_onnx", "1.0"), READER), "V2Predictions"),
        (write_explanation(Question((), "one"), [EXPLANATION], READER), "Explanation"),
        (write_explanation(Question((), "many"), [EXPLANATION, REFUSAL], READER), "ExplanationList"),
        (write_explanation(Question((), "v2"), [EXPLANATION, REFUSAL], READER), "Explanations"),
        (write_error(REFUSAL), "Refusal"),
    ],
    ids=lambda value: value if isinstance(value, str) else "json",
)
def test_what_the_code_writes_fits_its_schema_and_no_other(answer: Answer, name: str) -> None:
    value = yaml.safe_load(answer.body)
    answers = ("Prediction", "Predictions", "V1Predictions", "V2Predictions", "Explanation", "ExplanationList", "Explanations", "Refusal")
    fitting = [each for each in answers if jsonschema_rs.is_valid({**COMPONENTS["schemas"][each], "components": COMPONENTS}, value)]
    assert fitting == [name]


@pytest.mark.server
def test_every_door_of_torchserves_own_description_is_described(client: httpx.Client) -> None:
    doors = client.options("/").json()["paths"]
    assert len(doors) == 8
    for path in doors.keys() - NOT_DESCRIBED:
        assert doors[path].keys() <= DOCUMENT["paths"][path.replace("model_name", "model").replace("model_version", "version")].keys()


def ask(client: httpx.Client, operation: str, body: bytes, headers: dict[str, str], **path: str) -> tuple[httpx.Response, dict[str, Any]]:
    """The answer of an operation, checked against the document, and what the document has on its status."""
    door = schemathesis.openapi.from_path(FILE).find_operation_by_id(operation)
    case = door.Case(path_parameters={"model": "digits", "version": FIRST_VERSION} | path)
    answer = client.request(door.method, case.formatted_path, content=body, headers=headers)
    case.validate_response(answer, checks=CONFORMANCE)
    return answer, resolved(door.definition.raw["responses"][str(answer.status_code)])


@pytest.mark.server
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("operation", "status", "body", "headers"),
    [
        ("predict", 200, encode(DIGIT), {}),
        ("predictByPut", 200, npy(np.stack([DIGIT, DIGIT * 0])), {}),
        ("predictWithVersion", 200, encode(DIGIT), {"Accept": "text/plain"}),
        ("predictV2", 200, *v2_binary(DIGIT[np.newaxis])),
        ("explain", 200, encode(DIGIT), {"Accept": "image/png"}),
        ("explainByPut", 200, encode(DIGIT), {"X-Target": "3"}),
        ("explainWithVersion", 400, encode(DIGIT), {"X-Target": "x"}),
        ("explainV2", 413, *v2_binary(np.stack([DIGIT] * 9))),
    ],
    ids=["object", "list", "text", "binary tensor", "PNG", "other target", "bad target", "too many"],
)
def test_answer_is_as_described(
    operation: str, status: int, body: bytes, headers: dict[str, str], model: str, client: httpx.Client
) -> None:
    answer, _ = ask(client, operation, body, headers, model=model)
    assert answer.status_code == status
    assert answer.headers["content-type"] == (headers.get("Accept") or "application/json")


@pytest.mark.server
@pytest.mark.parametrize(
    ("operation", "body", "headers", "path"),
    [
        ("ping", b"", {"Authorization": "Bearer x"}, {}),
        ("predict", b"no picture", {}, {}),
        ("explain", encode(DIGIT), {}, {"model": "nothing"}),
        ("predict", npy(np.zeros((1025, 1, 1), dtype=np.uint8)), {}, {}),
        ("predict", b"%PDF-1.7", {}, {}),
        ("explain", BLANK, {}, {}),
        ("predict", BROKEN_FORM, {"Content-Type": "multipart/form-data; boundary=x"}, {}),
    ],
    ids=["NoToken", "BadRequest", "NotFound", "TooLarge", "UnsupportedMedia", "BlankPicture", "Fault"],
)
def test_example_of_an_error_is_what_the_server_answers(
    operation: str, body: bytes, headers: dict[str, str], path: dict[str, str], client: httpx.Client
) -> None:
    answer, described = ask(client, operation, body, headers, **path)
    assert answer.json() == described["content"]["application/json"]["example"]


@schemathesis.check
def no_fault_of_ours(ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case) -> None:
    """No 5xx, but for a form whose parts TorchServe cannot tell apart: it answers 500 before any worker sees the request."""
    is_form = case.media_type == "multipart/form-data"
    if not (is_form and response.status_code == 500 and response.json()["type"] == "ErrorDataDecoderException"):
        not_a_server_error(ctx, response, case)


@schemathesis.check
def examples_are_good(ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case) -> None:
    assert case.meta is None or case.meta.phase.name != "examples" or response.status_code == 200


@pytest.fixture
def api(server: Server, ten_digits: NDArray[np.uint8]) -> Any:
    """The document, set to send the examples, the boundaries of every schema, and random requests of good and of bad files.

    The version is the one that is served: of others, most requests would be answered 404.
    Not asked for are the checks that a wrong method is 405 and a wrong token 401: TorchServe answers 200 and 400.
    """
    files = st.sampled_from([encode(ten_digits[7]), npy(ten_digits[:3]), BLANK, b"%PDF-1.7"]) | st.binary()
    for media_type in COMPONENTS["requestBodies"]["Pictures"]["content"]:
        if media_type.startswith("image/") or media_type == "application/x-npy":
            schemathesis.openapi.media_type(media_type, files)
    schemathesis.openapi.media_type("application/octet-stream", st.just(v2_binary(ten_digits[:2])[0]) | st.binary())
    document = copy.deepcopy(DOCUMENT)
    document["components"]["parameters"]["Version"]["schema"] = {"type": "string", "enum": [FIRST_VERSION]}
    api = schemathesis.openapi.from_dict(document)
    api.config.update(base_url=server.inference, headers=server.headers(), request_timeout=30)
    api.config.phases.update(phases=["examples", "coverage", "fuzzing"])
    api.config.generation.update(max_examples=EXAMPLES_PER_OPERATION, deterministic=True, database="none")
    checks = [no_fault_of_ours, examples_are_good, *CONFORMANCE]
    api.config.checks.update(included_check_names=[each.__name__ for each in checks])
    return api


@pytest.mark.server
def test_fuzzed_requests_get_nothing_but_what_is_described(api: Any) -> None:
    seen: dict[str, set[int]] = defaultdict(set)
    for event in from_schema(api).execute():
        assert not isinstance(event, events.NonFatalError | events.FatalError), event
        if isinstance(event, events.ScenarioFinished):
            label, checked, sent = event.recorder.label, event.recorder.checks.values(), event.recorder.interactions.values()
            failures = [done.failure_info for one in checked for done in one if done.failure_info]
            assert not failures, f"{label}: {failures[0].failure}\n{failures[0].code_sample}"
            seen[label] |= {each.response.status_code for each in sent if each.response}
    assert len(seen) == 13
    assert all({200, 400} <= statuses for statuses in seen.values()), seen
