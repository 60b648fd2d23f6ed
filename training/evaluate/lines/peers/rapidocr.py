"""RapidOCR's recogniser, without its detector: the pictures are lines already. Its models come inside its wheel.

Source: rapidai.github.io/RapidOCRDocs, "use_det=False".
"""

from importlib.metadata import version

from rapidocr import RapidOCR

from training.evaluate.lines.peers.answering import answer

ONE_CORE = {f"EngineConfig.onnxruntime.{kind}_op_num_threads": 1 for kind in ("intra", "inter")}
UNFILTERED = {"Global.text_score": 0.0}  # by default it says nothing where it is less sure than 0.5, and would be right less often
QUIET = {"Global.log_level": "critical"}


class LineRecogniser:
    """The recogniser, loaded once."""

    def __init__(self) -> None:
        self.engine = RapidOCR(params=ONE_CORE | UNFILTERED | QUIET)

    def read(self, file: bytes) -> str:
        found = self.engine(file, use_det=False, use_cls=False, use_rec=True)
        return " ".join(found.txts or ())


if __name__ == "__main__":
    answer(f"rapidocr {version('rapidocr')}", LineRecogniser().read)
