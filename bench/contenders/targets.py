"""What is measured: the targets by name, and the servers that they run on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.contenders.peer import peer, same_work, same_work_name
from bench.contenders.service import Service
from bench.contenders.torchserve import altered, torchserve
from deploy.model_list import DIGITS, models_of

STORE = Path("model_store")
STOCK_ARCHIVE = Path("build/bench/stock.mar")
STOCK_CONFIG = Path(__file__).parent.with_name("stock") / "config.properties"
MAIN = "digits_onnx"  # the model whose server is also sent lists of pictures and /ping
ALONE = f"{MAIN}-alone"  # that model in an archive as make export LATENCY=on packs it
PEERS = ("mosec", "fastapi", "litserve", "bentoml")


@dataclass(frozen=True, slots=True)
class Target:
    """One line of the result.

    Attributes:
        service: the name of the server that answers.
        path: on that server; "" for the path that takes a picture.
        pictures: in each request: none, one as a PNG, or many as a NumPy file.
        connections: the numbers at which it is loaded; () for those of the run.
    """

    service: str
    path: str = ""
    pictures: int = 1
    connections: tuple[int, ...] = ()


def ours() -> tuple[str, ...]:
    """Our models that are built by default; raises ServerError if the list of models cannot be read."""
    return tuple(model.name for model in models_of(DIGITS) if model.built)


def forms() -> dict[str, tuple[str, ...]]:
    """The models of each form that weights are exported in."""
    listed = models_of(DIGITS)
    return {form: tuple(model.name for model in listed if model.form == form) for form in dict.fromkeys(model.form for model in listed)}


def both_kinds(peers: Sequence[str]) -> tuple[str, ...]:
    """The targets of peers: each with the bare work, and with ours."""
    return tuple(target for name in peers for target in (name, same_work_name(name)))


def optional() -> tuple[str, ...]:
    """The targets that are only measured on request."""
    return (*(model.name for model in models_of(DIGITS) if not model.built), *both_kinds(PEERS))


def targets() -> dict[str, Target]:
    """Every line that the result may have, by name."""
    return {
        MAIN: Target(MAIN),
        ALONE: Target(ALONE),
        f"{MAIN}-64": Target(MAIN, pictures=64, connections=(1, 4)),
        f"{MAIN}-1024": Target(MAIN, pictures=1024, connections=(1, 4)),
        "ping": Target(MAIN, "/ping", pictures=0),
        **{name: Target(name) for name in (*ours(), *optional()) if name != MAIN},
        "stock-1thread": Target("stock-1thread"),
        "stock": Target("stock"),
    }


def services(workers: Sequence[int]) -> list[Service]:
    """Every server of the targets: ours in every form, and the peers once for each number of workers."""
    found = []
    for number in workers:
        found += [torchserve(model.name, STORE / f"{model.name}.mar", number) for model in models_of(DIGITS)]
        found.append(altered(ALONE, STORE / f"{MAIN}.mar", number, {"batchSize": 1}))
        for name in PEERS:
            found += [peer(name, STORE / "digits.onnx", number), same_work(name, STORE / f"{MAIN}.mar", number)]
    return [
        *found,
        torchserve("stock-1thread", STOCK_ARCHIVE, config=STOCK_CONFIG, variables={"OMP_NUM_THREADS": "1"}),
        torchserve("stock", STOCK_ARCHIVE, config=STOCK_CONFIG),
    ]
