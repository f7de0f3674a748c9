"""The report of a sweep: best settings, and plots of importance, history, slices, coordinates and correlation."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mjx_humanoid.studies.page import Page
from mjx_humanoid.studies.plots import png, tidy
from mjx_humanoid.studies.trials import FAILED, METRICS

if TYPE_CHECKING:
  from optuna import Study
  from optuna.trial import FrozenTrial

SHOWN = 10  # trials in the table
LEAST = 4  # complete trials for the plots
ACROSS = 5  # settings in a row of the plot of slices


def report(study: Study, metric: str, out: Path) -> Path:
  """Writes the report to the folder `out` and returns the path of its HTML. Raises UserError if it cannot."""
  complete = by_state(study, 'COMPLETE')
  page = Page(f'Sweep of {study.study_name}')
  counts = ', '.join(f'{len(by_state(study, state))} {state.lower()}' for state in ('COMPLETE', 'PRUNED', 'FAIL'))
  page.text(f'{len(study.trials)} trials: {counts}. The score is the {METRICS[metric]}.')
  ordered = sorted(complete, key=lambda trial: -(trial.value or 0.0))
  names = list(dict.fromkeys(name for trial in study.trials for name in trial.params))
  page.heading('Best trials')
  page.table(['trial', 'score', *names], [row(trial, names) for trial in ordered[:SHOWN]])
  failed = by_state(study, 'FAIL')
  if failed:
    page.heading('Failed trials')
    page.table(['trial', 'reason'], [[str(t.number), t.user_attrs.get(FAILED, 'interrupted')] for t in failed])
  if len(complete) >= LEAST and len({trial.value for trial in complete}) > 1:  # equal scores have no importances
    page.heading('Plots')
    for name, caption, draw in PLOTS:
      page.picture(name, draw(study), caption)
  return page.write(out)


def by_state(study: Study, state: str) -> list[FrozenTrial]:
  """The trials of a state, by the name that Optuna gives it."""
  return [trial for trial in study.trials if trial.state.name == state]


def row(trial: FrozenTrial, names: list[str]) -> list[str]:
  """The cells of a trial."""
  values = [trial.params.get(name, '') for name in names]
  return [str(trial.number), f'{trial.value:.3f}', *(f'{v:.3g}' if isinstance(v, float) else str(v) for v in values)]


def by_optuna(name: str) -> Callable[[Study], bytes]:
  """Draws a plot of optuna.visualization.matplotlib."""

  def draw(study: Study) -> bytes:
    import matplotlib

    matplotlib.use('Agg')
    import optuna
    from matplotlib import pyplot
    from optuna.visualization import matplotlib as visualization

    options: dict[str, Any] = {}
    if name == 'plot_param_importances':
      options['evaluator'] = optuna.importance.PedAnovaImportanceEvaluator()
    with warnings.catch_warnings(), matplotlib.rc_context():  # Optuna changes the style of the whole process
      warnings.simplefilter('ignore')
      axes = getattr(visualization, name)(study, **options)
      figure = np.ravel(axes)[0].figure
      figure.set_size_inches(max(8.0, 2.2 * np.size(axes)), 4.5)
      content = png(figure, tight=True)
    pyplot.close('all')
    return content

  return draw


def slices(study: Study) -> bytes:
  """The score of each complete trial against each of its settings; darker points are later trials."""
  from matplotlib.figure import Figure

  trials = by_state(study, 'COMPLETE')
  names = sorted({name for trial in trials for name in trial.params})
  rows = -(-len(names) // ACROSS)
  figure = Figure(figsize=(2.3 * ACROSS, 2.4 * rows + 0.2), layout='constrained')
  places = np.ravel(figure.subplots(rows, ACROSS, sharey=True, squeeze=False))
  for axes, name in zip(places, names, strict=False):
    _slice(axes, name, [trial for trial in trials if name in trial.params])
  for axes in places[len(names) :]:
    axes.axis('off')
  for axes in places[::ACROSS]:
    axes.set_ylabel('score')
  return png(figure)


def _slice(axes: Any, name: str, trials: list[FrozenTrial]) -> None:
  """Scores against one setting, which all of these trials have."""
  kind: Any = trials[0].distributions[name]
  values = [trial.params[name] for trial in trials]
  choices = [str(choice) for choice in getattr(kind, 'choices', ())]
  if choices:
    values = [choices.index(str(value)) for value in values]
    axes.set_xticks(range(len(choices)), choices, fontsize=8)
    axes.set_xlim(-0.5, len(choices) - 0.5)
  elif getattr(kind, 'log', False):
    axes.set_xscale('log')
    marks = np.geomspace(kind.low, kind.high, 3)
    axes.set_xticks(marks, [f'{mark:.2g}' for mark in marks])
    axes.set_xticks([], minor=True)
  shades = [trial.number for trial in trials]
  axes.scatter(values, [trial.value for trial in trials], c=shades, cmap='Blues', s=18, edgecolors='#555555')
  axes.set_xlabel(name)
  tidy(axes)


def correlation(study: Study) -> bytes:
  """Rank correlations (Spearman) of numeric settings and the score, over complete trials."""
  from matplotlib.figure import Figure

  names, ranks = ranked(by_state(study, 'COMPLETE'))
  size = 2.5 + 0.6 * len(names)
  figure = Figure(figsize=(size + 1, size), layout='constrained')
  axes = figure.subplots()
  matrix = np.corrcoef(ranks).reshape(len(names), len(names))  # of one row NumPy gives a single number
  image = axes.imshow(matrix, cmap='RdBu_r', vmin=-1, vmax=1)
  axes.set_xticks(range(len(names)), names, rotation=60, ha='right')
  axes.set_yticks(range(len(names)), names)
  for (i, j), value in np.ndenumerate(matrix):
    axes.text(j, i, f'{value:.2f}', ha='center', va='center', fontsize=8)
  figure.colorbar(image, ax=axes, shrink=0.7)
  return png(figure)


def ranked(trials: list[FrozenTrial]) -> tuple[list[str], np.ndarray]:
  """Names of the settings that are numbers and differ, and the score; their mean ranks [names, trials]."""
  columns = {name: [trial.params.get(name) for trial in trials] for name in trials[0].params}
  columns['score'] = [trial.value for trial in trials]
  numeric = {n: v for n, v in columns.items() if all(isinstance(x, int | float) for x in v) and len(set(v)) > 1}
  ranks = [ranks_of(np.array(values, float)) for values in numeric.values()]
  return list(numeric), np.array(ranks).reshape(len(numeric), len(trials))


def ranks_of(values: np.ndarray) -> np.ndarray:
  """Ranks [N] from 0; equal values share the mean of theirs."""
  _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
  ends = np.cumsum(counts)
  return ((ends - counts + ends - 1) / 2)[place]


PLOTS: tuple[tuple[str, str, Callable[[Any], bytes]], ...] = (
  ('importance', 'importance of each setting (PED-ANOVA)', by_optuna('plot_param_importances')),
  ('history', 'scores in the order of the trials', by_optuna('plot_optimization_history')),
  ('slices', 'score against each setting', slices),
  ('coordinates', 'settings of each trial and its score', by_optuna('plot_parallel_coordinate')),
  ('correlation', 'rank correlations of settings and score', correlation),
)
