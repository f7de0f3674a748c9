"""Trains a policy: python -m mjx_humanoid.train --config=configs/stand.py [--config.name=value ...]"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mjx_humanoid.core import model_files, saved_code
from mjx_humanoid.core.border import expanded, typed
from mjx_humanoid.core.callable_module import make_callable
from mjx_humanoid.core.config import files as config_file
from mjx_humanoid.core.config import schema
from mjx_humanoid.core.errors import UserError, command
from mjx_humanoid.core.files import check_writable
from mjx_humanoid.core.output import outliving_readers
from mjx_humanoid.core.run_folder import checkpoint_step, run_path, split_reference
from mjx_humanoid.core.saved_code import portable
from mjx_humanoid.run.resume import resumed

if TYPE_CHECKING:
  import argparse

  from mjx_humanoid.media.recorder import Recorder
  from mjx_humanoid.run.listeners import Listener
  from mjx_humanoid.run.setup import Setup

DEFAULT_CONFIG = 'configs/stand.py'
RECORDINGS = 'recordings'
VIDEO_SECONDS = 10.0


@command
def main(argv: Sequence[str]) -> None:
  """The command."""
  started = process_start()
  arguments, rest = arguments_of(argv)
  overrides = config_file.split_overrides(rest)
  step = None
  if arguments.resume:
    folder, which = split_reference(str(expanded(arguments.resume)))

    def changed(before: schema.Config) -> schema.Config:
      stored = schema.as_config_dict(schema.to_dict(before))
      return schema.resolve(config_file.apply_overrides(stored, overrides))

    config = resumed(folder, changed, allow_code=arguments.allow_code)
    step = checkpoint_step(folder, which) if which else None
  else:
    loaded = config_file.load_for_machine(arguments.config or DEFAULT_CONFIG, chosen(overrides))
    config = schema.resolve(config_file.apply_overrides(loaded, overrides))
    saved_code.allow(config, remember=True)  # the user typed its references
    folder = run_path(expanded(config.run_dir), config.name)
    check_folder(folder, overwrite=arguments.overwrite)
  join(arguments.coordinator)
  with outliving_readers():
    options: dict[str, Any] = {'step': step, 'overwrite': arguments.overwrite, 'listeners': live_view(arguments)}
    train(config, folder, started, resume=bool(arguments.resume), **options)


def chosen(overrides: Mapping[str, str]) -> list[str]:
  """The settings that the user has chosen; num_envs=auto leaves the choice."""
  return [name for name, value in overrides.items() if (name, value) != ('config.num_envs', 'auto')]


def arguments_of(argv: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
  """The arguments, and the settings. Raises UserError for options that contradict each other."""
  parser = config_file.parser('train', __doc__)
  parser.epilog = config_file.settings_help()
  parser.add_argument('--config', help='config file, or the name of a built-in config (configs/stand.py)')
  parser.add_argument(
    '--resume',
    metavar='RUN',
    help='folder of a run to continue from its latest checkpoint; RUN@best or RUN@500000 from another',
  )
  parser.add_argument('--overwrite', action='store_true', help='delete an existing run of the same name')
  parser.add_argument('--view', action='store_true', help='show the newest policy live in the browser')
  parser.add_argument('--allow-code', action='store_true', help=saved_code.ALLOW_HELP)
  parser.add_argument(
    '--coordinator',
    metavar='HOST:PORT',
    help='train in several processes that find each other here; each needs JAX_NUM_PROCESSES and JAX_PROCESS_ID',
  )
  model_files.add_option(parser)
  arguments, rest = parser.parse_known_args(argv)
  if arguments.resume and arguments.config:
    raise UserError('--resume uses the config of its run: leave out --config.')
  if arguments.resume and arguments.overwrite:
    raise UserError('--resume continues a run and --overwrite deletes it: leave out one of them.')
  if arguments.view:
    from mjx_humanoid.viewer.serving import check_installed

    check_installed()
  return arguments, rest


def live_view(arguments: argparse.Namespace) -> list[Listener]:
  """The listener of --view, if it is wanted."""
  if not arguments.view:
    return []
  from mjx_humanoid.viewer.beside import LiveView

  return [LiveView()]


def join(coordinator: str | None) -> None:
  """Joins the other processes of a training, if there are any. Raises UserError if the coordinator is not reached."""
  if coordinator or os.environ.get('JAX_COORDINATOR_ADDRESS'):
    from mjx_humanoid.run import hosts

    if place := hosts.wanted(coordinator):
      hosts.connect(*place)


def check_folder(folder: Path, *, overwrite: bool) -> None:
  """Raises UserError where a new run's folder exists, may not be deleted because it is no run, or cannot be made."""
  if overwrite:
    from mjx_humanoid.run.start import check_overwritable

    check_overwritable(folder)
  elif folder.exists():
    raise UserError(
      f'the run folder {folder} exists; choose another with --config.name=..., continue with --resume={typed(folder)},'
      ' or delete it with --overwrite'
    )
  check_writable(folder / config_file.CONFIG_FILE)


