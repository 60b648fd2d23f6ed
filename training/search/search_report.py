"""The report of a search: its best recipe as flags, what mattered, and how each trial ended."""

import base64
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import jinja2
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from training.evaluate.plots import to_png
from training.recipe import RECIPES, Recipe
from training.search.search_space import as_flags
from training.search.trials import ENDED, FIRST, wrong_of

REPORT = "search.html"
TEMPLATE = "search.html.jinja"
LEAST = 0.01  # percent; less, as where nothing is wrong, has no place on an axis of logarithms
WHOLE, GIVEN_UP, RULE, INK = "#2563eb", "#d1d5db", "#e5e7eb", "#1f2937"


def importances(study: Study) -> Mapping[str, float]:
    """What share of the differences between trials each field explains, the greatest first; none until some trials have ended.

    Source: Watanabe et al., PED-ANOVA: efficiently quantifying hyperparameter importance in arbitrary subspaces (2023).
    """
    whole = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(whole) <= FIRST or len({trial.value for trial in whole}) == 1:
        return {}
    return get_param_importances(study, evaluator=PedAnovaImportanceEvaluator())


def command_of(study: Study, name: str, base: Recipe) -> str:
    """The command that trains the best recipe with several seeds, since a search has looked at one.

    Args:
        base: the recipe of that name, with the fields that were changed for the whole search.
    """
    changed = {field: value for field, value in asdict(base).items() if value != getattr(RECIPES[name], field)}
    return f"make train-many RECIPE={name} FLAGS='{as_flags(changed | study.best_trial.params)}'"


def write_report(study: Study, name: str, base: Recipe, folder: Path) -> Path:
    """Leave the page in a folder, which needs nothing beside it; its path.

    Args:
        name, base: as command_of takes them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ended = study.get_trials(deepcopy=False, states=ENDED)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"percent": "{:.2%}".format, "flags": as_flags, "wrong": wrong_of}
    page = environment.get_template(TEMPLATE).render(
        recipe=name,
        best=study.best_trial,
        own=next((trial for trial in ended if all(getattr(base, field) == value for field, value in trial.params.items())), None),
        command=command_of(study, name, base),
        trials=sorted(ended, key=lambda trial: (trial.state != TrialState.COMPLETE, wrong_of(trial))),
        plot=f"data:image/png;base64,{base64.b64encode(to_png(search_figure(study, ended))).decode()}",
    )
    path = folder / REPORT
    path.write_text(page, encoding="utf-8")
    return path


def search_figure(study: Study, ended: list[FrozenTrial]) -> Figure:
    """Each trial's errors with the best so far, and beside it what mattered, where that can be told."""
    figure, mattered = Figure(figsize=(9.6, 3.6), layout="constrained"), importances(study)
    by_trial, *rest = figure.subplots(1, 2, width_ratios=[3, 2], squeeze=False)[0] if mattered else [figure.add_subplot()]
    numbers, wrong = np.array([trial.number for trial in ended]), np.array([max(LEAST, 100 * wrong_of(trial)) for trial in ended])
    is_whole = np.array([trial.state == TrialState.COMPLETE for trial in ended])
    by_trial.plot(numbers[~is_whole], wrong[~is_whole], "o", color=GIVEN_UP, markersize=5, label="given up")
    by_trial.plot(numbers[is_whole], wrong[is_whole], "o", color=WHOLE, markersize=5, label="trained to the end")
    by_trial.step(numbers, np.minimum.accumulate(wrong), where="post", color=INK, linewidth=1, label="best so far")
    by_trial.set_yscale("log")
    by_trial.set_ylim(wrong.min() / 1.2, wrong.max() * 1.2)
    by_trial.yaxis.set_major_formatter("{x:.2g}")
    by_trial.yaxis.set_minor_formatter("{x:.2g}")
    by_trial.set_xlim(-0.5, numbers.max() + 0.5)
    by_trial.xaxis.set_major_locator(MaxNLocator(integer=True))
    by_trial.set_xlabel("trial", color=INK)
    by_trial.set_ylabel("validation read wrong, %", color=INK)
    by_trial.legend(frameon=False)
    for by_field in rest:
        names = list(mattered)[::-1]
        by_field.barh(names, [100 * mattered[name] for name in names], color=WHOLE, height=0.6)
        by_field.set_xlabel("of the differences explained, %", color=INK)
    for axes in (by_trial, *rest):
        axes.grid(color=RULE)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    return figure
