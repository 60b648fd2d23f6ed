"""How sure a net may be of a whole number: the temperature at which its confidences are as often right as they say."""

import numpy as np
import torch
from numpy.typing import NDArray

from digitkit.backends.line_net import LineNet
from digitkit.pictures.line import ALPHABET, OTHER
from digitkit.readers.numbers.beam import softmax, told
from digitkit.readers.numbers.choose import choose, trimmed
from digitkit.readers.numbers.formats.format import Format
from training.lines.line_pool import PLACES, Lines
from training.lines.line_trainer import EVALUATION_BATCH

TEMPERATURES = np.geomspace(0.25, 8, 200)  # that are tried


@torch.inference_mode()
def best_temperature(net: LineNet, lines: Lines, device: torch.device) -> float:
    """The number that logarithms of a number's probability are divided by, fitted on lines with one number each that can be read."""
    logarithms, right = [], []
    free = Format()
    for width, strips in lines.strips.items():
        for own in torch.arange(len(strips)).split(EVALUATION_BATCH):
            logits = net(strips[own].to(device))[0].cpu().numpy()
            for frames, truth in zip(softmax(logits), lines.truths[width][own].numpy(), strict=True):
                text = "".join(ALPHABET[int(kind)] for kind in truth[2 + PLACES : 2 + PLACES + int(truth[1])])
                if truth[0] and text and OTHER not in text and (choice := choose(frames[told(frames)], free)) is not None:
                    logarithms.append(min(0.0, choice.log_probability))
                    right.append(choice.text == trimmed(text))
    return fitted(np.array(logarithms), np.array(right))


def fitted(logarithms: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """The temperature at which exp(logarithm / temperature) is the likeliest as the chance of being right.

    Args:
        logarithms: of probabilities, at most 0, (N,).
        right: whether each was, (N,).
    """
    sure = np.clip(np.exp(logarithms / TEMPERATURES[:, None]), 1e-6, 1 - 1e-6)  # (temperatures, N)
    likelihoods = np.where(right, np.log(sure), np.log1p(-sure)).mean(axis=1)
    return float(TEMPERATURES[likelihoods.argmax()])
