"""The trials of a search: recipes that Optuna draws, each trained and judged on validation, and stored so that a killed search goes on."""

import json
import os
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context

import optuna
import torch
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import MedianPruner
from optuna.samplers import TPESampler
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback, fail_stale_trials
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from training.data import mnist
from training.learn.loop import Trainer
from training.recipe import Recipe, TrainingError
from training.search.search_space import Space, as_flags, drawn, own_values

HEARTBEAT_S = 5  # a process at a trial says so as often
SILENT_S = 20  # one that has not said so for so long was killed, and its trial begins anew
FIRST = 5  # trials that are drawn at random, and that none is compared with before they have ended
WARM_UP = 0.25  # the share of the epochs after which a trial may be given up
ENDED = (TrialState.COMPLETE, TrialState.PRUNED)
BASE, FIELDS = "base", "fields"  # what a study keeps beside its trials


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """What is searched.

    Attributes:
        base: the recipe whose fields are changed.
        space: of those fields.
        storage: SQLAlchemy's URL of the database that keeps the trials.
        trials: how many are to end in all, those that are given up early among them.
        splits: MNIST's training and validation split.
    """

    base: Recipe
    space: Space
    storage: str
    trials: int
    splits: tuple[mnist.Split, mnist.Split]


@contextmanager
def unwarned() -> Iterator[None]:
    """Without Optuna's warnings that its heartbeats may change some day: the locks name the version."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield


@unwarned()
def open_study(plan: SearchPlan, *, process: int = 0) -> Study:
    """The study in the plan's database, which is made where there is none.

    Args:
        process: a number for each, so that no two draw the same recipes.
    Raises:
        TrainingError: the database holds the search of another recipe or of other fields.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # it warns of a trial that somebody ended with a traceback
    again = RetryHeartbeatStaleTrialCallback()
    storage = RDBStorage(plan.storage, heartbeat_interval=HEARTBEAT_S, grace_period=SILENT_S, heartbeat_stale_trial_callback=again)
    study = optuna.create_study(
        storage=storage,
        study_name="recipes",
        load_if_exists=True,
        direction="minimize",
        sampler=TPESampler(n_startup_trials=FIRST, seed=1000 * plan.base.seed + process),
        pruner=MedianPruner(n_startup_trials=FIRST, n_warmup_steps=max(1, round(WARM_UP * plan.base.epochs))),
    )
    asked = {BASE: json.dumps(asdict(plan.base), sort_keys=True), FIELDS: ",".join(plan.space)}
    if not study.user_attrs:
        for name, value in asked.items():
            study.set_user_attr(name, value)
        study.enqueue_trial(own_values(plan.base, plan.space))
    if study.user_attrs != asked:
        told = json.loads(study.user_attrs[BASE])
        other = [name for name, value in asdict(plan.base).items() if told.get(name) != value]
        what = f"of another recipe, which differs in {', '.join(other)}" if other else f"of the fields {study.user_attrs[FIELDS]}"
        raise TrainingError(f"the search that is kept there is {what}; remove it, or search in another --run")
    return study


def search(plan: SearchPlan, processes: int) -> Study:
    """Go on until the plan's trials have ended, in several processes side by side; the study."""
    study = open_study(plan)
    if processes == 1:
        _go_on(plan, study)
    else:
        with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
            list(pool.map(partial(_work, plan, processes), range(processes)))
    return study


def _work(plan: SearchPlan, processes: int, process: int) -> None:
    """One process of several, with its share of the cores."""
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // processes))
    _go_on(plan, open_study(plan, process=process))


@unwarned()
def _go_on(plan: SearchPlan, study: Study) -> None:
    """Take one trial after the other, until all have ended; while others have the last ones, wait for them."""
    while True:
        fail_stale_trials(study)
        ended, under_way = (len(study.get_trials(deepcopy=False, states=states)) for states in (ENDED, (TrialState.RUNNING,)))
        if ended >= plan.trials:
            return
        if ended + under_way < plan.trials:
            study.optimize(partial(tried, plan=plan), n_trials=1, callbacks=[tell])
        else:
            time.sleep(1)


def tried(trial: Trial, plan: SearchPlan) -> float:
    """The share of validation's pictures that the best epoch of a trial reads wrong.

    Raises:
        TrialPruned: it is behind the others.
        KeyboardInterrupt: somebody ends the search; the trial is the next one then.
    """
    try:
        trainer = Trainer(drawn(trial, plan.base, plan.space), *plan.splits)
        progress = trainer.progress
        while progress.epoch < plan.base.epochs and not trainer.is_stuck():
            trainer.epoch()
            wrong = 1 - progress.best_accuracy
            trial.report(wrong, progress.epoch)
            if progress.epoch < plan.base.epochs and trial.should_prune():
                raise optuna.TrialPruned(f"after epoch {progress.epoch}")
    except KeyboardInterrupt:
        trial.study.enqueue_trial(trial.params)
        raise
    return wrong


def wrong_of(trial: FrozenTrial) -> float:
    """The share of validation's pictures that the best epoch of an ended trial read wrong, 0 to 1."""
    return min(trial.intermediate_values.values())


def tell(study: Study, trial: FrozenTrial) -> None:
    """Print how a trial ended."""
    if trial.state not in ENDED:
        return
    epochs = len(trial.intermediate_values)
    seconds = trial.duration.total_seconds() if trial.duration else 0.0
    gave_up = "given up after" if trial.state == TrialState.PRUNED else "all of"
    print(
        f"trial {trial.number:3d}  wrong {wrong_of(trial):.2%}  {gave_up} {epochs} epochs, {seconds:.0f} s  {as_flags(trial.params)}",
        flush=True,
    )
