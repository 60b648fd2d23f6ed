"""What the product is made of: the locked packages, the libraries in TorchServe's jar, the audit and the bill of materials."""
