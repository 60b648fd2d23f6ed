"""Champion against challenger: the served weights and those that are to follow, on the same pictures, and what decides between them."""
