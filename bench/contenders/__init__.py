"""What is measured side by side: the servers, how each is started, and the targets on them."""
