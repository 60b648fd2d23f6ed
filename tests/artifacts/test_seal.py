"""A sealed archive is served as it was signed or not at all: each change to it is refused, with a sentence that names it."""

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from cards import FACTS
from conftest import HANDLERS
from cryptography.hazmat.primitives.asymmetric import x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from bench.worker import started
from deploy.errors import ServerError
from deploy.machine.store_models import check_archives
from deploy.machine.surroundings import find_public_key, surroundings
from digitkit.artifacts.card import CardError, card_path, facts, write_card
from digitkit.artifacts.seal import PUBLIC_KEY, SIGNATURE, SUMS, SealError, check_folder, read_public_key, sha256
from digitkit.artifacts.signed_card import check_signed
from export.errors import ExportError
from export.packing import pack
from export.publishing import publish
from export.signing import VARIABLE, find_key, main, make_keys, seal, sign_card
from testbed.archives import rewrite

WEIGHTS = b"the weights of a net"
Change = Callable[[Path], None]


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a pair of keys, by which this process signs."""
    make_keys(tmp_path / "keys")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "keys/signing.key"))
    return tmp_path / "keys"


@pytest.fixture
def public(keys: Path) -> Path:
    return keys / "signing.pub"


@pytest.fixture
def archive(keys: Path, tmp_path: Path) -> Path:
    """A signed archive of the code that ships and of weights that are none."""
    key, path = find_key(), tmp_path / "digits.mar"
    assert key is not None
    with zipfile.ZipFile(path, "w") as packed:
        for source in (path for path in sorted(HANDLERS.rglob("*")) if path.is_file() and "__pycache__" not in path.parts):
            packed.write(source, source.relative_to(HANDLERS))
        packed.writestr("digits.pt", WEIGHTS)
        packed.writestr("MAR-INF/MANIFEST.json", json.dumps({"model": {"serializedFile": "digits.pt", "modelVersion": "1.0"}}))
    seal(path, key)
    write_card(path, **FACTS)
    sign_card(path, key)
    return path


@pytest.fixture
def unpacked(archive: Path, tmp_path: Path) -> Path:
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(tmp_path / "unpacked")
    return tmp_path / "unpacked"


def append(name: str, text: str = "\n") -> Change:
    def change(folder: Path) -> None:
        (folder / name).write_bytes((folder / name).read_bytes() + text.encode() if (folder / name).exists() else text.encode())

    return change


def without(name: str) -> Change:
    return lambda folder: (folder / name).unlink()


def link(folder: Path) -> None:
    (folder / "digits.pt").unlink()
    (folder / "digits.pt").symlink_to("/etc/hostname")


def with_sums_of_its_own(folder: Path) -> None:
    append("digit_handler.py")(folder)
    (folder / SUMS).write_text("0" * 64 + "  digit_handler.py\n")


CHANGES = {
    "altered handler": (append("digit_handler.py", "\nprint('altered')\n"), "the archive holds another digit_handler.py than was signed"),
    "altered weights": (append("digits.pt"), "the archive holds another digits.pt than was signed"),
    "altered knob": (append("model-config.yaml"), "the archive holds another model-config.yaml than was signed"),
    "altered manifest of TorchServe's": (
        append("MAR-INF/MANIFEST.json"),
        "the archive holds another MAR-INF/MANIFEST.json than was signed",
    ),
    "missing signature": (without(SIGNATURE), f"the archive is not signed: it holds no {SIGNATURE}"),
    "stripped sums": (without(SUMS), f"the archive is not signed: it holds no {SUMS}"),
    "other sums": (with_sums_of_its_own, "its MAR-INF/SHA256SUMS was changed, or another key signed it"),
    "added file": (append("added.txt"), "the archive holds added.txt, which was added after it was signed"),
    "added module of Python's": (append("hashlib.py"), "the archive holds hashlib.py, which was added after it was signed"),
    "added bytecode": (append("__pycache__/digit_handler.cpython-311.pyc"), "__pycache__/digit_handler.cpython-311.pyc, which was added"),
    "lacking file": (without("digitkit/errors.py"), "the archive lacks digitkit/errors.py, which was signed with it"),
    "link": (link, "the archive holds another digits.pt than was signed"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_every_change_to_a_signed_archive_is_told(name: str, unpacked: Path, public: Path) -> None:
    change, sentence = CHANGES[name]
    check_folder(unpacked, public)
    (unpacked / "__pycache__").mkdir()
    (unpacked / "__pycache__/sitecustomize.cpython-311.pyc").touch()  # as Python leaves it in a worker's archive
    check_folder(unpacked, public)
    change(unpacked)
    with pytest.raises(SealError, match=sentence):
        check_folder(unpacked, public)


def test_another_key_does_not_pass(unpacked: Path, archive: Path, tmp_path: Path) -> None:
    make_keys(tmp_path / "others")
    other = tmp_path / "others/signing.pub"
    with pytest.raises(SealError, match=r"is not signed by the key in .*others/signing\.pub"):
        check_folder(unpacked, other)
    with pytest.raises(ServerError, match="is not signed by the key that is asked for"):
        check_archives(archive.parent, ("digits",), other)


@pytest.mark.parametrize("content", [None, b"no key", "x25519"])
def test_a_file_that_is_no_such_key_is_an_error(content: object, unpacked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    public, private = tmp_path / "public", tmp_path / "private"
    if content == "x25519":
        key = x25519.X25519PrivateKey.generate()
        public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    elif isinstance(content, bytes):
        public.write_bytes(content)
        private.write_bytes(content)
    with pytest.raises(SealError, match=r"public cannot be read|public holds a public key of another kind than Ed25519"):
        check_folder(unpacked, public)
    monkeypatch.setenv(VARIABLE, str(private))
    with pytest.raises(ExportError, match=r"private cannot be read|private holds a private key of another kind than Ed25519"):
        find_key()


def test_a_worker_of_an_altered_archive_runs_none_of_its_code_and_refuses_every_request(
    archive: Path, public: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python would take the archive's json.py for its own, were the archive in its path before it is checked."""
    ran, altered = tmp_path / "ran", tmp_path / "altered/digits.mar"
    altered.parent.mkdir()
    shutil.copy(archive, altered)
    with zipfile.ZipFile(altered, "a") as packed:
        packed.writestr("json.py", f"open({str(ran)!r}, 'w')\n")
    monkeypatch.setenv(PUBLIC_KEY, str(public))
    with started(altered) as worker:
        refusal, again = (json.loads(body) for body in worker.ask([b"a picture", b"another"]))
        assert worker.process.is_running()
    assert (refusal["code"], refusal["type"]) == (503, "NotLoaded")
    assert "is not served: its archive is not as it was signed" in refusal["message"]
    assert again == refusal
    assert not ran.exists()


