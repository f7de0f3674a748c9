"""One trial of a sweep: a training that reports intermediate scores, and may be pruned for them."""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mjx_humanoid.core.config import files as config_file
from mjx_humanoid.core.config import schema
from mjx_humanoid.core.config.schema import Config
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.run_folder import CHECKPOINTS
from mjx_humanoid.run.apart import FOLDER
from mjx_humanoid.run.listeners import Listener
from mjx_humanoid.studies.space import Space, suggest
from mjx_humanoid.studies.study import seed_sampler

if TYPE_CHECKING:
  from ml_collections import ConfigDict

  from mjx_humanoid.run.loop import Loop

CARDS = 5  # report cards during a trial whose config asks for none
FAILED = 'failed'  # attribute of a trial: why it failed
LOSSES = ('loss', 'critic_loss')
METRICS = {  # what a sweep maximises
  'area': 'mean success rate of all report cards of a training, so that fast learning counts',
  'success_rate': 'success rate of the final report card',
  'return': 'mean return of the training episodes of the last fifth',
}


class Scores(Listener):
  """Collects the scores of a training and reports them to an Optuna trial, which may prune the training."""

  def __init__(self, trial: Any, metric: str) -> None:
    """Args: metric: one of METRICS."""
    self._trial, self._metric = trial, metric
    self._cards: dict[int, float] = {}  # success rates by environment step
    self._returns: list[tuple[int, float, float]] = []  # step, mean return, episodes

  def on_start(self, loop: Loop) -> None:
    self._loop = loop

  def on_update(self, step: int, metrics: Mapping[str, float]) -> None:
    if metrics.get('skipped') and not all(math.isfinite(metrics[name]) for name in LOSSES if name in metrics):
      raise UserError(f'no gradient was finite at step {step:,}')
    if metrics['episodes']:
      self._returns.append((step, metrics['episode_return'], metrics['episodes']))
    if self._metric == 'return' and self._loop.due(self._loop.config.evaluation_interval):
      self._report(step, self._mean_return(0.8 * step))

  def on_card(self, report: Mapping[str, Any]) -> None:
    self._cards[report['timesteps']] = report['success_rate']
    if self._metric != 'return':
      self._report(report['timesteps'], report['success_rate'])

  def score(self, report: Mapping[str, Any]) -> float:
    """The score of the finished training with this final report card. Raises UserError if it is not finite."""
    self._cards[report['timesteps']] = report['success_rate']
    if self._metric == 'return':
      value = self._mean_return(0.8 * report['timesteps'])
    else:
      value = report['success_rate'] if self._metric == 'success_rate' else float(np.mean(list(self._cards.values())))
    if not math.isfinite(value):
      raise UserError(f'its score is {value}')
    return value

  def _mean_return(self, since: float) -> float:
    late = [(value, count) for step, value, count in self._returns if step > since]
    return float(np.average(*np.array(late).T)) if late else math.nan

  def _report(self, step: int, value: float) -> None:
    """Reports an intermediate score. Raises optuna.TrialPruned if the trial is worse than the others at this step."""
    import optuna

    if math.isfinite(value):
      self._trial.report(value, step)
      if self._trial.should_prune():
        raise optuna.TrialPruned(f'pruned at step {step:,} with {value:.3g}')


class Objective:
  """Trains with the settings that a trial suggests; returns the score."""

  def __init__(
    self, loaded: ConfigDict, overrides: Mapping[str, str], space: Space, out: Path, metric: str, seed: int
  ) -> None:
    """Prepares trials.

    Args:
      out: folder of the sweep; a trial's run is in its folder trials/.
      seed: of the samplers.
    """
    self._loaded, self._overrides, self._space, self._out, self._metric = loaded, overrides, space, out, metric
    self._seed = seed

  def config(self, values: Mapping[str, str], number: int) -> Config:
    """The config of a trial with these values of the space. Raises UserError if they do not fit each other."""
    own = {'config.name': f'{number:04d}', 'config.run_dir': str(self._out / 'trials'), 'config.render_interval': '0'}
    config = self.changed({**values, **own})
    if config.evaluation_interval:
      return config
    return self.changed({**values, **own, 'config.evaluation_interval': str(max(1, config.total_timesteps // CARDS))})

  def changed(self, values: Mapping[str, str]) -> Config:
    """The config of the sweep with these values."""
    return schema.resolve(config_file.apply_overrides(self._loaded, {**self._overrides, **values}))

  def __call__(self, trial: Any) -> float:
    """The score. Whatever else goes wrong is recorded with the trial, and raised."""
    import optuna

    seed_sampler(trial, self._seed)
    values = suggest(trial, self._space)
    trial.set_user_attr('settings', json.dumps(values))
    folder = self._out / 'trials' / f'{trial.number:04d}'
    print(f'trial {trial.number}: {described(values)}', flush=True)
    try:
      return self._train(trial, self.config(values, trial.number), folder)
    except optuna.TrialPruned:
      raise
    except Exception as error:
      trial.set_user_attr(FAILED, f'{type(error).__name__}: {str(error).split(chr(10))[0]}')
      raise
    finally:
      clear(folder)

  def _train(self, trial: Any, config: Config, folder: Path) -> float:
    import jax

    from mjx_humanoid.run.start import set_up, start

    jax.clear_caches()  # of the trial before; its programs would fill the memory
    scores = Scores(trial, self._metric)
    loop, state = start(set_up(config), folder, [scores], time.time())
    report = loop.run(state)
    if report['stopped_early']:
      raise KeyboardInterrupt
    return scores.score(report)


def described(values: Mapping[str, str]) -> str:
  """Settings in one line."""
  return ', '.join(f'{name.removeprefix("config.")}={shortened(value)}' for name, value in values.items())


def shortened(value: str) -> str:
  """A value as on the command line; a number that is not whole with four digits."""
  try:
    return value if value.lstrip('-').isdecimal() else f'{float(value):.4g}'
  except ValueError:  # a word, or a list
    return value


def clear(folder: Path) -> None:
  """Deletes the large parts of a trial's run: no trial is continued."""
  for name in (CHECKPOINTS, FOLDER):
    shutil.rmtree(folder / name, ignore_errors=True)


def best_file(config: Config, source: str) -> str:
  """A config file, as text, that makes this config.

  Args:
    source: where its values come from, for its first line.
  """
  lines = [f'  {name} = {value!r}' for name, value in differences(schema.to_dict(schema.Config()), config)]
  head = ['from ml_collections import ConfigDict', '', 'from mjx_humanoid.config import default_config', '', '']
  body = ['def get_config() -> ConfigDict:', '  config = default_config()', *lines, '  return config', '']
  return '\n'.join([f'"""{source}"""', '', *head, *body])


def differences(defaults: Mapping[str, Any], config: Config) -> Sequence[tuple[str, Any]]:
  """Settings of a config that differ from their defaults, by dotted name."""
  found: list[tuple[str, Any]] = []

  def walk(before: Mapping[str, Any], after: Mapping[str, Any], prefix: str) -> None:
    for name, value in after.items():
      path = f'{prefix}.{name}'
      if path in schema.settings():
        if value != before.get(name):
          found.append((path, value))
      elif isinstance(value, Mapping):
        walk(before[name], value, path)

  walk(defaults, schema.to_dict(config), 'config')
  return found
