"""Setting up and running the product: this machine's TorchServe, its tokens, its monitoring."""
