"""The baseline of the bench: TorchServe's own image handler with its default settings."""
