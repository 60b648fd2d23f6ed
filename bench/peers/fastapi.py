"""FastAPI on uvicorn, written by hand: no batching, and the model runs in the event loop, which is fastest for so small a model."""

import uvicorn
from fastapi import FastAPI, Request, Response

from bench.peers.work import PATH, PORT, WORKERS, load_work

app = FastAPI()
work = load_work()


@app.post(PATH)  # type: ignore[untyped-decorator]
async def predict(request: Request) -> Response:
    (reply,) = work([work.read(await request.body())])
    return Response(reply.body, reply.status, media_type="application/json")


if __name__ == "__main__":
    uvicorn.run("bench.peers.fastapi:app", port=PORT, workers=WORKERS, log_level="warning", access_log=False)
