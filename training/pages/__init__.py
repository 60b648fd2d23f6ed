"""Pages with numbers on them, drawn with the place of each, and how the net that finds numbers learns from them."""
