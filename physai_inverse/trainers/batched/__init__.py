"""Many trainings in one program: stacked parameters, own recipes, own streams.

`BatchedTrainer` is the door. Nothing heavy is imported until a training runs.
"""

from physai_inverse.trainers.batched.problem import Finished, Problem, Report, Views, even_steps, last_values
from physai_inverse.trainers.batched.recipe import Recipe, recipe_of
from physai_inverse.trainers.batched.trainer import AbstractBatched, BatchedTrainer

__all__ = [
    "AbstractBatched",
    "BatchedTrainer",
    "Finished",
    "Problem",
    "Recipe",
    "Report",
    "Views",
    "even_steps",
    "last_values",
    "recipe_of",
]
