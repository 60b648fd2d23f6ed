"""Pictures as people make and find them, drawn from a fixed seed with MNIST's test digits, and how the served path reads them.

Nothing here is used in training, and nothing of training's own drawing is used here, so that the exam is not the lesson.
"""
