"""FastAPI on uvicorn, written by hand: no batching, and the model runs in the event loop, which is fastest for so small a model."""

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from bench.peers.graph import PATH, PORT, WORKERS, GraphModel, decode

app = FastAPI()
model = GraphModel()


@app.post(PATH)  # type: ignore[untyped-decorator]
async def predict(request: Request) -> JSONResponse:
    (answer,) = model([decode(await request.body())])
    return JSONResponse(answer)


if __name__ == "__main__":
    uvicorn.run("bench.peers.fastapi:app", port=PORT, workers=WORKERS, log_level="warning", access_log=False)
