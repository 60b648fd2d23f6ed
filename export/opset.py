"""The versions of ONNX that our graphs are written in."""

# ONNX Runtime reads them from 1.14 on, of February 2023, as does any runtime that knows opset 18; the exporter writes no older one.
OPSET, IR_VERSION = 18, 8
