"""What becomes of kept pictures: people say what they show, and the product learns from it."""
