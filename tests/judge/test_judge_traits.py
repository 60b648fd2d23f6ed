"""The traits of pictures: of drawn bars the thickness and the lean are known."""

import cv2
import numpy as np
import pytest

from training.judge.traits import TRAITS, lean, size, strength, stroke, traits_of


def bar(*, thick: int = 3, offset: int = 0, level: int = 255) -> np.ndarray:
    """A bar of a canvas, whose top is `offset` pixels to the right of its foot."""
    canvas = np.zeros((28, 28), dtype=np.uint8)
    for row in range(4, 24):
        left = 12 + round(offset * (13.5 - row) / 19)
        canvas[row, left : left + thick] = level
    return canvas


@pytest.mark.parametrize("thick", [2, 4, 6])
def test_the_thickness_of_an_upright_bar_is_measured(thick: int) -> None:
    canvas = bar(thick=thick)
    assert stroke(canvas, canvas) == pytest.approx(thick, abs=0.6)


@pytest.mark.parametrize("offset", [-10, -4, 0, 4, 10])
def test_the_lean_is_the_tangent_of_the_angle(offset: int) -> None:
    canvas = bar(offset=offset)
    assert lean(canvas, canvas) == pytest.approx(offset / 19, abs=0.05)


def test_size_and_strength_are_of_the_picture() -> None:
    picture = cv2.resize(bar(level=90, thick=5), (56, 84), interpolation=cv2.INTER_NEAREST)
    assert size(picture, picture) == 84
    assert strength(picture, picture) == pytest.approx(90, abs=1)


def test_every_picture_is_of_one_range_of_each_trait_and_one_without_ink_of_none() -> None:
    pictures = np.stack([bar(), bar(thick=7, offset=12), np.zeros((28, 28), dtype=np.uint8)])
    groups = traits_of(list(pictures), pictures)
    for name, trait in TRAITS.items():
        counts = sum(groups[f"{name}: {label}"].astype(int) for label in trait.ranges)
        assert counts.tolist() == [1, 1, 0]
    assert groups["stroke: thick"].tolist() == [False, True, False]
    assert groups["lean: far to the right"].tolist() == [False, True, False]


def test_no_pictures_are_of_no_group() -> None:
    assert all(len(mask) == 0 for mask in traits_of([], np.empty((0, 28, 28), dtype=np.uint8)).values())
