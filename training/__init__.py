"""From MNIST to a weights file with its card."""
