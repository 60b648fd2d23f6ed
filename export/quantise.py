"""An int8 graph from a float32 one: static quantisation, calibrated on validation pictures."""

import logging
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from digitkit.readers.digits.ort import INPUT

# isort: split
# digitkit is imported first, because it switches off the telemetry that importing ONNX Runtime starts.
import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from export.errors import ExportError

CALIBRATION_LEAST = 500  # the smallest number of pictures
CALIBRATION_BATCH = 100
QUANTISED = ["Conv", "Relu", "MaxPool"]  # the last layer stays float32, so that confidences keep their precision


class Pictures(CalibrationDataReader):  # type: ignore[misc]
    """Canvases (N, 28, 28) in the form that ONNX Runtime's calibration reads."""

    def __init__(self, canvases: NDArray[np.uint8]) -> None:
        self.batches: Iterator[NDArray[np.uint8]] = iter(np.split(canvases, range(CALIBRATION_BATCH, len(canvases), CALIBRATION_BATCH)))

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        batch = next(self.batches, None)
        return None if batch is None else {INPUT: batch}


def quantise(graph: Path, target: Path, canvases: NDArray[np.uint8]) -> None:
    """Write `graph` with int8 weights, a scale for each channel, and uint8 activations between them.

    The first convolution stays float32: with its single input channel ONNX Runtime's int8 kernel takes four times as long.

    Raises:
        ExportError: fewer than CALIBRATION_LEAST canvases.
    """
    if len(canvases) < CALIBRATION_LEAST:
        raise ExportError(f"{len(canvases)} pictures to calibrate int8 with; at least {CALIBRATION_LEAST} are needed")
    prepared = target.with_name("prepared.onnx")
    quant_pre_process(graph, prepared)
    model = onnx.load(prepared)
    first = next(node.name for node in model.graph.node if node.op_type == "Conv")
    pool_first(model)
    onnx.save(model, prepared)
    logging.disable(logging.WARNING)  # it advises to prepare the graph, which has been done
    try:
        quantize_static(
            prepared, target, Pictures(canvases), quant_format=QuantFormat.QDQ, per_channel=True,
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, op_types_to_quantize=QUANTISED,
            nodes_to_exclude=[first], calibrate_method=CalibrationMethod.MinMax,
        )  # fmt: skip
    finally:
        logging.disable(logging.NOTSET)
    prepared.unlink()


def pool_first(model: onnx.ModelProto) -> None:
    """Move the first ReLU behind its pooling, in place; this changes no answer.

    If a ReLU ends the float32 part, ONNX Runtime quantises before the pooling, whose int8 kernel took 1,263 us for the
    pixels of a batch of 32, instead of 100.
    """
    nodes, shapes = model.graph.node, model.graph.value_info
    for i, (relu, pool) in enumerate(pairwise(nodes)):
        if relu.op_type == "Relu" and pool.op_type == "MaxPool" and list(pool.input) == list(relu.output):
            between = relu.output[0]
            pool.input[0], relu.output[0] = relu.input[0], pool.output[0]
            pool.output[0] = relu.input[0] = between
            first, second = onnx.NodeProto(), onnx.NodeProto()
            first.CopyFrom(pool)
            second.CopyFrom(relu)
            nodes[i].CopyFrom(first)
            nodes[i + 1].CopyFrom(second)
            kept = [shape for shape in shapes if shape.name != between]  # the recorded shape no longer holds
            del shapes[:]
            shapes.extend(kept)
            return
