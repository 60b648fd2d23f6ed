"""The server's endpoints, and the forms in which pictures are sent to them: pure functions from pictures to paths and bytes."""

import base64
import io
import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from urllib3.filepost import encode_multipart_formdata

JSON = "application/json"
NPY = "application/x-npy"
PNG = "image/png"


def predict_path(model: str) -> str:
    return f"/predictions/{model}"


def explain_path(model: str) -> str:
    return f"/explanations/{model}"


def infer_path(model: str) -> str:
    """The path of the Open Inference Protocol."""
    return f"/v2/models/{model}/infer"


def encode_form(pictures: Sequence[bytes]) -> tuple[bytes, str]:
    """A form with a part for each picture, and its Content-Type."""
    return encode_multipart_formdata({str(i): (f"{i}.png", picture, PNG) for i, picture in enumerate(pictures)})


def encode_instances(pictures: Sequence[bytes]) -> bytes:
    """A request of KServe's V1 protocol, as JSON."""
    return json.dumps({"instances": to_base64(pictures)}).encode()


def encode_inputs(pictures: Sequence[bytes]) -> bytes:
    """A request of the Open Inference Protocol over REST, as JSON."""
    tensor = {"name": "picture", "datatype": "BYTES", "shape": [len(pictures)], "data": to_base64(pictures)}
    return json.dumps({"inputs": [tensor]}).encode()


def encode_npy(pictures: Sequence[bytes]) -> bytes:
    """A NumPy file of the pixels of grey pictures of one size, uint8 (N, H, W)."""
    body = io.BytesIO()
    np.save(body, np.stack([pixels(picture) for picture in pictures]))
    return body.getvalue()


def pixels(picture: bytes) -> NDArray[np.uint8]:
    """The pixels of an encoded grey picture, uint8 (H, W)."""
    return np.asarray(Image.open(io.BytesIO(picture)))


def to_base64(pictures: Sequence[bytes]) -> list[str]:
    return [base64.b64encode(picture).decode() for picture in pictures]
