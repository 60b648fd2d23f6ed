"""Recipes and their flags."""

import argparse
import sys
from dataclasses import fields

import pytest
from conftest import ROOT

from digitkit.readers.digits.net import DigitNet
from training.recipe import RECIPES, Recipe, add_flags, from_flags
from training.train import main


def parse(*words: str) -> dict[str, object]:
    parser = argparse.ArgumentParser()
    add_flags(parser)
    return vars(parser.parse_args(words))


def test_every_field_is_a_flag_that_replaces_the_recipes_value() -> None:
    for field in fields(Recipe):
        if field.type is bool:
            assert getattr(from_flags("quick", parse(f"--{field.name.replace('_', '-')}")), field.name) is True
            continue
        value = WORDS.get(field.name, "1")
        recipe = from_flags(
            "quick", parse(f"--{field.name.replace('_', '-')}", value) if field.name not in FRACTIONS else {field.name: 0.5}
        )
        assert str(getattr(recipe, field.name)) in (value, f"{value}.0", "0.5")


FRACTIONS = ("dropout", "label_smoothing", "momentum", "ema", "disturbance", "calm")
WORDS = {
    "architecture": "seed",
    "optimizer": "sgd",
    "schedule": "step",
    "device": "cpu",
    "precision": "float32",
    "freeze": "features",
    "layout": "contiguous",
}


def test_flags_that_are_not_given_leave_the_recipe_as_it_is() -> None:
    assert from_flags("paper", parse()) == RECIPES["paper"]


def test_the_paper_recipe_is_the_seeds_own() -> None:
    paper = RECIPES["paper"]
    assert (paper.architecture, paper.optimizer, paper.learning_rate, paper.batch_size, paper.epochs) == ("seed", "adam", 1e-3, 64, 100)
    assert paper.patience > 0


def test_the_tiny_net_has_less_than_10_000_parameters_and_a_teacher_that_is_shipped() -> None:
    tiny = RECIPES["tiny"]
    assert sum(parameter.numel() for parameter in DigitNet(tiny.architecture).parameters()) < 10_000
    assert [(ROOT / path).is_file() for path in tiny.sources()] == [True]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"epochs": 0}, "epochs is 0; it must be more than 0"),
        ({"dropout": 1.0}, "dropout is 1.0; it must be from 0 to below 1"),
        ({"ema": 1.0}, "ema is 1.0; it must be from 0 to below 1"),
        ({"clip": -1.0}, "clip is -1.0; it must be 0 or more"),
        ({"distill_share": 1.1}, "distill_share is 1.1; it must be from 0 to 1"),
        ({"distill_temperature": 0.0}, "distill_temperature is 0.0; it must be more than 0"),
        ({"augmentation": -1.0}, "augmentation is -1.0; it must be 0 or more"),
    ],
)
def test_a_value_out_of_range_is_named(flags: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_flags("quick", flags)


def test_an_unknown_recipe_ends_with_one_sentence_that_names_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["training.train", "--recipe", "slow"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert (
        ended.value.code
        == "training.train: unknown recipe 'slow'; there are quick, release, tiny, finetune, retrain, few-labels, pretrain, paper"
    )


@pytest.mark.parametrize("seeds", [0, -1])
def test_a_number_of_seeds_below_one_is_refused(seeds: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["training.train", "--seeds", str(seeds)])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert f"--seeds is {seeds}; it must be 1 or more" in capsys.readouterr().err


def test_an_unknown_flag_ends_with_an_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["training.train", "--epoch-count", "3"])
    with pytest.raises(SystemExit, match="2"):
        main()
    usage, sentence = capsys.readouterr().err.splitlines()  # not the forty flags that there are
    assert usage == "usage: training.train [--recipe NAME] [flags]; --help lists all"
    assert sentence == "training.train: error: unrecognized arguments: --epoch-count 3"
