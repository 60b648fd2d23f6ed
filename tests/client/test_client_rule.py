"""The rule for asking again by itself, and the messages of gRPC beside Google's own."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from digits_client import Overloaded, grpc_carrier
from digits_client.options import to_endpoint
from digits_client.trying import LONGEST_PAUSE_S, Patience, retry_after_s
from loadtest.generator.stubs import load_stubs


def test_pauses_double_up_to_a_bound_and_are_never_the_same() -> None:
    seen = []
    for _ in range(200):
        patience = Patience(1e9, clock=lambda: 0.0)
        seen.append([patience.pause(Overloaded("")).seconds for _ in range(12)])
    highest = [max(pauses) for pauses in zip(*seen, strict=True)]
    assert highest == pytest.approx([min(LONGEST_PAUSE_S, 0.1 * 2**n) for n in range(1, 13)], rel=0.2)
    assert len({pauses[0] for pauses in seen}) == 200


def test_patience_ends_before_a_pause_that_would_end_after_it() -> None:
    now = 0.0
    patience, error = Patience(60, clock=lambda: now), Overloaded("", retry_after_s=30)
    assert patience.pause(error).seconds >= 30
    now = 31.0
    with pytest.raises(Overloaded):
        patience.pause(error)
    patience.renew()
    assert patience.pause(error).seconds >= 30


@pytest.mark.parametrize(("value", "seconds"), [("", 0), ("7", 7), ("soon", 0), ("-3", 0), ("Fri, 31 Dec 1999 23:59:59 GMT", 0)])
def test_retry_after_is_read_as_a_number_or_as_a_date(value: str, seconds: float) -> None:
    assert retry_after_s(value) == seconds
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    assert retry_after_s(later) == pytest.approx(90, abs=2)


@pytest.mark.parametrize(
    ("url", "is_local", "is_grpc"),
    [
        ("http://127.0.0.1:8080", True, False),
        ("https://digits.example/api/", False, False),
        ("grpc://localhost:7070", True, True),
        ("http://[::1]:8080", True, False),
    ],
)
def test_addresses_are_read(url: str, is_local: bool, is_grpc: bool) -> None:
    endpoint = to_endpoint(url)
    assert (endpoint.is_local, endpoint.is_grpc, endpoint.url.endswith("/")) == (is_local, is_grpc, False)


STUBS = load_stubs()["inference_pb2"]


@given(body=st.binary(max_size=400), version=st.sampled_from(["", "1.0"]), target=st.integers(0, 9))
def test_a_request_over_grpc_is_the_message_that_googles_own_code_reads(body: bytes, version: str, target: int) -> None:
    path = "/explanations/digits" + (f"/{version}" if version else "")
    headers = {"X-Target": str(target), "Accept": "image/png"}
    request = httpx.Request("POST", f"grpc://host{path}", content=body, headers=headers)
    message = STUBS.PredictionsRequest.FromString(grpc_carrier.to_message(request))
    assert (message.model_name, message.model_version) == ("digits", version)
    assert dict(message.input) == {"data": body, "target": str(target).encode(), "accept": b"image/png", "explain": b"true"}


@given(body=st.binary(max_size=400))
@example(body=b'{"code"')
@example(body=b'{"code": "422"}')
def test_an_answer_over_grpc_is_read_from_the_message_that_googles_own_code_writes(body: bytes) -> None:
    message = STUBS.PredictionResponse(prediction=body, sequence_id="x").SerializeToString()
    assert grpc_carrier.to_response(message).content == body


def test_a_refusal_over_grpc_has_the_status_that_rest_gives() -> None:
    message = STUBS.PredictionResponse(prediction=b'{"code": 422, "type": "BlankPicture", "message": "no ink"}').SerializeToString()
    assert grpc_carrier.to_response(message).status_code == 422
