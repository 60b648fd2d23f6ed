"""The loop's story, told by the real parts: a new source of pictures arrives, and the served model learns to read it."""
