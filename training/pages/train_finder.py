"""Train the net that finds numbers: `python -m training.pages.train_finder --out training/released`, any field of the recipe as a flag."""

from training.drawn.drawn_command import DrawnNet
from training.drawn.drawn_trainer import DrawnRecipe
from training.pages.finder_trainer import finder_trainer, judged
from training.pages.page_pool import draw_pieces

USUAL = DrawnRecipe(scenes=36_000, epochs=16, batch_size=48, learning_rate=2e-3, warm_up=200, cool_down=0.7)
FINDER = DrawnNet("finder", "pieces of pages", USUAL, draw_pieces, finder_trainer, judged)

if __name__ == "__main__":
    FINDER.command("training.pages.train_finder", __doc__)
