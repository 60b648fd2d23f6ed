"""Train the eye: `python -m training.eye.train_eye --out training/released`, any field of the recipe as a flag."""

from training.drawn.drawn_command import DrawnNet
from training.drawn.drawn_trainer import DrawnRecipe
from training.eye.eye_trainer import eye_trainer, judged
from training.eye.scene_pool import draw_scenes

EYE = DrawnNet("eye", "scenes", DrawnRecipe(), draw_scenes, eye_trainer, judged)

if __name__ == "__main__":
    EYE.command("training.eye.train_eye", __doc__)
