"""The exported net computes what the trained one computes, in fewer layers; small forms of it are refused with a sentence."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from digitkit.readers.digits.classify import digit_score, softmax
from digitkit.readers.digits.fold import Folded, folded
from digitkit.readers.digits.net import DigitNet
from export.errors import ExportError
from export.gates import made_up
from export.quantise import quantise
from export.to_onnx import Served


def trained(architecture: str, *, falls: bool = False) -> DigitNet:
    """A net whose batch norms are those of no fresh net."""
    torch.manual_seed(0)
    net = DigitNet(architecture).eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values in (module.running_mean, module.running_var, module.weight.data, module.bias.data):
                assert values is not None
                nn.init.uniform_(values, 0.1, 1.0)
            if falls:
                module.weight.data[0] = -0.5
    return net


@pytest.mark.parametrize("architecture", ["lean", "seed", "deep", "lean-4-8-16+seed-4-8-16"])
@pytest.mark.parametrize("falls", [False, True])
def test_the_folded_net_gives_the_same_logits_and_the_final_answers(architecture: str, falls: bool) -> None:
    net = trained(architecture, falls=falls)
    for canvases in made_up(31):
        with torch.inference_mode():
            expected = net(torch.from_numpy(canvases)).numpy()
            logits, probabilities, score = (output.numpy() for output in Served(net.members())(torch.from_numpy(canvases)))
            eager = Folded(net.members(), relu_last=True)(torch.from_numpy(canvases)).numpy()
        for ours in (logits, eager):
            np.testing.assert_allclose(ours, expected, atol=2e-5 * float(np.abs(expected).max()))
        np.testing.assert_allclose(probabilities, softmax(logits), atol=1e-6)
        np.testing.assert_allclose(score, digit_score(logits), atol=1e-6)


@pytest.mark.parametrize(("relu_last", "pair"), [(False, ["ReLU", "MaxPool2d"]), (True, ["MaxPool2d", "ReLU"])])
def test_nothing_but_convolutions_relu_pooling_and_the_last_layer_is_left_of_lean(relu_last: bool, pair: list[str]) -> None:
    names = [type(layer).__name__ for layer in folded(trained("lean").members()[0], relu_last=relu_last)]
    assert names == ["Conv2d", *pair, "Conv2d", *pair, "Conv2d", "ReLU", "Flatten", "Linear"]


def test_batch_norm_stays_behind_a_pooling_where_a_scale_is_negative() -> None:
    names = [type(layer).__name__ for layer in folded(trained("lean", falls=True).members()[0], relu_last=False)]
    assert names.count("BatchNorm2d") == 2


def test_too_few_pictures_to_calibrate_with_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="499 pictures to calibrate int8 with; at least 500 are needed"):
        quantise(tmp_path / "digits.onnx", tmp_path / "digits.int8.onnx", np.zeros((499, 28, 28), dtype=np.uint8))
