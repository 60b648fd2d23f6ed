"""How a worker counts: histograms, and how far what arrives now is from a reference."""
