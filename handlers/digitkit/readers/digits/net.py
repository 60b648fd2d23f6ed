"""The network in PyTorch, and load(): a weights file becomes a Backend."""

import io
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from digitkit.artifacts.card import check_card
from digitkit.backends.torch_place import choose_place
from digitkit.contract import Run
from digitkit.pictures.attributions import scaled
from digitkit.readers.digits.classify import CHUNK, in_chunks
from digitkit.readers.digits.digit import LABELS, MNIST_MEAN, MNIST_STD, Attributions, Backend, Canvas, Explain
from digitkit.readers.digits.fold import Folded

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
# Canvases in one call on a CPU, few enough that their activations stay in its cache. In calls of 1,024 a canvas took 2 to 3 times
# as long, and the call 150 MB instead of 14; calls of 16 are a tenth slower than of 64, since each has a fixed cost in PyTorch.
CPU_CHUNK = 64
PATH_STEPS = 32  # of integrated gradients; on 100 test pictures 64 changed no attribution by more than 0.04


class DigitNet(nn.Module):
    """Logits of ten digits from raw canvases; scaling and normalising are its first lines.

    Args:
        architecture: a name in ARCHITECTURES, alone or with other widths ("lean-16-32-64"); several of them joined by "+"
            are an ensemble, one net that answers with the mean of their logits.
        dropout: the share of features dropped before the last layer while training, 0 to 1.
    Attributes:
        form: the dtype of its layers where it is served, a name in DTYPES; it is trained, kept and explained in float32.
    Raises:
        ValueError: an unknown architecture, or another number of widths than it has.
    """

    def __init__(self, architecture: str = "lean", *, dropout: float = 0.0) -> None:
        super().__init__()
        self.architecture, self.form = architecture, "float32"
        members = [_layers(member, dropout) for member in architecture.split("+")]
        self.layers = members[0] if len(members) == 1 else Mean(members)

    def forward(self, canvases: Tensor) -> Tensor:
        """Logits (N, 10) float32 of canvases (N, 28, 28) uint8."""
        x = (canvases.unsqueeze(1).float() / 255 - MNIST_MEAN) / MNIST_STD  # (N, 1, 28, 28)
        logits: Tensor = self.layers(x)
        return logits.float()

    def members(self) -> list[nn.Sequential]:
        """The layers of each member of an ensemble, whose mean logits are the answer; of a single net, its own layers alone."""
        return [self.layers] if isinstance(self.layers, nn.Sequential) else cast(list[nn.Sequential], list(self.layers))


class Mean(nn.ModuleList):
    """The mean of its members' logits."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([member(x) for member in self]).mean(dim=0)


def ensemble(nets: Sequence[DigitNet]) -> DigitNet:
    """One net, in evaluation mode, that answers with the mean of the logits of `nets`; of an ensemble each member counts as a net."""
    whole = DigitNet("+".join(net.architecture for net in nets))
    layers = [member for net in nets for member in net.members()]
    for ours, theirs in zip(whole.members(), layers, strict=True):
        ours.load_state_dict(theirs.state_dict())
    return whole.eval()


def _layers(architecture: str, dropout: float) -> nn.Sequential:
    name, *given = architecture.split("-")
    if name not in ARCHITECTURES:
        raise ValueError(f"unknown architecture {architecture!r}; there are {', '.join(ARCHITECTURES)}")
    build, widths = ARCHITECTURES[name]
    if given and (len(given) != len(widths) or not all(width.isdecimal() and int(width) > 0 for width in given)):
        usual = "-".join(map(str, widths))
        raise ValueError(f"architecture {architecture!r} must name {len(widths)} widths of 1 or more, as {name}-{usual} does")
    return build(tuple(map(int, given)) or widths, dropout)


def _seed(widths: tuple[int, ...], dropout: float) -> nn.Sequential:
    """The architecture that this project began with: 421,642 parameters, 4.2 million multiply-adds a picture."""
    a, b, hidden = widths
    return nn.Sequential(
        nn.Conv2d(1, a, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),  # (N, a, 14, 14)
        nn.Conv2d(a, b, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),  # (N, b, 7, 7)
        nn.Flatten(), nn.Linear(b * 7 * 7, hidden), nn.ReLU(),
        nn.Dropout(dropout), nn.Linear(hidden, len(LABELS)),
    )  # fmt: skip


def _lean(widths: tuple[int, ...], dropout: float) -> nn.Sequential:
    """Three convolutions with batch norm in place of a wide hidden layer: a quarter of `seed`'s parameters.

    3.0 million multiply-adds a picture. Pooling comes before batch norm and ReLU, so that they process a quarter of the pixels.
    """
    a, b, c = widths
    return nn.Sequential(
        nn.Conv2d(1, a, 5, bias=False), nn.MaxPool2d(2), nn.BatchNorm2d(a), nn.ReLU(),  # (N, a, 12, 12)
        nn.Conv2d(a, b, 3, bias=False), nn.MaxPool2d(2), nn.BatchNorm2d(b), nn.ReLU(),  # (N, b, 5, 5)
        nn.Conv2d(b, c, 3, bias=False), nn.BatchNorm2d(c), nn.ReLU(), nn.Flatten(),  # (N, c * 9)
        nn.Dropout(dropout), nn.Linear(c * 9, len(LABELS)),
    )  # fmt: skip


def _deep(widths: tuple[int, ...], dropout: float) -> nn.Sequential:
    """Five convolutions: 289,642 parameters, 10.0 million multiply-adds a picture."""
    a, b, c, d, e = widths
    return nn.Sequential(
        nn.Conv2d(1, a, 5, bias=False), nn.MaxPool2d(2), nn.BatchNorm2d(a), nn.ReLU(),  # (N, a, 12, 12)
        nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(),
        nn.Conv2d(b, c, 3, bias=False), nn.MaxPool2d(2), nn.BatchNorm2d(c), nn.ReLU(),  # (N, c, 5, 5)
        nn.Conv2d(c, d, 3, padding=1, bias=False), nn.BatchNorm2d(d), nn.ReLU(),
        nn.Conv2d(d, e, 3, bias=False), nn.BatchNorm2d(e), nn.ReLU(), nn.Flatten(),  # (N, e * 9)
        nn.Dropout(dropout), nn.Linear(e * 9, len(LABELS)),
    )  # fmt: skip


class Architecture(NamedTuple):
    """The function that builds a net, and the default widths of its layers but the last, in their order."""

    build: Callable[[tuple[int, ...], float], nn.Sequential]
    widths: tuple[int, ...]


ARCHITECTURES = {
    "lean": Architecture(_lean, (32, 64, 128)),
    "deep": Architecture(_deep, (32, 64, 64, 128, 128)),
    "seed": Architecture(_seed, (32, 64, 128)),
}


def save(net: DigitNet, path: Path) -> None:
    """Write the weights as data: the architecture, the form and the state dict."""
    state = {name: value.detach().cpu().contiguous() for name, value in net.state_dict().items()}
    write({"architecture": net.architecture, "form": net.form, "state": state}, path)


def write(content: dict[str, Any], path: Path) -> None:
    """torch.save by way of memory, so that a full disk is an OSError; torch's own writer raises a RuntimeError about file positions."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    path.write_bytes(buffer.getbuffer())


