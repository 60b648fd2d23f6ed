"""Nets and sessions that compute: PyTorch and ONNX Runtime, one heavy import each."""
