"""load(): an ONNX graph of the digit's net becomes a Backend on ONNX Runtime."""

from pathlib import Path

from digitkit.artifacts.card import check_card
from digitkit.backends.sessions import CPU, Arrays, Output, as_run, open_session
from digitkit.readers.digits.classify import CHUNK, in_chunks
from digitkit.readers.digits.digit import LABELS, SIDE_PX, Backend
from digitkit.readers.digits.explain import occlusion

INPUT, LOGITS = "canvases", "logits"
ARRAYS = Arrays(INPUT, (SIDE_PX, SIDE_PX), (Output(LOGITS, (len(LABELS),)),), most=CHUNK)
# Canvases in one call on a CPU, few enough that their activations stay in its second-level cache. Over batches of 1 to 64 the
# quick net takes 40 us a canvas and its int8 form 21; with calls of 64 they take 44 and 25.
CPU_CHUNK = 16


def load(path: Path, *, device: str = "auto", gpu_id: int | None = None, threads: int = 1) -> Backend:
    """The graph at `path` as a Backend, on the execution provider that was chosen.

    Args:
        path: digits.onnx with its card beside it.
        device: "auto" takes CUDA where TorchServe assigned a GPU and CUDA loads, else the CPU, and says so; "cpu"; "cuda" and
            "tensorrt", which fail where they do not load.
        gpu_id: the GPU that TorchServe assigned to this worker, None for none.
        threads: threads of one call on the CPU. One is right for a worker: TorchServe spreads batches over workers, and with two
            threads in each, fully used cores answered 125 requests/s instead of 606. More workers use more cores.
    Raises:
        CardError: the file does not match its card.
        DeviceError: the provider that was asked for did not load.
        ValueError: the file is no graph, or takes or gives something else than canvases and logits.
    """
    check_card(path)
    session = open_session(path, ARRAYS, device=device, gpu_id=gpu_id, threads=threads)
    provider = session.get_providers()[0]
    run = in_chunks(as_run(session, ARRAYS), CPU_CHUNK if provider == CPU else CHUNK)
    return Backend(run, occlusion(run), "occlusion", provider)
