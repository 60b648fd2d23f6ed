"""The reader of darkness: how dark a picture is, 0 for white to 1 for black."""
