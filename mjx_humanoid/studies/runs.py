"""The trainings of a comparison: those that exist are reused, those that were stopped go on, the others are started."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mjx_humanoid.core import saved_code
from mjx_humanoid.core.config import files as config_file
from mjx_humanoid.core.config import schema
from mjx_humanoid.core.config.schema import Config
from mjx_humanoid.core.config.settings import to_dict
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.model_files import granted
from mjx_humanoid.run.report_cards import judged_at
from mjx_humanoid.studies.alike import check_judged_alike
from mjx_humanoid.studies.child import call

CHECK = 'mjx_humanoid.run.check_configs'
CARDS = 10  # report cards during a training whose config asks for none
FREE = (
  'name',
  'run_dir',
  'num_threads',
  'reference_envs',
)  # settings in which a run that exists may differ from the one that is wanted


@dataclass(frozen=True)
class Wanted:
  """One training of a comparison."""

  label: str  # name of its config
  seed: int
  config: Config
  arguments: tuple[str, ...]  # of the command train

  @property
  def folder(self) -> Path:
    """The run's folder."""
    return Path(self.config.run_dir) / self.config.name

  @property
  def state(self) -> str:
    """'missing', 'stopped' or 'complete'. Raises UserError if the folder holds a run with other settings."""
    file = self.folder / config_file.CONFIG_FILE
    if not file.is_file():
      return 'missing'
    found = to_dict(config_file.load_json(file))
    if difference := first_difference(to_dict(self.config), found):
      raise UserError(f'{self.folder} is a run with other settings: {difference}; give another --out=...')
    done = judged_at(self.folder)
    return 'complete' if done is not None and done >= self.config.total_timesteps else 'stopped'


def first_difference(wanted: Mapping[str, Any], found: Mapping[str, Any], prefix: str = 'config') -> str:
  """The first setting whose values differ, with both; '' if there is none."""
  for name in {**wanted, **found}:  # entries of dicts, such as reward weights, may be in one of them alone
    if prefix == 'config' and name in FREE:
      continue
    value, other = wanted.get(name), found.get(name)
    if isinstance(value, Mapping) and isinstance(other, Mapping):
      if difference := first_difference(value, other, f'{prefix}.{name}'):
        return difference
    elif (list(value) if isinstance(value, tuple) else value) != (list(other) if isinstance(other, tuple) else other):
      return f'{prefix}.{name} is {other!r} there and {value!r} here'
  return ''


def wanted_runs(names: Sequence[str], seeds: int, out: Path, overrides: Mapping[str, str]) -> list[Wanted]:
  """The trainings of these configs with the seeds 0 to seeds - 1.

  Args:
    names: config files, or names of built-in configs.
    out: folder of the comparison.
    overrides: settings for all of them, as given on the command line.

  Raises:
    UserError: an unknown config or setting, two configs of one name, or configs that do not judge alike.
  """
  configs: dict[str, Config] = {}
  found: list[Wanted] = []
  for name in names:
    loaded = config_file.load_config(name)
    base = schema.resolve(config_file.apply_overrides(loaded, dict(overrides)))
    if base.name in configs:
      raise UserError(f'two of the configs have the name {base.name!r}: give each its own config.name.')
    saved_code.allow(base, remember=True)  # the user typed its references
    configs[base.name] = base
    for seed in range(seeds):
      own = {
        'config.name': f'{base.name}-{seed}',
        'config.run_dir': str(out / 'runs'),
        'config.seed': str(seed),
        'config.engine': base.engine,  # given, so that train takes no variant for GPUs of its own accord
        'config.render_interval': '0',
        'config.stop_when_passed': 'False',
        'config.evaluation_interval': str(base.evaluation_interval or max(1, base.total_timesteps // CARDS)),
      }
      both = {**overrides, **own}
      config = schema.resolve(config_file.apply_overrides(loaded, both))
      arguments = (f'--config={name}', *(f'--{setting}={value}' for setting, value in both.items()))
      found.append(Wanted(base.name, seed, config, arguments))
  check_judged_alike(configs)
  return found


def same_rewards(configs: Sequence[Config]) -> bool:
  """Whether returns of these configs can be compared: they have the same reward, weights and time limit."""
  kinds = [(c.task.reward, c.task.weights, c.task.episode_length, c.task.frame_skip) for c in configs]
  return all(kind == kinds[0] for kind in kinds)


def train_all(runs: Sequence[Wanted]) -> None:
  """Trains what is missing and continues what was stopped, one after the other, each in a process of its own.

  Raises:
    UserError: a training failed; or, before anything is trained, a folder holds a run with other settings, or a
      training would refuse its config.
  """
  states = [run.state for run in runs]
  check_trainable([run for run, state in zip(runs, states, strict=True) if state == 'missing'])
  for number, (run, state) in enumerate(zip(runs, states, strict=True), 1):
    print(f'[{number} of {len(runs)}] {run.config.name}: {state}', flush=True)
    if state == 'complete':
      continue
    arguments = (f'--resume={run.folder}',) if state == 'stopped' else run.arguments
    train(run, arguments)


def check_trainable(runs: Sequence[Wanted]) -> None:
  """Raises UserError for a config that its training would refuse, such as the last one after hours of the others.

  That takes another process: this one leaves the memory of a GPU to the trainings.
  """
  first = {run.label: run.arguments for run in reversed(runs)}  # seeds make no difference
  if not first:
    return
  print(f'checking {", ".join(reversed(first))} ...', flush=True)
  status, error = call(['-m', CHECK, json.dumps(list(reversed(first.values()))), *granted()])
  if status:
    raise UserError(error or f'the check of the configs failed (exit status {status}).')


def train(run: Wanted, arguments: Sequence[str]) -> None:
  """Trains one run to its end. Raises UserError if that fails, and KeyboardInterrupt after a signal; see call."""
  again = 'the same command continues.'
  try:
    status, error = call(['-m', 'mjx_humanoid.train', *arguments, *granted()])
  except KeyboardInterrupt:
    print(f'{run.config.name} was stopped; {again}', flush=True)
    raise
  if error:
    raise UserError(f'the training {run.config.name} failed: {error}')
  if status:
    raise UserError(f'the training {run.config.name} failed (exit status {status}); {again}')
  if run.state != 'complete':
    raise UserError(f'{run.config.name} was stopped; {again}')


def labels(runs: Sequence[Wanted]) -> dict[str, list[Wanted]]:
  """The runs of each config, in order."""
  return {name: [run for run in runs if run.label == name] for name in dict.fromkeys(run.label for run in runs)}
