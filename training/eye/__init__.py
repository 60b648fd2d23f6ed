"""How the eye learns: scenes with their truth, the training on them, its weights."""