def read(path: Path) -> DigitNet:
    """The net in a weights file, in evaluation mode, after its card was checked.

    Raises:
        CardError: the file does not match its card.
        ValueError: the file holds no weights of a known architecture.
    """
    check_card(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        net = DigitNet(content["architecture"])
        net.form = content.get("form", "float32")  # weights that were saved before there were forms name none
        net.load_state_dict(content["state"])
    except KeyError as err:  # a bare state_dict, for example, names no architecture
        raise ValueError(f"{path} holds no weights that can be loaded: it has no {err}, which net.save writes") from err
    except (RuntimeError, ValueError, TypeError, pickle.UnpicklingError) as err:
        reason = " ".join(str(err).split()).partition(". ")[0]  # PyTorch's messages take many lines
        raise ValueError(f"{path} holds no weights that can be loaded: {reason}") from err
    if net.form not in DTYPES:
        raise ValueError(f"{path} is of form {net.form!r}; there are {', '.join(DTYPES)}")
    return net.eval()


def load(path: Path, *, device: str = "auto", gpu_id: int | None = None, threads: int = 1) -> Backend:
    """The weights at `path` as a Backend, on the device that was chosen.

    Args:
        path: digits.pt with its card beside it.
        device, gpu_id: as choose_place takes them.
        threads: threads of one call on the CPU; ort.load says why a worker has one.
    Raises:
        CardError: the file does not match its card.
        DeviceError: the device that was asked for is not there.
    """
    place = choose_place(device, gpu_id, threads)
    # With channels last a CPU is 3 times faster: pooling took half of the time, and is vectorised over channels only.
    net = read(path).to(place).to(memory_format=torch.channels_last)
    # Folding, with ReLU behind pooling, saves an eighth of the time: 32 canvases took 2,019 us, not 2,327; in ONNX Runtime 1,341.
    served = Folded(net.members(), DTYPES[net.form], relu_last=True).to(memory_format=torch.channels_last)
    run = in_chunks(as_run(served, place), CPU_CHUNK if place.type == "cpu" else CHUNK)
    return Backend(run, integrated_gradients(net, place), "integrated gradients", str(place))


def as_run(net: nn.Module, device: torch.device) -> Run:
    """A Run that calls `net`, in evaluation mode, on `device`."""
    net.eval()

    def run(canvases: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode():
            logits: NDArray[np.float32] = net(torch.from_numpy(canvases).to(device)).cpu().numpy()
        return logits

    return run


def integrated_gradients(net: DigitNet, device: torch.device) -> Explain:
    """An Explain by the mean gradient of the target's log-odds along the straight path from an empty canvas to the given one.

    Source: Sundararajan et al., Axiomatic attribution for deep networks (2017), equation 3, with PATH_STEPS steps.
    """
    shares = ((torch.arange(PATH_STEPS, device=device) + 0.5) / PATH_STEPS).view(-1, 1, 1)

    def explain(canvas: Canvas, target: int) -> Attributions:
        whole = torch.from_numpy(canvas).to(device).float()  # (28, 28)
        path = (shares * whole).requires_grad_()  # (PATH_STEPS, 28, 28)
        logits = net(path)
        others = torch.cat([logits[:, :target], logits[:, target + 1 :]], dim=1)
        (gradients,) = torch.autograd.grad((logits[:, target] - others.logsumexp(dim=1)).sum(), path)
        return scaled((gradients.mean(dim=0) * whole).cpu().numpy())

    return explain
