"""Drawn pictures whose truth is known to the pixel: paper, clutter, light, signs from training.glyphs, and pictures of nothing."""