def test_a_start_refuses_an_archive_that_was_changed_with_its_card(archive: Path, public: Path, tmp_path: Path) -> None:
    check_archives(tmp_path, ("digits",), public)
    known = facts(check_signed(archive, read_public_key(public)))
    altered = tmp_path / "altered/digits.mar"
    altered.parent.mkdir()
    rewrite(archive, altered, lambda name, content: content + b"\n" if name == "digit_handler.py" else content)
    write_card(altered, **known)
    check_archives(altered.parent, ("digits",))
    with pytest.raises(ServerError, match=r"digits\.mar is not signed: its card holds no signature; remove the archive, then make export"):
        check_archives(altered.parent, ("digits",), public)
    card = json.loads(card_path(altered).read_text())
    for signature, sentence in (("?", "is no base64"), (json.loads(card_path(archive).read_text())["signature"], "its card was changed")):
        card_path(altered).write_text(json.dumps(card | {"signature": signature}))
        with pytest.raises(ServerError, match=sentence):
            check_archives(altered.parent, ("digits",), public)
    with pytest.raises(ServerError, match="cannot be read as a public key"):
        check_archives(altered.parent, ("digits",), tmp_path / "none")


def test_what_is_exported_is_signed(keys: Path, public: Path, tmp_path: Path) -> None:
    weights = tmp_path / "digits.pt"
    weights.write_bytes(WEIGHTS)
    write_card(weights, **FACTS)
    sealed = pack(weights, "digits", tmp_path / "scratch")
    check_archives(sealed.parent, ("digits",), public)
    with zipfile.ZipFile(sealed) as packed:
        packed.extractall(tmp_path / "sealed")
    check_folder(tmp_path / "sealed", public)


def test_a_graph_is_signed_when_it_is_exported_and_packed_only_then(keys: Path, public: Path, tmp_path: Path) -> None:
    staged, graph = tmp_path / "staged/digits.onnx", tmp_path / "digits.onnx"
    staged.parent.mkdir()
    staged.write_bytes(b"a graph")
    write_card(staged, **FACTS)
    with pytest.raises(CardError, match=r"staged/digits\.onnx is not signed: its card holds no signature"):
        pack(staged, "digits_onnx", tmp_path / "scratch")
    publish(staged, graph)
    assert check_signed(graph, read_public_key(public)).sha256 == sha256(b"a graph")


def test_the_private_key_is_its_owners_alone_and_is_never_overwritten(
    keys: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (keys / "signing.key").stat().st_mode & 0o777 == 0o600
    before = (keys / "signing.key").read_bytes()
    monkeypatch.setattr("sys.argv", ["export.signing", "--folder", str(keys)])
    with pytest.raises(SystemExit, match="there is a key already"):
        main()
    assert (keys / "signing.key").read_bytes() == before
    monkeypatch.setattr("sys.argv", ["export.signing", "--folder", str(keys / "new")])
    main()
    assert "keep it secret" in capsys.readouterr().out


def test_workers_are_told_the_key_that_the_server_was_told(public: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PUBLIC_KEY, str(public))
    assert find_public_key() == public
    assert surroundings(tmp_path, public, {})[PUBLIC_KEY] == str(public)
    assert PUBLIC_KEY not in surroundings(tmp_path, None, {})
    monkeypatch.setenv(PUBLIC_KEY, str(tmp_path / "none"))
    with pytest.raises(ServerError, match=r"DIGITS_PUBLIC_KEY names .*none, and there is no such file"):
        find_public_key()
    monkeypatch.delenv(PUBLIC_KEY)
    monkeypatch.setattr("deploy.machine.surroundings.KEY", tmp_path / "none")
    assert find_public_key() is None
