"""Run inside an unpacked archive: its handler answers the pictures in a folder; the answers are printed as one line of JSON.

It is asked as in production, by the messages that TorchServe's frontend sends to a worker: bytes in, bytes out, through the code that the
handler puts in the place of TorchServe's own reader. It is also asked by handle(), and must answer with the same bytes.
"""

import json
import socket
import struct
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ts  # noqa: F401 - as in a worker: its version decides whether the handler takes over
import yaml

HEADERS = {"Host": "127.0.0.1", "url_path": ""}


def retrieve_msg(connection: socket.socket) -> tuple[bytes, Any]:
    """A stand-in for the message reader of TorchServe's worker script, which the handler replaces by its own."""
    raise NotImplementedError


def loaded(here: Path) -> Any:
    """The archive's handler with its model."""
    import digit_handler  # noqa: TID251 - of the archive that this runs in
    import digitkit

    for module in (digit_handler, digitkit):
        if not Path(str(module.__file__)).is_relative_to(here):
            sys.exit(f"{module.__name__} was imported from {module.__file__}, not from the archive")
    manifest = json.loads((here / "MAR-INF/MANIFEST.json").read_text())
    context = SimpleNamespace(
        model_name=manifest["model"]["modelName"],
        manifest=manifest,
        system_properties={"model_dir": str(here), "gpu_id": None},
        model_yaml_config=yaml.safe_load((here / "model-config.yaml").read_text()),
    )
    handler = digit_handler.DigitHandler()
    handler.initialize(context)
    if handler.unloaded is not None:
        sys.exit(f"it does not load: {handler.unloaded.cause}")
    return handler


def by_messages(pictures: Sequence[bytes]) -> list[bytes]:
    """The bodies that answer a message of TorchServe's frontend with these pictures."""
    from ts.service import Service

    ours, theirs = socket.socketpair()
    sender = threading.Thread(
        target=theirs.sendall, args=(message(pictures),)
    )  # in a thread, because the message is larger than a socket's buffer
    sender.start()
    _, batch = sys.modules["__main__"].retrieve_msg(ours)
    sender.join()
    return bodies(Service.predict(SimpleNamespace(), batch))


def message(pictures: Sequence[bytes]) -> bytes:
    """A message with a request for each picture: its id, its headers and its parameters; -1 ends a list."""
    content = b"I"
    for i, picture in enumerate(pictures):
        content += sized(str(i).encode()) + b"".join(sized(text.encode()) for pair in HEADERS.items() for text in pair) + number(-1)
        content += sized(b"body") + sized(b"image/png") + sized(picture) + number(-1)
    return content + number(-1)


def bodies(reply: bytes) -> list[bytes]:
    """The body of each answer. After the code and its text come the answers, each with its id, type, status, phrase, headers and body."""
    position, found = 4, []

    def field() -> bytes:
        nonlocal position
        (size,) = struct.unpack_from("!i", reply, position)
        start, position = position + 4, position + 4 + size
        return reply[start:position]

    field()
    while struct.unpack_from("!i", reply, position)[0] != -1:
        field(), field()
        position += 4
        field()
        (headers,) = struct.unpack_from("!i", reply, position)
        position += 4
        for _ in range(2 * headers):
            field()
        found.append(field())
    return found


def number(value: int) -> bytes:
    return struct.pack("!i", value)


def sized(content: bytes) -> bytes:
    return number(len(content)) + content


def by_handle(handler: Any, pictures: Sequence[bytes]) -> list[bytes]:
    """The bodies that handle() answers with, called as TorchServe calls it if the handler has not taken over."""
    context = SimpleNamespace(
        get_all_request_header=lambda i: HEADERS | {"body": {"content-type": "image/png"}},
        get_request_id=str,
        set_response_status=lambda **status: None,
        set_response_content_type=lambda i, value: None,
        set_response_header=lambda i, name, value: None,
    )
    answers: list[bytes] = handler.handle([{"body": picture} for picture in pictures], context)
    return answers


def main() -> None:
    handler = loaded(Path.cwd())
    pictures = [path.read_bytes() for path in sorted(Path(sys.argv[1]).iterdir())]
    answers = by_handle(handler, pictures)
    took_over = sys.modules["__main__"].retrieve_msg is not RETRIEVE
    if took_over and by_messages(pictures) != answers:
        sys.exit("by the frontend's messages it answers in another way than by handle()")
    print(json.dumps({"took_over": took_over, "answers": [json.loads(answer) for answer in answers]}))


RETRIEVE = retrieve_msg
main()
