"""A reader makes answers of pictures for one task; the card of a model names its own."""
