"""The Python side of TorchServe's gRPC services, made from the .proto files inside its installed package."""

import importlib
import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Final

import google.rpc
import grpc_tools

PROTOS: Final = ("inference", "open_inference_grpc")


def compile_protos(folder: Path) -> None:
    """Write the stubs of TorchServe's own .proto files to `folder`."""
    package = importlib.util.find_spec("ts")  # not imported, because it leaves a file open
    assert package is not None and package.origin is not None
    jar = Path(package.origin).parent / "frontend" / "model-server.jar"
    with zipfile.ZipFile(jar) as archive:
        for name in PROTOS:
            (folder / f"{name}.proto").write_bytes(archive.read(f"proto/{name}.proto"))
    includes = [folder, Path(next(iter(google.rpc.__path__))).parent.parent, Path(next(iter(grpc_tools.__path__))) / "_proto"]
    command = [sys.executable, "-m", "grpc_tools.protoc", *(f"-I{path}" for path in includes)]
    files = [str(folder / f"{name}.proto") for name in PROTOS]
    subprocess.run([*command, f"--python_out={folder}", f"--grpc_python_out={folder}", *files], check=True)


def load_stubs() -> dict[str, ModuleType]:
    """The modules of the stubs by name, as inference_pb2_grpc."""
    with TemporaryDirectory() as folder:
        compile_protos(Path(folder))
        sys.path.insert(0, folder)
        try:
            return {name: importlib.import_module(name) for proto in PROTOS for name in (f"{proto}_pb2", f"{proto}_pb2_grpc")}
        finally:
            sys.path.remove(folder)
