"""One name means one thing: classes, files, and the variables of the environment that our programs read."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT

PACKAGES = (
    *("handlers", "training", "export", "deploy", "testbed", "loadtest", "bench", "chaos", "client", "console", "loop", "scoring"),
    *("promotion", "story"),
)
REFUSALS = (
    *("BadRequest", "BlankPicture", "Fault", "NotLoaded", "OutOfMemory", "Overloaded", "TooLarge", "UnreadablePicture"),
    "UnsupportedMedia",
)
# Names that stand in several places and mean the same there, each with what it means.
SAME_CLASSES = {
    "Character": "one character of a number: in digitkit as it is read, in digits_client as it came",
    "CheckedSum": "fields that must add up: in digitkit as they were checked, in digits_client as the answer says it",
    "Client": "who asks a server: under chaos one of many, for users the whole of digits_client",
    "Digits": "the service of a peer, under the name that its framework's documentation teaches",
    "Explanation": "which pixels made a decision: in digitkit as it is computed, in digits_client as it came",
    "Figure": "one line of a table that training prints of shares of pictures",
    "Number": "one number of a picture: in digitkit as it is read, in digits_client as it came",
    "Reading": "what was read of one thing: of a request's pictures in a worker, of a test picture by the smoke test",
    "Readings": "what was read of many pictures, in digitkit by one net, in training beside their labels",
    **dict.fromkeys(REFUSALS, "a refusal, as digitkit makes it and as digits_client raises it"),
}
SAME_FILES = {
    "__init__": "what a package is",
    "answer": "in the room of each task, a result in the words of an answer",
    "errors": "the exceptions of a package",
    "explain": "in the room of each task, why it was read so",
    "net": "in the room of each task, its model in PyTorch",
    "ort": "in the room of each task, its model in ONNX Runtime",
    "reader": "what a reader is, and in the room of each task its own",
    "run": "the command of a package: python -m chaos.run, python -m loadtest.run",
    "tally": "in the room of each task, what a worker counts of it",
}
# Variables of others that our programs read or set: of the system, of Java, of installers, of libraries and of torchrun.
FOREIGN = {
    *("PATH", "PYTHONPATH", "TMPDIR", "TEMP", "VIRTUAL_ENV", "JAVA_HOME", "LOG_LOCATION", "METRICS_LOCATION"),
    *("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_CPP_MIN_LOG_LEVEL"),
    *("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT", "MOSEC_PORT", "MOSEC_ADDRESS"),
    *("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_SERVICE_NAME"),
    *("LC_ALL", "TS_CONFIG_FILE", "ORT_DISABLE_TELEMETRY", "BENTOML_DO_NOT_TRACK"),
}
VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{2,}")
NO_VARIABLES = {"MNIST", "ERROR"}  # the name of a folder, and a level of Locust's log


def files() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def places_of(names: Iterator[tuple[str, Path]]) -> dict[str, list[str]]:
    """Where each name stands that stands in several files."""
    found = defaultdict(list)
    for name, path in names:
        found[name].append(str(path.relative_to(ROOT)))
    return {name: places for name, places in found.items() if len(places) > 1}


def test_no_two_classes_of_one_name_mean_different_things() -> None:
    classes = ((node.name, path) for path in files() for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ClassDef))
    twice = places_of(classes)
    assert {name: places for name, places in twice.items() if name not in SAME_CLASSES} == {}
    assert set(SAME_CLASSES) <= set(twice)


def test_no_two_files_of_one_name_mean_different_things() -> None:
    twice = places_of((path.stem, path) for path in files())
    assert {name: places for name, places in twice.items() if name not in SAME_FILES} == {}
    assert set(SAME_FILES) <= set(twice)


def variables(source: str) -> set[str]:
    """The names of variables in whatever statement, or function, has to do with the environment."""
    found = set()
    for node in _smallest(ast.parse(source)):
        if re.search(r"\benviron\b|\bgetenv\b|\benv_var\b|\benv=", ast.unparse(node)):
            texts = (each.value for each in ast.walk(node) if isinstance(each, ast.Constant) and isinstance(each.value, str))
            found |= {text for text in texts if VARIABLE.fullmatch(text)} - NO_VARIABLES
    return found


def _smallest(tree: ast.Module) -> Iterator[ast.stmt]:
    """Functions, and statements outside of them."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield from node.body
        else:
            yield node


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ('x = os.environ["TOKEN"]', {"TOKEN"}),
        ('def f():\n    given = os.environ\n    return given.get("BENCH_SECONDS", "2")', {"BENCH_SECONDS"}),
        ('class A:\n    def f(self):\n        return os.getenv("DIGITS_PORT")', {"DIGITS_PORT"}),
        ('subprocess.run(command, env={"LOADTEST_USERS": "1"})', {"LOADTEST_USERS"}),
        ('add("--grpc", env_var="GRPC_ADDRESS")', {"GRPC_ADDRESS"}),
        ('x = {"TOKEN": 1}', set()),
    ],
)
def test_variables_are_found_wherever_the_environment_is_read_or_made(source: str, names: set[str]) -> None:
    assert variables(source) == names


def test_every_variable_of_ours_begins_with_digits() -> None:
    found = {name: str(path.relative_to(ROOT)) for path in files() for name in variables(path.read_text())}
    assert {"DIGITS_WEBHOOK", "DIGITS_PEER_PORT", "PATH"} <= set(found)
    ours = {name: place for name, place in found.items() if name not in FOREIGN}
    assert {name: place for name, place in ours.items() if not name.startswith("DIGITS_")} == {}
