"""Who imports whom, in data and as it is, and the shape of the archive's root.

The graph of our packages, from the bottom up; what stands beside a package is all that it may import of ours:

| package | what it is | may import |
|---|---|---|
| digitkit | what ships in an archive | |
| digit_handler | TorchServe's way into it | digitkit |
| testbed | what measures and breaks servers have in common | digitkit |
| training | the weights | digitkit |
| deploy | a server on this machine, and what watches it | digitkit, testbed |
| export | archives from weights | digitkit, training |
| chaos, loadtest | what breaks it, what it carries | digitkit, testbed, deploy |
| digits_client | what asks a server from elsewhere, a distribution of its own | |
| bench | how fast it is | digitkit, testbed, deploy, digits_client |
| loop | kept pictures and what people say of them | digitkit, testbed |
| console | its page in a browser | digitkit, testbed, deploy, loop |
| scoring | answers to many pictures without a server | digitkit, testbed |
| promotion | new weights on their way to the traffic | digitkit, testbed, deploy |
| story | the loop as a whole, played | digitkit, testbed, deploy, loop, promotion, training |

Inside digitkit the rooms are, and what each may import of digitkit beside itself:

| room | what it is | may import |
|---|---|---|
| contract, errors, settings | the words that all share | |
| counting | histograms and drift | |
| artifacts | weights and archives with their cards | contract |
| pictures | from bytes to grey pixels and ink | contract, errors, settings |
| documents | files of several pages, one grey page at a time | contract, errors, settings, pictures |
| backends | what runs a net | contract, artifacts, pictures |
| reader | what a reader is | contract, counting, errors, settings, pictures |
| collect | pictures that are kept for people to label | contract, errors, settings, pictures, reader |
| serving | requests in, answers out, in the words of a reader that it is given | all of these but backends, collect and documents |
| readers.tasks | finds the reader of a card's task | artifacts, reader, readers |
| readers.TASK | one task: its model, its answers, its counts | all of these but collect and serving, and no other task |

Ruff holds the same: each package bans in its ruff.toml what this graph does not allow, handlers/ in pyproject.toml.
"""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import pytest
from conftest import HANDLERS, ROOT
from imported import imports_of

BELOW = {"digitkit", "testbed", "deploy"}
CLIENT = ROOT / "client"
GRAPH = {
    "digitkit": set[str](),
    "digit_handler": {"digitkit"},
    "testbed": {"digitkit"},
    "training": {"digitkit"},
    "deploy": {"digitkit", "testbed"},
    "export": {"digitkit", "training"},
    "digits_client": set[str](),
    "bench": BELOW | {"digits_client"},
    "chaos": BELOW,
    "console": BELOW | {"loop"},
    "loadtest": BELOW,
    **{name: {"digitkit", "testbed"} for name in ("loop", "scoring")},
    "promotion": BELOW,
    "story": BELOW | {"loop", "promotion", "training"},
}
# What single modules import beside that, each for its reason; Ruff is told so on the line itself.
EXCEPTIONS = {
    ("bench.models", "training.evaluate.cost"),  # multiply-adds are counted in one place
    ("export.answer_inside", "digit_handler"),  # it runs inside an unpacked archive
}
WORDS = {"contract", "errors", "settings"}
ROOMS = {
    "contract": set[str](),
    "errors": set[str](),
    "settings": set[str](),
    "counting": set[str](),
    "artifacts": {"contract"},
    "pictures": WORDS,
    "documents": WORDS | {"pictures"},
    "backends": {"contract", "artifacts", "pictures"},
    "reader": {"contract", "counting", "errors", "settings", "pictures"},
    "collect": WORDS | {"pictures", "reader"},
    "serving": WORDS | {"counting", "artifacts", "pictures", "reader"},
    "readers": set[str](),
    "readers.tasks": {"artifacts", "reader", "readers"},
    "readers.digits": WORDS | {"counting", "artifacts", "pictures", "backends", "reader"},
    "readers.numbers": WORDS | {"counting", "artifacts", "pictures", "documents", "backends", "reader"},
}
# Libraries that cost seconds or patch a process, and who may import them: packages, or modules of digitkit.
LIBRARIES = {
    "torch": {"training", "export", "bench"}
    | {f"digitkit.readers.digits.{module}" for module in ("net", "fold")}
    | {f"digitkit.backends.{module}" for module in ("blocks", "eye_net", "finder_net", "line_net", "torch_place")},
    "torchvision": {"training", "bench"},
    "onnxruntime": {"export", "bench", "digitkit.backends.sessions"},
    "locust": {"loadtest"},
}
OURS = set(GRAPH) - {"digitkit"} | {"tests"}
HEAVY = {"torch", "torchvision", "onnxruntime", "ts"}
FOREIGN = {"numpy", "PIL", "cv2", "yaml"}  # what digitkit may import, beside one heavy library in some of its files
ALLOWED = {
    "artifacts/seal.py": {"cryptography"},
    "artifacts/signed_card.py": {"cryptography"},
    "readers/digits/net.py": FOREIGN | {"torch"},
    "readers/digits/fold.py": FOREIGN | {"torch"},
    "readers/numbers/formats/checksums.py": FOREIGN | {"stdnum"},
    "readers/numbers/formats/amount_words.py": FOREIGN | {"cn2an", "text_to_num"},
    "documents/pdf.py": FOREIGN | {"pypdfium2"},
    "documents/pdf_text.py": FOREIGN | {"pypdfium2"},
    "documents/dicom.py": FOREIGN | {"pydicom"},
    "serving/tracing.py": FOREIGN | {"opentelemetry"},
    "collect/schema.py": FOREIGN | {"sqlalchemy"},
    "collect/sample_store.py": FOREIGN | {"sqlalchemy"},
    "collect/shelf.py": FOREIGN | {"fsspec"},
    "backends/sessions.py": FOREIGN | {"onnxruntime"},
    "backends/blocks.py": FOREIGN | {"torch"},
    "backends/eye_net.py": FOREIGN | {"torch"},
    "backends/finder_net.py": FOREIGN | {"torch"},
    "backends/line_net.py": FOREIGN | {"torch"},
    "backends/torch_place.py": FOREIGN | {"torch"},
}
SHADOWED = {"utils", "metrics", "context", "service", "protocol", "version"}  # TorchServe's modules come first in a worker
MAX_LINES = 300


