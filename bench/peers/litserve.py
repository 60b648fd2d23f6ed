"""LitServe with batching. Source: its documentation, lightning.ai/docs/litserve/features/batching."""

from typing import Annotated, Any

import litserve
import numpy as np
from fastapi import Body
from numpy.typing import NDArray

from bench.peers.graph import BATCH, DELAY_MS, PATH, PORT, WORKERS, GraphModel, decode


class Digits(litserve.LitAPI):  # type: ignore[misc]
    """Decodes and encodes pictures one by one, and predicts for a batch."""

    def setup(self, device: str) -> None:
        self.model = GraphModel()

    def decode_request(self, request: Annotated[bytes, Body(media_type="image/png")]) -> NDArray[np.uint8]:
        return decode(request)

    def predict(self, x: NDArray[np.uint8]) -> list[dict[str, Any]]:
        return self.model(list(x))

    def unbatch(self, output: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return output

    def encode_response(self, output: dict[str, Any]) -> dict[str, Any]:
        return output


if __name__ == "__main__":
    api = Digits(max_batch_size=BATCH, batch_timeout=DELAY_MS / 1000, api_path=PATH)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=WORKERS)
    server.run(host="127.0.0.1", port=PORT, generate_client_file=False, log_level="warning")
