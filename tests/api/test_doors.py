"""The same picture through every door of REST, on both models: one answer."""

import io
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import pytest
from conftest import REAL_DATA
from doors import FORMATS, encode, npy, tensors, v1, v2, v2_binary, v2_bytes
from numpy.typing import NDArray
from PIL import Image
from served import MODELS

pytestmark = [pytest.mark.server, pytest.mark.parametrize("model", MODELS)]


@pytest.fixture(scope="module", params=["digit of MNIST", "phone photo"])
def seven(request: pytest.FixtureRequest, ten_digits: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A seven as MNIST holds it, 28 x 28, and one as a phone saw it in a cell of a sudoku, 48 x 48."""
    if request.param == "digit of MNIST":
        return ten_digits[7]
    cells = REAL_DATA / "sudoku_cells_val_48x48.npz"
    if not cells.is_file():
        pytest.skip(f"{cells.name} is not in REAL_DATA: no package ships it")
    with np.load(cells) as arrays:
        photo: NDArray[np.uint8] = arrays["x"][np.flatnonzero(arrays["y"] == 7)[0]]
    return photo


def answer_to_png(client: httpx.Client, model: str, picture: NDArray[np.uint8]) -> dict[str, Any]:
    """What every other door is compared with."""
    answer = client.post(f"/predictions/{model}", content=encode(picture))
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_gets_the_same_answer(form: str, model: str, client: httpx.Client, seven: NDArray[np.uint8]) -> None:
    answer = client.post(f"/predictions/{model}", content=encode(seven, form), headers={"Content-Type": "image/png"}).json()
    expected = answer_to_png(client, model, seven)
    if form != "JPEG":
        assert answer == expected
    assert answer["digit"] == expected["digit"]
    assert answer["probabilities"] == pytest.approx(expected["probabilities"], abs=0.02)


def test_every_body_of_one_picture_gets_the_same_object(model: str, client: httpx.Client, seven: NDArray[np.uint8]) -> None:
    url, expected = f"/predictions/{model}", answer_to_png(client, model, seven)
    assert client.put(url, content=encode(seven)).json() == expected
    assert client.post(f"{url}/1.0", content=encode(seven)).json() == expected
    assert client.post(url, files={"picture": encode(seven)}).json() == expected
    assert client.post(url, content=npy(seven), headers={"Content-Type": "application/x-npy"}).json() == expected
    assert client.post(url, json=v1(encode(seven))).json() == {"predictions": [expected]}
    assert client.post(url, json={"instances": [seven.tolist()]}).json() == {"predictions": [expected]}
    for key in ("data", "b64"):
        assert client.post(url, json={"instances": [{key: v1(encode(seven))["instances"][0]}]}).json() == {"predictions": [expected]}


@pytest.mark.parametrize("url", ["/predictions/{}", "/v2/models/{}/infer"])
def test_every_v2_body_gets_the_same_tensors(url: str, model: str, client: httpx.Client, seven: NDArray[np.uint8]) -> None:
    expected = answer_to_png(client, model, seven)
    fields = {name: [expected[name]] for name in ("digit", "confidence", "accepted")}
    fields |= {"reason": [expected.get("reason", "")], "probabilities": expected["probabilities"], "error": [""]}
    answer = client.post(url.format(model), json=v2(seven[np.newaxis])).json()
    assert (answer["model_name"], answer["model_version"], answer["id"]) == (model, "1.0", "a")
    assert tensors(answer) == fields
    assert tensors(client.post(url.format(model), json=v2_bytes([encode(seven)])).json()) == fields
    body, headers = v2_binary(seven[np.newaxis])
    binary = client.post(url.format(model), content=body, headers=headers)
    assert tensors(binary.json()) == fields
    assert "inference-header-content-length" not in binary.headers  # the answer is JSON only


def test_the_v1_route_takes_every_body_too(model: str, client: httpx.Client, seven: NDArray[np.uint8]) -> None:
    url, expected = f"/v1/models/{model}:predict", answer_to_png(client, model, seven)
    assert client.post(url, json=v1(encode(seven))).json() == {"predictions": [expected]}
    assert client.post(url, content=encode(seven)).json() == expected


def test_v2_tells_that_the_server_is_alive_and_not_of_the_model(model: str, client: httpx.Client) -> None:
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    assert client.get("/v2").json()["version"] == "0.12.0"
    assert client.get(f"/v2/models/{model}").status_code == 404
    assert client.get(f"/v2/models/{model}/ready").status_code == 404
    assert client.get(f"/v1/models/{model}").status_code == 404
    assert client.post(f"/v2/models/{model}/versions/1.0/infer", json={}).status_code == 501


def test_lists_of_1024_pictures_are_answered_and_1025_refused(model: str, client: httpx.Client, ten_digits: NDArray[np.uint8]) -> None:
    url, many = f"/predictions/{model}", np.resize(ten_digits, (1024, 28, 28))
    answers = client.post(url, content=npy(many)).json()
    expected = [answer_to_png(client, model, picture)["digit"] for picture in ten_digits]
    assert [answer["digit"] for answer in answers] == list(np.resize(expected, 1024))
    assert client.post(url, json={"instances": many.tolist()}).json()["predictions"] == answers
    assert tensors(client.post(url, json=v2(many)).json())["digit"] == [answer["digit"] for answer in answers]
    for too_many in (client.post(url, content=npy(np.resize(many, (1025, 28, 28)))), client.post(url, json=v1(*[b"x"] * 1025))):
        assert (too_many.status_code, too_many.json()["type"]) == (413, "TooLarge")


def test_two_digits_are_not_accepted_and_every_form_says_why(model: str, client: httpx.Client, ten_digits: NDArray[np.uint8]) -> None:
    url, page = f"/predictions/{model}", ~np.pad(np.hstack([ten_digits[3], ten_digits[7]]), 20)
    answer = client.post(url, content=encode(page)).json()
    assert (answer["accepted"], answer["reason"]) == (False, "several_digits")
    assert client.post(url, json=v1(encode(page))).json() == {"predictions": [answer]}
    assert tensors(client.post(url, json=v2_bytes([encode(page)])).json())["reason"] == ["several_digits"]


def test_a_bad_picture_in_a_list_is_an_error_in_its_place(model: str, client: httpx.Client, seven: NDArray[np.uint8]) -> None:
    good, expected = encode(seven), answer_to_png(client, model, seven)
    first, second = client.post(f"/v1/models/{model}:predict", json=v1(b"no picture", good)).json()["predictions"]
    assert (first["code"], first["type"], second) == (400, "UnreadablePicture", expected)
    fields = tensors(client.post(f"/v2/models/{model}/infer", json=v2_bytes([b"no picture", good])).json())
    assert fields["digit"] == [-1, expected["digit"]]
    assert [bool(error) for error in fields["error"]] == [True, False]
    assert json.loads(fields["error"][0])["type"] == "UnreadablePicture"


def test_plain_text_is_the_bare_digit_of_one_picture(model: str, client: httpx.Client, seven: NDArray[np.uint8]) -> None:
    expected = str(answer_to_png(client, model, seven)["digit"])
    for body in (encode(seven), npy(seven)):
        answer = client.post(f"/predictions/{model}", content=body, headers={"Accept": "text/plain"})
        assert (answer.headers["content-type"], answer.text) == ("text/plain", expected)


@pytest.mark.parametrize("url", ["/explanations/{}", "/v1/models/{}:explain", "/v2/models/{}/explain"])
def test_an_explanation_names_its_target_and_has_a_number_for_each_pixel(
    url: str, model: str, client: httpx.Client, seven: NDArray[np.uint8]
) -> None:
    digit = answer_to_png(client, model, seven)["digit"]
    for headers, target in (({}, digit), ({"X-Target": "3"}, 3)):
        answer = client.post(url.format(model), content=encode(seven), headers=headers).json()
        assert (answer["digit"], answer["target"]) == (digit, target)
        assert answer["method"] == ("occlusion" if model == "digits_onnx" else "integrated gradients")
        assert np.abs(np.array(answer["attributions"])).max() == 1
        assert np.shape(answer["attributions"]) == (28, 28)


def test_an_explanation_is_a_png_where_that_is_preferred(model: str, client: httpx.Client, seven: NDArray[np.uint8]) -> None:
    answer = client.post(f"/explanations/{model}", content=encode(seven), headers={"Accept": "image/png"})
    assert answer.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(answer.content)).size == (280, 280)


@pytest.mark.parametrize("target", ["x", "10", "-1", "33"])
def test_a_target_that_is_no_digit_is_refused(target: str, model: str, client: httpx.Client, seven: NDArray[np.uint8]) -> None:
    answer = client.post(f"/explanations/{model}", content=encode(seven), headers={"X-Target": target})
    assert (answer.status_code, answer.json()["type"]) == (400, "BadRequest")


def test_torchserve_drops_the_query_of_an_explanation(model: str, client: httpx.Client, seven: NDArray[np.uint8]) -> None:
    answer = client.post(f"/explanations/{model}?target=3", content=encode(seven)).json()
    assert answer["target"] == answer["digit"]  # the day this fails, ?target= can be a door


def test_predict_and_explain_mixed_in_a_batch_are_each_answered_rightly(
    model: str, client: httpx.Client, ten_digits: NDArray[np.uint8]
) -> None:
    expected = [answer_to_png(client, model, picture) for picture in ten_digits]

    def ask(i: int) -> Any:
        picture = encode(ten_digits[i % 10])
        if i % 3:
            return client.post(f"/predictions/{model}", content=picture).json()
        return client.post(f"/explanations/{model}", content=picture, headers={"X-Target": str(i // 3)}).json()

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(30)))
    for i, answer in enumerate(answers):
        if i % 3:
            assert answer["digit"] == expected[i % 10]["digit"]
            assert answer["probabilities"] == pytest.approx(expected[i % 10]["probabilities"], abs=2e-4)
        else:
            assert (answer["digit"], answer["target"]) == (expected[i % 10]["digit"], i // 3)
