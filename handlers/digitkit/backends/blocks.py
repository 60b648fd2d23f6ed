"""What the nets that see greys are built of, and how their weights are kept."""

import copy
import io
import pickle
from pathlib import Path
from typing import TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from digitkit.artifacts.card import check_card

AROUND_PX = 17  # side of the square over which light and contrast are made even: wider than a stroke, narrower than a shadow
QUIET = 4e-4  # added to the variance there, so that paper without ink stays quiet

Net = TypeVar("Net", bound=nn.Module)


def conv(inputs: int, outputs: int, *, side: int = 3, stride: int | tuple[int, int] = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, side, stride, side // 2, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


def evened(greys: Tensor) -> Tensor:
    """Greys uint8 (N, H, W) with their contrast stretched, and the same with even light and contrast: (N, 2, H, W), about -1 to 1."""
    with torch.autocast(greys.device.type, enabled=False):  # the mean of half a thousand greys needs more digits than bfloat16 has
        x = greys.unsqueeze(1).float()
        dark, bright = x.amin(dim=(2, 3), keepdim=True), x.amax(dim=(2, 3), keepdim=True)
        x = (x - dark) / (bright - dark).clamp(min=1)
        down, across = means(x.shape[2], x.device), means(x.shape[3], x.device).T
        off = x - down @ x @ across
        even = off / (down @ (off * off) @ across + QUIET).sqrt()
    return torch.cat([2 * x - 1, even], dim=1).contiguous(memory_format=torch.channels_last)


def means(count: int, device: torch.device) -> Tensor:
    """The matrix (count, count) that makes of a column the means around each place: ten times as fast as pooling, and the same."""
    places = torch.arange(count, device=device)
    near = ((places.unsqueeze(1) - places).abs() <= AROUND_PX // 2).float()
    return near / near.sum(dim=1, keepdim=True)


def folded(net: Net) -> Net:
    """A copy of a net as it is served, in evaluation mode, each batch norm folded into the convolution before it."""
    served = copy.deepcopy(net).eval()
    for block in served.modules():
        if isinstance(block, nn.Sequential) and len(block) == 3 and isinstance(block[1], nn.BatchNorm2d):
            block[0] = fuse_conv_bn_eval(cast(nn.Conv2d, block[0]), block[1])
            block[1] = nn.Identity()
    return served


def save(net: nn.Module, path: Path) -> None:
    """Write the weights as data, as 16-bit floats: half the bytes, and no answer differs by what anybody could see."""
    buffer = io.BytesIO()
    torch.save(
        {name: value.detach().cpu().half() if value.is_floating_point() else value for name, value in net.state_dict().items()}, buffer
    )
    path.write_bytes(buffer.getbuffer())


def read(net: Net, path: Path) -> Net:
    """`net` with the weights in a file that `save` wrote, in evaluation mode, after its card was checked.

    Raises:
        CardError: the file does not match its card.
        ValueError: the file holds no weights of such a net.
    """
    check_card(path)
    try:
        net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except (RuntimeError, ValueError, TypeError, AttributeError, pickle.UnpicklingError) as err:
        reason = " ".join(str(err).split()).partition(". ")[0]
        raise ValueError(f"{path} holds no {type(net).__name__} that can be loaded: {reason}") from err
    return net.eval()