def train(
  config: schema.Config,
  folder: Path,
  started: float,
  *,
  resume: bool = False,
  step: int | None = None,
  overwrite: bool = False,
  listeners: Sequence[Listener] = (),
) -> dict[str, Any]:
  """Trains, and returns the report card.

  Args:
    folder: folder of the run, created here unless the run is resumed.
    started: start time of the process, for the report.
    step: of the checkpoint to resume from, by default the latest.
    overwrite: delete what an earlier run left in the folder.
    listeners: in addition to those of every training.
  """
  print(f'mjx_humanoid on {hardware()}', flush=True)
  from mjx_humanoid.media.recorder import Recorder
  from mjx_humanoid.playback.find import find_policy
  from mjx_humanoid.run.listeners import Videos
  from mjx_humanoid.run.start import set_up, start

  setup = set_up(config, resume=resume)
  announce(setup, folder)
  if config.init_from and not resume:
    print(f'starts from the policy {find_policy(config.init_from)}')
  recorder = Recorder(folder / RECORDINGS, config.framerate, VIDEO_SECONDS)
  told = [Videos(recorder, config.render_interval), *listeners]
  loop, state = start(setup, folder, told, started, resume=resume, step=step, overwrite=overwrite)
  if resume and state.iteration == 0:
    print('the run had learned nothing yet: it starts again')
  try:
    conclude(report := loop.run(state), folder, recorder if config.render_interval else None)
  finally:
    if line := recorder.stop():
      print(line)
  return report


def conclude(report: Mapping[str, Any], folder: Path, recorder: Recorder | None) -> None:
  """Says how a training ended and what can be done next, and makes the final video where there is a recorder."""
  from mjx_humanoid.playback.find import load
  from mjx_humanoid.run.report_cards import headline

  if 'card' in report:
    print(headline(report))
  elif report['stopped_early']:
    print('stopped and saved; no report card was made')
  if report['stopped_early']:
    print(f'continue with: python -m mjx_humanoid.train --resume={typed(folder)}')
    return
  if recorder is not None:
    print('rendering the final video ...', flush=True)
    print(recorder.final(load(str(folder))))
  card = '' if 'card' in report else ' --card=NAME'
  print(
    f'next: python -m mjx_humanoid.play {typed(folder)}\n      python -m mjx_humanoid.evaluate {typed(folder)}{card}'
  )


def announce(setup: Setup, folder: Path) -> None:
  """Prints the engine with the reason for it, the task and the run folder."""
  config, env = setup.config, setup.env
  engine = env.engine.name
  threads = getattr(env.engine, 'num_threads', 0)
  on = f' on {threads} threads' if threads else ''
  print(f'engine {engine}{on} ({setup.engine_reason}); {config.num_envs} environments of {portable(config.task.robot)}')
  print(
    f'task {portable(config.task.reward)!r}, {config.total_timesteps:,} steps, seed {config.seed}; run folder {folder}'
  )
  from mjx_humanoid.run.auto_envs import few_updates

  if warning := few_updates(config):
    print(warning, flush=True)
  if setup.physics:
    print(f'physics of training: {setup.physics}; report cards use that of the robot')
  for note in (*setup.notes, *saved_code.notes(config)):
    print(f'note: {note}')


def hardware() -> str:
  """The processor, its cores and, if present, an NVIDIA GPU."""
  cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()
  gpu = ', NVIDIA GPU present' if Path('/dev/nvidia0').exists() else ''
  return f'{platform.system()} {platform.machine()}, {cores} cores{gpu}'


def process_start() -> float:
  """Start time of this process in seconds since the epoch; the present time if unknown."""
  try:
    import psutil

    return float(psutil.Process().create_time())
  except ImportError:
    return time.time()


make_callable(__name__)

if __name__ == '__main__':
  main()
