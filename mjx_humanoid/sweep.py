"""Searches settings by many trainings: python -m mjx_humanoid.sweep --config=stand --space=ppo --out=folder"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mjx_humanoid.core import model_files
from mjx_humanoid.core.border import expanded, typed
from mjx_humanoid.core.config import files as config_file
from mjx_humanoid.core.config import schema
from mjx_humanoid.core.errors import UserError, command, unknown
from mjx_humanoid.core.files import check_writable, write_text
from mjx_humanoid.studies.space import load_space

if TYPE_CHECKING:
  from optuna import Study
  from optuna.trial import FrozenTrial

  from mjx_humanoid.studies.trials import Objective

MOST_TRIALS = 100_000
BEST = 'best.py'  # in the folder of the sweep


@command
def main(argv: Sequence[str]) -> None:
  """The command."""
  arguments = config_file.parser('sweep', __doc__ or '')
  arguments.add_argument('--config', required=True, help='config file, or the name of a built-in config')
  arguments.add_argument(
    '--space', required=True, help='file with a function get_space(), or the name of a built-in one'
  )
  arguments.add_argument('--out', required=True, help='folder of the study, its trials and its report; it continues')
  arguments.add_argument('--trials', type=int, default=40, help='trials of the study, those that exist included')
  arguments.add_argument('--metric', default='area', help='what is maximised: area, success_rate or return (area)')
  arguments.add_argument(
    '--storage', default='', help='URL of an Optuna storage, such as sqlite:///study.db, instead of a file in --out'
  )
  model_files.add_option(arguments)
  arguments.epilog = 'Settings for all trials: --config.name=value, see python -m mjx_humanoid.train --help.'
  parsed, rest = arguments.parse_known_args(argv)
  overrides, out = config_file.split_overrides(rest), expanded(parsed.out)
  check(parsed.trials, parsed.metric)
  from mjx_humanoid.studies.names import check_space
  from mjx_humanoid.studies.study import FILE, claim, need_optuna, open_study
  from mjx_humanoid.studies.sweep_report import report
  from mjx_humanoid.studies.trials import Objective

  need_optuna()
  space, loaded = load_space(parsed.space), config_file.load_config(parsed.config)
  base = schema.resolve(config_file.apply_overrides(loaded, overrides))
  objective = Objective(loaded, overrides, space, out, parsed.metric, base.seed)
  check_space(space, objective.changed)
  check_writable(out / 'report.html')
  study = open_study(base.name, parsed.storage, out)
  settings = {**schema.to_dict(base), 'run_dir': ''}
  claim(study, {'space': space, 'config': settings, 'metric': parsed.metric}, parsed.storage or str(out))
  optimize(study, objective, parsed.trials, parsed.storage or str(out))
  write_best(study, objective, base.name, out)
  print(f'wrote {report(study, parsed.metric, out)}')
  print(f'next: python -m mjx_humanoid.train --config={typed(out / BEST)}')
  print(f'      optuna-dashboard {typed(parsed.storage or out / FILE)}')


def check(trials: int, metric: str) -> None:
  """Raises UserError for a number out of range or an unknown metric."""
  from mjx_humanoid.studies.trials import METRICS

  if not 1 <= trials <= MOST_TRIALS:
    raise UserError(f'--trials={trials} is out of range: 1 to {MOST_TRIALS}.')
  if metric not in METRICS:
    raise unknown('metric', metric, METRICS)


def optimize(study: Study, objective: Any, trials: int, where: str) -> None:
  """Runs trials until the study has so many that are finished. Raises UserError if its storage is out of reach."""
  import optuna

  from mjx_humanoid.studies.study import reaching

  finished = tuple(state for state in optuna.trial.TrialState if state.is_finished())
  done = len(study.get_trials(deepcopy=False, states=finished))
  print(f'study {study.study_name!r}: {done} of {trials} trials are finished', flush=True)
  if done >= trials:
    return
  stop = optuna.study.MaxTrialsCallback(trials, states=finished)
  with reaching(where):
    study.optimize(objective, n_trials=trials - done, catch=(Exception,), callbacks=[stop, told])


def told(study: Study, trial: FrozenTrial) -> None:
  """Prints the result of a trial."""
  from mjx_humanoid.studies.trials import FAILED

  state = trial.state.name
  outcome = {'COMPLETE': f'score {trial.value}', 'PRUNED': 'pruned', 'FAIL': trial.user_attrs.get(FAILED, 'failed')}
  best = [t for t in study.get_trials(deepcopy=False) if t.state.name == 'COMPLETE']
  top = max(best, key=score, default=None)
  leader = f'; best: {top.value:.3f} of trial {top.number}' if top else ''
  print(f'trial {trial.number}: {outcome.get(state, state)}{leader}', flush=True)


def score(trial: FrozenTrial) -> float:
  """The score of a completed trial."""
  assert trial.value is not None, 'completed trials have a score'
  return trial.value


def write_best(study: Study, objective: Objective, name: str, out: Path) -> None:
  """Writes the best settings as a config file. Raises UserError if no trial was completed."""
  import json

  from mjx_humanoid.studies.trials import best_file

  complete = [trial for trial in study.trials if trial.state.name == 'COMPLETE']
  if not complete:
    raise UserError(f'no trial of the study was completed; the reasons are in {out}/trials and above.')
  best = max(complete, key=score)
  config = objective.changed({**json.loads(best.user_attrs['settings']), 'config.name': f'{name}_best'})
  source = f'Trial {best.number} of a sweep of {name}: score {best.value:.3f}.'
  write_text(out / BEST, best_file(config, source), 'the best config')
  print(f'wrote {out / BEST}')


if __name__ == '__main__':
  main()
