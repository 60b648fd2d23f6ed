"""The bare work of a peer for a picture: decode it, run the graph on one thread, and name the digit. Nothing is checked or refused."""

import json
import os
from collections.abc import Sequence

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from bench.peers.work import PeerAnswer


def decode(png: bytes) -> NDArray[np.uint8]:
    """The pixels of a grey picture, uint8 (28, 28)."""
    return np.asarray(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE), dtype=np.uint8)


class GraphModel:
    """The graph in ONNX Runtime."""

    read = staticmethod(decode)

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.environ["DIGITS_GRAPH"], options, providers=["CPUExecutionProvider"])

    def __call__(self, canvases: Sequence[NDArray[np.uint8]]) -> list[PeerAnswer]:
        """An answer for each picture."""
        (logits,) = self.session.run(["logits"], {"canvases": np.stack(canvases)})
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities = powers / powers.sum(axis=1, keepdims=True)
        digits = logits.argmax(axis=1).tolist()
        rows = probabilities.astype(float).round(4).tolist()
        answers = [{"digit": digit, "confidence": row[digit], "probabilities": row} for digit, row in zip(digits, rows, strict=True)]
        return [PeerAnswer(200, json.dumps(answer).encode()) for answer in answers]
