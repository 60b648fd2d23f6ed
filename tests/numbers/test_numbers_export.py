"""The net of lines as a graph and in archives: it reads the same, and nothing is published that does not."""

from pathlib import Path

import numpy as np
import pytest
import torch
from doors import encode
from lines import random_line

from digitkit.artifacts.card import CardError, check_card
from digitkit.backends.sessions import Free, shown
from digitkit.readers.numbers import net, ort
from digitkit.readers.numbers.reader import READER
from digitkit.settings import Settings
from export import number_probes
from export.errors import ExportError
from export.line_to_onnx import check_alike, line_to_onnx
from export.packing import answers, pack
from export.to_mar import to_mar

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_line(tmp_path_factory.mktemp("line") / "numbers.pt")


@pytest.fixture(scope="module")
def graph(weights: Path, mnist_root: Path) -> Path:
    line_to_onnx(weights, weights.with_name("numbers.onnx"), data_root=mnist_root)
    return weights.with_name("numbers.onnx")


@pytest.mark.parametrize("shape", [(1, 32, 32), (3, 32, 64), (2, 32, 1920), (40, 32, 160)])
def test_both_backends_read_the_same_at_every_size(shape: tuple[int, int, int], weights: Path, graph: Path) -> None:
    strips = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    logits, extents = ort.load(graph, device="cpu").run(strips)
    expected_logits, expected_extents = net.load(weights, device="cpu").run(strips)
    assert logits.shape == (shape[0], shape[2] // 2, 18)
    assert extents.shape == (shape[0], shape[2] // 2, 2)
    np.testing.assert_allclose(logits, expected_logits, atol=1e-4)
    np.testing.assert_allclose(extents, expected_extents, atol=1e-4)


def test_the_reader_loads_either_with_the_temperature_of_its_card(weights: Path, graph: Path, settings: Settings) -> None:
    for path in (weights, graph):
        loaded = READER.load(path, settings, None)
        assert loaded.terms.temperature == check_card(path).temperature == 1.5  # type: ignore[attr-defined]  # of the reader of numbers
        assert "cpu" in loaded.place.lower()
        loaded.try_out()


def test_a_graph_that_reads_otherwise_is_not_published(weights: Path, graph: Path, tmp_path: Path, mnist_root: Path) -> None:
    other = random_line(tmp_path / "numbers.pt", seed=1)
    digits = np.zeros((10, 28, 28), dtype=np.uint8)
    digits[:, 5:20, 10:15] = 255
    with pytest.raises(ExportError, match="differs from its weights"):
        check_alike(ort.load(graph, device="cpu").run, net.load(other, device="cpu").run, digits)


def test_weights_that_their_card_does_not_describe_are_refused(tmp_path: Path, weights: Path) -> None:
    torch.save({"x": torch.zeros(1)}, tmp_path / "numbers.pt")
    (tmp_path / "numbers.pt.json").write_text(weights.with_name("numbers.pt.json").read_text())
    with pytest.raises(CardError, match=r"numbers\.pt"):
        net.load(tmp_path / "numbers.pt")


def test_an_archive_of_either_answers_outside_the_checkout_and_one_that_misreads_is_not_published(
    weights: Path, graph: Path, tmp_path: Path, mnist_root: Path
) -> None:
    picture = encode(number_probes.printed("20417", np.random.default_rng(0)))
    found = []
    for path in (weights, graph):
        scratch = tmp_path / path.suffix[1:]
        scratch.mkdir()
        (answer,) = answers(pack(path, "numbers", scratch), [picture])
        found.append([number["text"] for number in answer["numbers"]])
        assert len(answer["pages"]) == 1
    assert found[0] == found[1]
    with pytest.raises(ExportError, match=r"reads \d+ of 20 printed numbers right; at least 18 are needed"):
        to_mar(graph, tmp_path / "numbers_onnx.mar", data_root=mnist_root)
    assert not (tmp_path / "numbers_onnx.mar").exists()


def test_a_task_that_nobody_knows_to_try_is_not_packed(weights: Path, tmp_path: Path, mnist_root: Path) -> None:
    poems = random_line(tmp_path / "poems.pt")
    card = poems.with_name("poems.pt.json")
    card.write_text(card.read_text().replace('"task": "numbers"', '"task": "poems"'))
    with pytest.raises(ExportError, match="is of the task 'poems'; archives are tried for digits, numbers"):
        to_mar(poems, tmp_path / "poems.mar", data_root=mnist_root)


def test_a_free_side_is_shown_as_one() -> None:
    assert shown((32, Free(32, 256, 1920))) == shown((32, "32*buckets")) == "[32, ?]"
