"""The baseline of the benchmark: TorchServe's own image handler with its default settings."""
