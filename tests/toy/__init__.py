"""A second reader beside that of digits, "how dark is it", and all that belongs to it: nothing outside this folder knows it."""
