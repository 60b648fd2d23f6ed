"""LitServe with batching. Source: its documentation, lightning.ai/docs/litserve/features/batching."""

from collections.abc import Sequence
from typing import Annotated, Any

import litserve
from fastapi import Body, Response

from bench.peers.work import BATCH, DELAY_MS, PATH, PORT, WORKERS, PeerAnswer, load_work


class Digits(litserve.LitAPI):  # type: ignore[misc]
    """Reads requests and writes answers one by one, and predicts for a batch."""

    def setup(self, device: str) -> None:
        self.work = load_work()

    def decode_request(self, request: Annotated[bytes, Body(media_type="image/png")]) -> Any:
        return self.work.read(request)

    def batch(self, inputs: list[Any]) -> list[Any]:
        return inputs

    def predict(self, x: Sequence[Any]) -> list[PeerAnswer]:
        return self.work(x)

    def unbatch(self, output: list[PeerAnswer]) -> list[PeerAnswer]:
        return output

    def encode_response(self, output: PeerAnswer) -> Response:
        return Response(output.body, output.status, media_type="application/json")


if __name__ == "__main__":
    api = Digits(max_batch_size=BATCH, batch_timeout=DELAY_MS / 1000, api_path=PATH)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=WORKERS)
    server.run(host="127.0.0.1", port=PORT, generate_client_file=False, log_level="warning")
