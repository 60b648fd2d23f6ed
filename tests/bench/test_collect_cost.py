"""What measures the cost of keeping pictures: its archive keeps some, and a signal switches that."""

import zipfile
from pathlib import Path

import yaml

from bench.collect_cost import SHARE, collecting
from digitkit.artifacts.card import check_card, write_card

HANDLER = "class DigitHandler:\n    def _collect(self): return 'kept'\n"


def test_the_archive_keeps_the_share_in_a_store_of_its_own_and_can_be_told_to_stop(tmp_path: Path) -> None:
    archive = tmp_path / "digits_onnx.mar"
    config = {"collect": {"store": "", "share": 0.5, "days": 30}, "device": "cpu"}
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("MAR-INF/MANIFEST.json", '{"model": {"serializedFile": "digits.onnx", "modelVersion": "1.0"}}')
        file.writestr("digit_handler.py", HANDLER)
        file.writestr("model-config.yaml", yaml.safe_dump(config))
    write_card(archive, version="1.0", recipe={}, data_sha256="", commit="", accuracy={}, temperature=1.0, parameters=1, packages={})
    (tmp_path / "store").mkdir()
    copy = tmp_path / "copy.mar"
    collecting(tmp_path / "store", archive, copy)
    check_card(copy)
    with zipfile.ZipFile(copy) as file:
        knobs = yaml.safe_load(file.read("model-config.yaml"))["collect"]
        handler = file.read("digit_handler.py").decode()
    assert knobs == {"store": str(tmp_path / "store"), "share": SHARE, "days": 30}
    assert handler.startswith(HANDLER)
    assert compile(handler, "digit_handler.py", "exec")
    assert handler.count("signal.signal") == 2