def imported_after(statement: str) -> set[str]:
    """The top-level modules in memory after a statement, in a new Python that runs in the archive's root."""
    script = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", script], cwd=HANDLERS, capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.split())


def names_in(tree: ast.AST) -> Iterator[str]:
    """The dotted names that a file imports, wherever the import stands: of `from a import b` both a and a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            yield from (str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names))


@cache
def modules() -> dict[str, set[str]]:
    """Every module of ours by its dotted name, with the names that it imports."""
    roots = {package: ROOT / package for package in GRAPH}
    roots |= {"digitkit": HANDLERS / "digitkit", "digit_handler": HANDLERS, "digits_client": CLIENT / "src" / "digits_client"}
    files = {package: [root / "digit_handler.py"] if root == HANDLERS else sorted(root.rglob("*.py")) for package, root in roots.items()}
    found = {}
    for package, paths in files.items():
        root = roots[package]
        for path in paths:
            above = root if root == HANDLERS else root.parent
            parts = path.relative_to(above).with_suffix("").parts
            found[".".join(part for part in parts if part != "__init__")] = set(names_in(ast.parse(path.read_text())))
    return found


def package_of(name: str) -> str:
    return name.partition(".")[0]


def is_within(module: str, places: set[str]) -> bool:
    """Whether a module is one of `places` or below one of them."""
    return any(module == place or module.startswith(f"{place}.") for place in places)


def test_the_graph_has_every_package_that_is_installed() -> None:
    installed = {package_of(name) for name in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]}
    assert installed == set(GRAPH) - {"digit_handler", "digits_client"}


def test_no_module_imports_a_package_of_ours_that_its_own_may_not() -> None:
    imports = {(module, name) for module, names in modules().items() for name in names if package_of(name) in GRAPH}
    assert len(imports) > 300
    allowed = {(module, name) for module, name in imports if package_of(name) in {package_of(module)} | GRAPH[package_of(module)]}
    excepted = {(module, name) for module, name in imports if is_within(name, {known for user, known in EXCEPTIONS if user == module})}
    assert imports - allowed - excepted == set()


def room_of(name: str) -> str:
    """The room that a name inside of digitkit means, "" for digitkit itself; a reader is a room of its own."""
    inside = name.split(".")[1:]
    reader = ".".join(inside[:2])
    return reader if reader in ROOMS else "".join(inside[:1])


def test_no_room_of_digitkit_imports_one_that_it_may_not() -> None:
    inside = {module: names for module, names in modules().items() if package_of(module) == "digitkit" and room_of(module)}
    assert {room_of(module) for module in inside} == set(ROOMS)
    imports = {(module, name) for module, names in inside.items() for name in names if package_of(name) == "digitkit" and room_of(name)}
    assert len(imports) > 100
    assert {(module, name) for module, name in imports if room_of(name) not in {room_of(module)} | ROOMS[room_of(module)]} == set()


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_heavy_library_is_imported_only_where_it_may_be(library: str) -> None:
    importing = {module for module, names in modules().items() if library in map(package_of, names)}
    assert importing
    assert {module for module in importing if not is_within(module, LIBRARIES[library])} == set()


def test_every_exception_is_still_needed() -> None:
    assert {(module, name) for module, name in EXCEPTIONS if name not in modules()[module]} == set()


def test_no_modules_import_one_another_in_a_circle() -> None:
    known = modules()
    graph = {module: {name for name in names if name in known and name != module} for module, names in known.items()}
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as err:
        pytest.fail(" imports ".join(reversed(err.args[1])))
    assert set(order) == set(known)


def banned_by(path: Path) -> set[str]:
    """What the configuration of Ruff in a file bans."""
    content: dict[str, Any] = tomllib.loads(path.read_text())
    lint = content["tool"]["ruff"]["lint"] if path.name == "pyproject.toml" else content["lint"]
    return set(lint["flake8-tidy-imports"]["banned-api"])


@pytest.mark.parametrize("package", sorted(set(GRAPH) - {"digit_handler"}))
def test_ruff_bans_all_that_the_graph_does_not_allow(package: str) -> None:
    allowed = GRAPH[package] | {package} | {library for library, places in LIBRARIES.items() if package in places}
    rooms = {"digitkit": ROOT / "pyproject.toml", "digits_client": CLIENT / "ruff.toml"}
    path = rooms.get(package, ROOT / package / "ruff.toml")
    assert banned_by(path) == (set(GRAPH) | set(LIBRARIES)) - allowed


def test_ruff_waives_the_graph_for_no_file_but_those_that_run_a_model() -> None:
    waived = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]["per-file-ignores"]
    running = (
        "handlers/digitkit/backends/{sessions,blocks,eye_net,finder_net,line_net,torch_place}.py",
        "handlers/digitkit/readers/digits/{net,fold}.py",
    )
    assert {files: rules for files, rules in waived.items() if "TID251" in rules} == {files: ["TID251"] for files in running}


def test_pipeline_needs_neither_torch_nor_onnxruntime_nor_anything_else_of_ours() -> None:
    heavy = {f"digitkit.readers.{module}" for module in ("digits.net", "digits.fold", "digits.ort", "numbers.net", "numbers.ort")}
    heavy |= {f"digitkit.backends.{net}_{runtime}" for net in ("eye", "finder") for runtime in ("net", "ort")}
    heavy |= {f"digitkit.backends.{module}" for module in ("sessions", "blocks", "line_net", "torch_place")}
    light = {name for name in modules() if package_of(name) == "digitkit"} - heavy
    assert {
        "digitkit.readers.digits.reader",
        "digitkit.readers.numbers.reader",
        "digitkit.pictures.codec",
        "digitkit.serving.frames",
    } <= light
    assert imported_after("import " + ", ".join(sorted(light))) & (HEAVY | OURS) == set()


@pytest.mark.parametrize("task", ["digits", "numbers"])
def test_onnx_backend_needs_no_torch(task: str) -> None:
    loaded = imported_after(f"import digitkit.readers.{task}.ort")
    assert "onnxruntime" in loaded
    assert loaded & ((HEAVY | OURS) - {"onnxruntime"}) == set()


def test_handler_alone_loads_no_backend() -> None:
    loaded = imported_after("import digit_handler")
    assert loaded & ((HEAVY | OURS) - {"digit_handler"}) == set()


@pytest.mark.parametrize("name", sorted(str(path.relative_to(HANDLERS / "digitkit")) for path in (HANDLERS / "digitkit").rglob("*.py")))
def test_file_of_digitkit_imports_only_what_it_may(name: str) -> None:
    path = HANDLERS / "digitkit" / name
    allowed = {"digitkit"} | set(sys.stdlib_module_names) | ALLOWED.get(name, FOREIGN)
    assert set(imports_of(path)) - allowed == set()


def test_no_module_of_the_archives_root_is_named_as_one_of_torchserves() -> None:
    names = {path.stem for path in HANDLERS.iterdir()}
    assert {"digit_handler", "digitkit"} <= names
    assert names & SHADOWED == set()


def test_archives_root_is_no_package() -> None:
    assert not (HANDLERS / "__init__.py").exists()
    assert (HANDLERS / "digitkit" / "__init__.py").exists()


def test_handler_file_holds_one_class() -> None:
    classes = [node.name for node in ast.parse((HANDLERS / "digit_handler.py").read_text()).body if isinstance(node, ast.ClassDef)]
    assert classes == ["DigitHandler"]  # TorchServe accepts no second one


@pytest.mark.parametrize("room", sorted(GRAPH.keys() - {"digitkit", "digits_client", "digit_handler"} | {"handlers", "client", "tests"}))
def test_no_file_is_longer_than_can_be_read_in_one_sitting(room: str) -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in (ROOT / room).rglob("*.py")}
    assert lengths and {name: lines for name, lines in lengths.items() if lines > MAX_LINES} == {}
