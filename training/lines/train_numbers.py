"""Train the reader of numbers: `python -m training.lines.train_numbers --out training/released`, any field of the recipe as a flag."""

from training.drawn.drawn_command import DrawnNet
from training.drawn.drawn_trainer import DrawnRecipe
from training.lines.line_calibrate import best_temperature
from training.lines.line_pool import draw_lines
from training.lines.line_trainer import judged, line_trainer

USUAL = DrawnRecipe(scenes=300_000, epochs=4, batch_size=48)
NUMBERS = DrawnNet("numbers", "lines", USUAL, draw_lines, line_trainer, judged, best_temperature)

if __name__ == "__main__":
    NUMBERS.command("training.lines.train_numbers", __doc__)
