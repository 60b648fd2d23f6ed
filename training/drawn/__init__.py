"""Training of nets on drawn pictures whose truth is known: what the eye and the net that reads lines have in common."""
