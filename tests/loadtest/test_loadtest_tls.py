"""A load test over https: the certificate of a CA that only its company knows is trusted where it is named, and nowhere else."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from loaded import TOKEN, data_root, run_loadtest, serve, without_warm_up
from test_loadtest_users import SEVEN, ask

from loadtest.answers_alone import ServerRefused, ask_alone, check_management
from loadtest.run import CA_VARIABLES, find_server, parse_flags
from loadtest.strict_yaml import WrongSettings, read_certificates
from testbed.pictures import load_pictures

__all__ = ["ask", "data_root", "without_warm_up"]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that nobody signed but itself, with its key, as PEM."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed; apt-get install openssl")
    file = tmp_path_factory.mktemp("tls") / "own.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=digits"]
    subprocess.run(
        [*command, "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", file, "-out", file.with_suffix(".crt")],
        check=True,
        capture_output=True,
    )
    with file.open("a") as joined:
        joined.write(file.with_suffix(".crt").read_text())
    return file


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in CA_VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("without_warm_up")
@pytest.mark.slow
def test_a_ca_that_is_named_is_trusted_by_the_first_requests_and_by_the_users(
    certificate: Path, data_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITS_CA", str(certificate))
    with serve(load_pictures(data_root), certificate=certificate) as host:
        assert host.startswith("https:")
        assert run_loadtest(host, data_root) == 0


@pytest.mark.parametrize("variable", CA_VARIABLES)
def test_openssls_and_requests_own_variables_name_it_too(variable: str, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CA_VARIABLES[-1], "/lost.pem")  # the last to be asked
    monkeypatch.setenv(variable, str(certificate))
    assert find_server(parse_flags(["--host=https://127.0.0.1:1"])).ca == str(certificate)


def test_without_it_the_refusal_says_how_to_name_it(certificate: Path, data_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serve(load_pictures(data_root), certificate=certificate) as host:
        assert run_loadtest(host, data_root) == 1
    told = capsys.readouterr().err
    assert f"{host} is not trusted (self-signed certificate); DIGITS_CA=ca.pem names the CA that signed its certificate" in told
    assert "http://" not in told


def test_another_ca_is_not_enough_and_a_named_one_replaces_the_public_ones(certificate: Path, data_root: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=other", "-keyout", "/dev/null", "-out", other]
    subprocess.run(command, check=True, capture_output=True)
    pictures = load_pictures(data_root)
    first = [pictures[0].png]
    with serve(pictures, certificate=certificate) as host:
        assert len(ask_alone(host, "digits", TOKEN, first, ca=str(certificate))) == 1
        with pytest.raises(ServerRefused, match="is not trusted"):
            ask_alone(host, "digits", TOKEN, first, ca=str(other))
        with pytest.raises(ServerRefused, match=r"is not trusted .*; MANAGEMENT=… names the management API"):
            check_management(host, "digits", TOKEN)


@pytest.mark.parametrize("trusted", [True, False])
def test_a_user_trusts_the_certificates_that_it_was_given_and_no_others(
    trusted: bool, certificate: Path, data_root: Path, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from loadtest.generator.users import RestUser, trusting

    pem = read_certificates(str(certificate)) if trusted else ""
    monkeypatch.setattr(RestUser, "ssl_context_factory", trusting(pem), raising=False)
    with serve(load_pictures(data_root), certificate=certificate) as host:
        _, failure = ask(host, SEVEN)
    assert ("CERTIFICATE_VERIFY_FAILED" in str(failure)) is not trusted


def test_a_ca_that_cannot_be_read_is_refused_and_one_that_is_not_needed_is_not_looked_at(tmp_path: Path) -> None:
    nothing = tmp_path / "nothing.pem"
    nothing.write_text("no certificate")
    for path in (nothing, tmp_path, tmp_path / "lost.pem"):
        with pytest.raises(WrongSettings, match="holds no certificate that can be read; DIGITS_CA takes a file in PEM form"):
            find_server(parse_flags(["--host=https://127.0.0.1:1", f"--ca={path}"]))
        assert find_server(parse_flags(["--host=http://127.0.0.1:1", f"--ca={path}"])).ca == ""
