"""What is measured: the targets by name, and the servers that they run on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.contenders.peer import peer
from bench.contenders.service import Service
from bench.contenders.torchserve import torchserve

STORE = Path("model_store")
STOCK_ARCHIVE = Path("build/bench/stock.mar")
STOCK_CONFIG = Path(__file__).parent.with_name("stock") / "config.properties"
OURS = ("digits_onnx", "digits")
FORMS = {"float32": "digits_onnx", "int8": "digits_onnx_int8", "float16": "digits_onnx_float16", "bfloat16": "digits_bfloat16"}
PEERS = ("mosec", "fastapi", "litserve", "bentoml")
OPTIONAL = (*(name for name in FORMS.values() if name not in OURS), *PEERS)  # measured only where they are asked for


@dataclass(frozen=True, slots=True)
class Target:
    """One line of the result.

    Attributes:
        service: the name of the server that answers.
        path: on that server; "" for the one that takes a picture.
        pictures: in each request: none, one as a PNG, or many as a NumPy file.
        connections: at which it is loaded; () for those of the run.
    """

    service: str
    path: str = ""
    pictures: int = 1
    connections: tuple[int, ...] = ()


TARGETS = {
    "digits_onnx": Target("digits_onnx"),
    "digits_onnx-64": Target("digits_onnx", pictures=64, connections=(1, 4)),
    "digits_onnx-1024": Target("digits_onnx", pictures=1024, connections=(1, 4)),
    "ping": Target("digits_onnx", "/ping", pictures=0),
    "digits": Target("digits"),
    **{name: Target(name) for name in OPTIONAL},
    "stock-1thread": Target("stock-1thread"),
    "stock": Target("stock"),
}


def services(workers: Sequence[int]) -> list[Service]:
    """Every server of the targets: ours in every form and the peers, once for each number of workers."""
    found = []
    for number in workers:
        found += [torchserve(name, STORE / f"{name}.mar", number) for name in dict.fromkeys((*OURS, *FORMS.values()))]
        found += [peer(name, STORE / "digits.onnx", number) for name in PEERS]
    return [
        *found,
        torchserve("stock-1thread", STOCK_ARCHIVE, config=STOCK_CONFIG, variables={"OMP_NUM_THREADS": "1"}),
        torchserve("stock", STOCK_ARCHIVE, config=STOCK_CONFIG),
    ]
