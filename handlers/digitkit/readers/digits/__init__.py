"""The reader of single digits: canvas, classes, answers, explanations."""
