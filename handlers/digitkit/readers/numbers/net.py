"""load(): a weights file of the line's net becomes a LineBackend on PyTorch."""

from pathlib import Path

from digitkit.backends import blocks
from digitkit.backends.line_net import LineNet, as_line_run
from digitkit.backends.torch_place import choose_place
from digitkit.readers.numbers.number import LineBackend


def load(path: Path, *, device: str = "auto", gpu_id: int | None = None, threads: int = 1) -> LineBackend:
    """The weights at `path` as a LineBackend, on the device that was chosen.

    Args:
        path: numbers.pt with its card beside it.
        device, gpu_id, threads: as choose_place takes them.
    Raises:
        CardError: the file does not match its card.
        DeviceError: the device that was asked for is not there.
        ValueError: the file holds no weights of this net.
    """
    place = choose_place(device, gpu_id, threads)
    return LineBackend(as_line_run(blocks.read(LineNet(), path), place), str(place))
