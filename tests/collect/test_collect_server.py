"""The real TorchServe keeps pictures of both models in one store, and answers as before."""

from pathlib import Path

import httpx
import pytest
from samples import eventually, files_in, opened
from served import MODELS, free_port, started
from sqlalchemy import select

from deploy.server import Server
from digitkit.collect.schema import ANSWERS
from testbed.archives import alter

pytestmark = pytest.mark.server


def test_two_models_keep_what_they_read_of_the_same_pictures(store: Path, tmp_path: Path, ten_pngs: list[bytes]) -> None:
    (tmp_path / "store").mkdir()
    kept = tmp_path / "collected"
    for model in MODELS:
        knobs = {"collect": {"store": str(kept), "share": 1.0}}
        alter(store / f"{model}.mar", tmp_path / "store" / f"{model}.mar", config=knobs)
    server = Server(free_port(), tmp_path / "store", tmp_path / "state", models=MODELS)
    with started(server), httpx.Client(base_url=server.inference, headers=server.headers(), timeout=60) as client:
        answers = {model: [client.post(f"/predictions/{model}", content=png).json()["digit"] for png in ten_pngs] for model in MODELS}
        eventually(lambda: len(files_in(kept)) == 10)

        def count() -> float:
            lines = httpx.get(f"{server.metrics}/metrics").text.splitlines()
            return sum(
                float(line.split()[-1]) for line in lines if line.startswith(("digits_collected_total", "digits_collect_dropped_total"))
            )

        eventually(lambda: count() == 20, 20)
    with opened(kept) as collected, collected.reading() as connection:
        for model in MODELS:
            told = connection.execute(select(ANSWERS.c.label).where(ANSWERS.c.model == model)).scalars()
            assert sorted(told) == sorted(map(str, answers[model]))
