"""The commands as functions: `import mjx_humanoid as mh; run = mh.train('stand'); mh.render(run)`.

For notebooks and scripts: the functions take and return Python values. Mistakes raise `UserError`, whose message lists
the valid choices. Heavy packages are imported when they are needed.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from ml_collections import ConfigDict

from mjx_humanoid.core import user_objects
from mjx_humanoid.core.border import expanded, output_path, plain, public
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.files import write_files
from mjx_humanoid.core.output import outliving_readers
from mjx_humanoid.motions.of_photo import pose  # noqa: F401 (part of this API)

if TYPE_CHECKING:
  import numpy as np

  from mjx_humanoid.playback.policy import Policy
  from mjx_humanoid.playback.trajectories import Trajectory
  from mjx_humanoid.run.listeners import Listener

# Called with the environment step and its metrics. Returns True to stop the training.
OnMetrics = Callable[[int, Mapping[str, float]], bool | None]


@dataclasses.dataclass(frozen=True)
class Run:
  """A finished training: its folder, its report card and its policy."""

  folder: Path
  report: dict[str, Any]

  @property
  def policy(self) -> Policy:
    """The trained policy."""
    return load(self.folder)

  @property
  def metrics(self) -> list[dict[str, float]]:
    """The metrics of the training, one entry per update."""
    from mjx_humanoid.run.logger import read_metrics

    return read_metrics(self.folder)

  def __repr__(self) -> str:
    """Its folder and its verdict: the whole card is in `report`."""
    rate = self.report.get('success_rate')
    return f'Run({str(self.folder)!r}, {"not judged" if rate is None else f"{rate:.0%} of its report card"})'


PolicyLike: TypeAlias = 'Policy | Run | str | Path'


@public
def train(
  config: str | Path | ConfigDict = 'stand',
  *,
  name: str | None = None,
  resume: Run | str | Path | None = None,
  overwrite: bool = False,
  on_metrics: OnMetrics | None = None,
  listeners: Sequence[Listener] = (),
  **settings: Any,
) -> Run:
  """Trains a policy, as `python -m mjx_humanoid.train` does, without videos.

  Args:
    config: the name of a built-in config ('stand', 'walk', ...), a config file, or a ConfigDict.
    resume: a run to continue from its latest checkpoint, or as 'runs/x@best' from another; settings change its config.
    name: name of the run; by default that of the config, with a number if the folder exists.
    overwrite: delete an existing run of the same name.
    on_metrics: called after every update, for example to plot during training; stops the training if it returns True.
    listeners: called at every event of the training, see run/listeners.py.
    settings: any setting of the config, sections as dicts:
      `total_timesteps=500_000, ppo={'learning_rate': 1e-3}`. A function may replace a name: `task={'reward': f}`.

  Returns: the run. If it was interrupted, its report has 'stopped_early'.

  Raises:
    UserError: an unknown setting, a value out of range, a run folder that exists already.
  """
  from mjx_humanoid.run.listeners import Callback
  from mjx_humanoid.run.request import asked
  from mjx_humanoid.run.start import set_up, start

  started, goes_on = time.time(), resume is not None
  values = {key: _source(value) for key, value in settings.items()}
  resolved, folder, step = asked(config, name, _source(resume), values, overwrite=overwrite)
  told = [*([Callback(on_metrics)] if on_metrics else []), *listeners]
  with outliving_readers():
    setup = set_up(resolved, resume=goes_on)
    loop, state = start(setup, folder, told, started, resume=goes_on, step=step, overwrite=overwrite)
    return Run(folder, loop.run(state))


@public
def load(reference: str | Path, *, own: Mapping[str, Any] | None = None, allow_code: bool = False) -> Policy:
  """Loads a policy from a run folder, a policy file or the name of a pretrained policy. Runs no code in it.

  The policy is a function from observations [..., O] to controls [..., A] in [-1, 1]. `policy.name`, `policy.task` and
  `policy.info` describe its training.

  Args:
    own: functions and robots that were passed to its training as Python objects, by name: {'f': f}.
    allow_code: allow user code in the policy's task to run. Code that you have trained with is always allowed.

  Raises:
    UserError: there is no such policy, it is damaged, or code that it needs is missing.
  """
  from mjx_humanoid.playback import find

  user_objects.give(own or {})
  return find.load(str(expanded(reference)), allow_code=allow_code)


@public
def evaluate(
  policy: PolicyLike,
  *,
  episodes: int = 100,
  seed: int = 0,
  card: Any = None,
  push: float | None = None,
  engine: str = 'native',
  allow_code: bool = False,
) -> dict[str, Any]:
  """The report card of a policy: what `python -m mjx_humanoid.evaluate` prints, as a dict.

  Args:
    card: another report card than that of the policy's task: a name or your own function, see playback/cards.py.
    allow_code: see load.
    push: force in N of a push of 0.2 s every 4 s, instead of the pushes of the card.
    engine: physics of the evaluation, 'native' (C MuJoCo) or 'mjx'.

  Raises:
    UserError: an unknown card or engine, a number out of range, a policy that does not fit its robot.
  """
  from mjx_humanoid.run.evaluation import evaluate_policy

  chosen = _policy(policy, allow_code)
  asked = plain({'episodes': episodes, 'seed': seed, 'push': push, 'engine': engine})
  return dict(plain(evaluate_policy(chosen, card=user_objects.named(plain(card)), **asked).card))


@public
def render(
  *policies: PolicyLike,
  compare: bool = False,
  seconds: float = 10.0,
  command: tuple[float, float, float] | None = None,
  push: float | None = None,
  start_strength: float | None = None,
  camera: str = 'track',
  width: int = 640,
  height: int = 480,
  framerate: int = 30,
  seed: int = 0,
  path: str | Path | None = None,
  force: bool = False,
  allow_code: bool = False,
) -> np.ndarray:
  """A video of policies, one after the other or side by side; like `python -m mjx_humanoid.play`.

  Args:
    compare: side by side, from the same start state; 'random' means random actions in the task of the first policy.
    seconds: of each policy; command: forward and sideways [m/s] and yaw [rad/s] velocity to track.
    push: force in N of a push of 0.2 s every 4 s; start_strength: of start states, by default the report card's.
    path: also write an .mp4 there; force: replace a file that exists; allow_code: see load.

  Returns: frames uint8 [T, height, width, 3], for `mh.show(frames)`.
  """
  import numpy as np

  from mjx_humanoid.media.film import Look, film_policies
  from mjx_humanoid.playback.judge import task_changes
  from mjx_humanoid.playback.limits import checked

  told = checked(seconds=seconds, command=command, push=push, start_strength=start_strength, seed=seed)
  video = output_path(path, ('.mp4',), 'a video', force=force)
  size = checked(width=width, height=height, framerate=framerate)
  chosen = _cast(policies, compare, allow_code)
  changes = task_changes(told['command'], told['push'], told['start_strength'])
  pictures = film_policies(chosen, changes, Look(camera, **size), told['seconds'], told['seed'], compare=compare)
  _write_video(video, pictures, size['framerate'])
  return np.stack(pictures)


def _write_video(path: Path | None, pictures: list[np.ndarray], framerate: int) -> None:
  from mjx_humanoid.media.render import write_video

  if path is not None:
    write_video(path, pictures, framerate)


def _cast(policies: Sequence[PolicyLike], compare: bool, allow_code: bool) -> list[Policy | None]:
  """The policies of a video; None means random actions. Raises UserError where all of them are."""
  from mjx_humanoid.playback.find import RANDOM

  chosen = [None if compare and isinstance(p, str) and p == RANDOM else _policy(p, allow_code) for p in policies]
  if not any(chosen):
    raise UserError('render needs a policy: mh.render(mh.load("stand")).')
  return chosen


def show(frames: np.ndarray, framerate: int = 30) -> None:
  """Shows frames [T, height, width, 3] as a video in a notebook."""
  import mediapy

  from mjx_humanoid.media.render import use_bundled_ffmpeg

  use_bundled_ffmpeg()
  mediapy.show_video(frames, fps=framerate)


@public
def export(policy: PolicyLike, path: str | Path, *, force: bool = False, allow_code: bool = False) -> list[Path]:
  """Writes a policy for use elsewhere, in the format that the path ends with: .onnx, .safetensors or .npz.

  Args:
    allow_code: see load.

  Returns:
    The files written: beside an .onnx also the robot's model, .xml.

  Raises:
    UserError: another ending, or a file that exists (force=True replaces it).
  """
  from mjx_humanoid.playback import export_formats as formats

  out = expanded(path)
  return list(formats.export(_policy(policy, allow_code), out.suffix.removeprefix('.'), out, force=force).files)


@public
def trajectory(
  policy: PolicyLike,
  *,
  seconds: float = 10.0,
  command: tuple[float, float, float] | None = None,
  start_strength: float | None = None,
  seed: int = 0,
  path: str | Path | None = None,
  force: bool = False,
  allow_code: bool = False,
) -> Trajectory:
  """One deterministic episode as arrays: time, qpos, qvel, ctrl, torque, power, contact.

  Args:
    command, start_strength, force, allow_code: see render.
    path: also write it there, as .xml (a model with a keyframe a control step), .npz, .csv or .png (a plot).
  """
  import numpy as np

  from mjx_humanoid.playback import keyframes, trajectories
  from mjx_humanoid.playback.judge import task_changes
  from mjx_humanoid.playback.limits import checked

  told = checked(seconds=seconds, command=command, seed=seed, start_strength=start_strength)
  out = output_path(path, TRAJECTORY_FILES, 'a trajectory', force=force)
  chosen = _policy(policy, allow_code)
  task, model, text = keyframes.own_task(chosen, task_changes(told['command'], start_strength=told['start_strength']))
  traced = trajectories.trace(task, model, chosen, told['seconds'], np.random.default_rng(told['seed']))
  if out is not None:
    write_files({out: _trajectory_file(traced, text, out.suffix, chosen.name)}, 'the trajectory')
  return traced


TRAJECTORY_FILES = ('.xml', '.npz', '.csv', '.png')


def _trajectory_file(traced: Trajectory, text: str, suffix: str, title: str) -> bytes:
  """The content of a file with one of the suffixes TRAJECTORY_FILES."""
  from mjx_humanoid.media import plots
  from mjx_humanoid.playback import keyframes, trajectories

  if suffix == '.xml':
    return keyframes.with_keyframes(text, traced).encode()
  if suffix == '.csv':
    return trajectories.to_csv(traced).encode()
  return trajectories.to_npz(traced) if suffix == '.npz' else plots.plot(traced, title)


def _policy(policy: PolicyLike, allow_code: bool) -> Policy:
  policy = policy.folder if isinstance(policy, Run) else policy
  return load(policy, allow_code=allow_code) if isinstance(policy, str | Path) else policy


def _source(run: Any) -> Any:
  """The folder of a Run; anything else as it is."""
  return run.folder if isinstance(run, Run) else run
