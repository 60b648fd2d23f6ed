"""Weights, graphs and archives, each with its card, and the store that keeps them."""
