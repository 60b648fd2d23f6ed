"""What the scenes are made of that the eye learns from: glyphs of digits, other ink, and pictures of nothing."""
