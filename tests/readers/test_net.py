"""The nets that an architecture's words describe: widths, ensembles, and weights files of both."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from nets import CANVASES, drawn, logits, written

from digitkit.artifacts.card import Card, card_path, facts, write_card
from digitkit.readers.digits import net
from digitkit.readers.digits.net import ARCHITECTURES, DigitNet
from training.learn.calibrate import divide_logits


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_name_alone_means_its_usual_widths(name: str) -> None:
    usual = "-".join(map(str, ARCHITECTURES[name].widths))
    assert np.array_equal(logits(drawn(name)), logits(drawn(f"{name}-{usual}")))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_widths_are_the_channels_of_the_layers_but_the_last(name: str) -> None:
    widths = [3, 5, 7, 2, 4][: len(ARCHITECTURES[name].widths)]
    layers = drawn("-".join([name, *map(str, widths)])).layers
    weighted = [layer for layer in layers if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear)]
    assert [layer.weight.shape[0] for layer in weighted] == [*widths, 10]


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        ("leaner", "unknown architecture 'leaner'; there are lean, deep, seed"),
        ("lean+", "unknown architecture ''"),
        ("lean-16-32", "must name 3 widths of 1 or more, as lean-32-64-128 does"),
        ("lean-16-32-0", "must name 3 widths"),
        ("lean-16-32-many", "must name 3 widths"),
    ],
)
def test_an_architecture_that_cannot_be_built_is_named(architecture: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DigitNet(architecture)


@pytest.mark.parametrize("names", [["lean", "seed"], ["lean", "lean-4-8-16+lean-4-8-8", "seed"]])
def test_an_ensemble_answers_with_the_mean_of_its_members_logits(names: Sequence[str], tmp_path: Path) -> None:
    nets = [drawn(name, seed) for seed, name in enumerate(names)]
    one_by_one = [DigitNet(member.architecture) for member in nets for _ in member.members()]
    assert len(one_by_one) == len("+".join(names).split("+"))
    if len(names) == 3:  # an ensemble among the members counts as two
        expected = (logits(nets[0]) + 2 * logits(nets[1]) + logits(nets[2])) / 4
    else:
        expected = np.mean([logits(member) for member in nets], axis=0)
    whole = net.read(written(net.ensemble(nets), tmp_path / "digits.pt"))
    assert whole.architecture == "+".join(names)
    np.testing.assert_allclose(logits(whole), expected, atol=1e-5)


def test_the_logits_of_an_ensemble_are_divided_too() -> None:
    whole = net.ensemble([drawn("lean", 1), drawn("seed", 2)])
    before = logits(whole)
    divide_logits(whole, 2.5)
    np.testing.assert_allclose(logits(whole), before / 2.5, atol=1e-5)


def test_weights_of_other_widths_than_their_architecture_says_are_refused(tmp_path: Path) -> None:
    model = drawn("lean-4-8-16")
    model.architecture = "lean"
    with pytest.raises(ValueError, match="holds no weights that can be loaded"):
        net.read(written(model, tmp_path / "digits.pt"))


def test_weights_of_a_form_are_served_in_it_and_explained_in_float32(tmp_path: Path) -> None:
    model = drawn("lean")
    plain = net.load(written(model, tmp_path / "digits.pt"), device="cpu")
    model.form = "bfloat16"
    path = written(model, tmp_path / "digits.bfloat16.pt")
    small = net.load(path, device="cpu")
    expected = plain.run(CANVASES)
    assert net.read(path).form == "bfloat16"
    assert small.run(CANVASES).dtype == np.float32
    assert 0 < np.abs(small.run(CANVASES) - expected).max() < 0.03 * np.abs(expected).max()
    np.testing.assert_array_equal(small.explain(CANVASES[0], 3), plain.explain(CANVASES[0], 3))


def test_weights_of_an_unknown_form_are_refused(tmp_path: Path) -> None:
    model = drawn("lean")
    model.form = "int4"
    with pytest.raises(ValueError, match="is of form 'int4'; there are float32, bfloat16"):
        net.read(written(model, tmp_path / "digits.pt"))


def test_a_file_without_an_architecture_is_refused_with_what_it_lacks(tmp_path: Path) -> None:
    path = written(drawn("lean"), tmp_path / "digits.pt")
    torch.save(drawn("lean").state_dict(), path)
    write_card(path, **facts(Card(**json.loads(card_path(path).read_text()))))
    with pytest.raises(ValueError, match=r"digits.pt holds no weights that can be loaded: it has no 'architecture'"):
        net.read(path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
def test_a_full_disk_is_named_as_such() -> None:
    with pytest.raises(OSError, match="No space left on device"):
        net.save(drawn("lean"), Path("/dev/full"))
