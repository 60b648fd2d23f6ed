"""The client as it is installed elsewhere: small, quick to import, typed, and with nothing of ours beside it."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT
from imported import imports_of

CLIENT = ROOT / "client"
SOURCE = CLIENT / "src" / "digits_client"
UV = Path(sys.executable).with_name("uv")
MOST_BYTES = 50_000
# What may be imported beside the standard library, and by which files.
NEEDED = {
    "carrier.py": {"httpx"},
    "grpc_carrier.py": {"httpx", "grpc"},
    "inputs.py": {"numpy", "PIL"},
    "cli/commands.py": {"typer", "rich"},
    "cli/printing.py": {"rich"},
    "cli/watching.py": {"httpx"},
}
LOADED = "import sys, digits_client; print(*{name.partition('.')[0] for name in sys.modules})"


def install_environment() -> dict[str, str]:
    index = {"UV_DEFAULT_INDEX": os.environ["PIP_INDEX_URL"]} if "PIP_INDEX_URL" in os.environ else {}
    return {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")} | index


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    command = [UV, "build", "--quiet", "--no-build-isolation", "--python", sys.executable, "--out-dir", folder, CLIENT]
    subprocess.run(command, env=install_environment(), check=True, timeout=300)
    return folder


@pytest.mark.parametrize("name", sorted(str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.py")))
def test_a_file_imports_only_what_it_may(name: str) -> None:
    allowed = set(sys.stdlib_module_names) | {"digits_client"} | NEEDED.get(name, set())
    assert set(imports_of(SOURCE / name)) - allowed == set()


def test_an_import_loads_no_library_before_it_is_needed() -> None:
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(SOURCE.parent)!r}); {LOADED}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) - set(sys.stdlib_module_names) == {"__main__", "digits_client"}


@pytest.mark.slow
def test_the_wheel_is_small_and_holds_code_and_types_alone(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    assert wheel.stat().st_size < MOST_BYTES
    names = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]
    assert "digits_client/py.typed" in names
    sources = {str(path.relative_to(SOURCE.parent)) for path in SOURCE.rglob("*.py")}
    assert set(names) == sources | {"digits_client/py.typed"}
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as packed:
        assert any(name.endswith("/src/digits_client/blocking.py") for name in packed.getnames())


@pytest.mark.slow
def test_the_licence_comes_with_the_client(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    (sdist,) = built.glob("*.tar.gz")
    texts = {name: (ROOT / name).read_bytes() for name in ("LICENSE", "NOTICE")}
    with zipfile.ZipFile(wheel) as packed, tarfile.open(sdist) as source:
        (folder,) = {name.partition(".dist-info/")[0] for name in packed.namelist() if ".dist-info/" in name}
        assert b"License-Expression: Apache-2.0" in packed.read(f"{folder}.dist-info/METADATA")
        assert {name: packed.read(f"{folder}.dist-info/licenses/{name}") for name in texts} == texts
        files = {name: source.extractfile(f"{folder}/{name}") for name in texts}
        assert {name: file.read() for name, file in files.items() if file is not None} == texts


@pytest.mark.slow
def test_wheel_and_sdist_work_in_an_empty_environment(built: Path, tmp_path: Path) -> None:
    environment = install_environment()
    for kind, extra in (("*.whl", "[cli]"), ("*.tar.gz", "")):
        (package,) = built.glob(kind)
        folder = tmp_path / kind.strip("*.")
        subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, folder], env=environment, check=True, timeout=120)
        install = [UV, "pip", "install", "--quiet", "--python", folder / "bin/python", f"{package}{extra}"]
        subprocess.run(install, env=environment, check=True, timeout=300)
        done = subprocess.run([folder / "bin/digits", "--help"], cwd=tmp_path, capture_output=True, text=True, check=False)
        if extra:
            assert "Read the digit in each picture" in done.stdout
        else:
            assert (done.returncode, done.stderr) == (1, 'digits: the command needs the extra cli: pip install "digits-client[cli]"\n')
        asked = "from digits_client import *; Client('http://127.0.0.1:1', '').close(); import digits_client; print(digits_client.__file__)"
        told = subprocess.run([folder / "bin/python", "-c", asked], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
        assert Path(told.strip()).is_relative_to(folder)
