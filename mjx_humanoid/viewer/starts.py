"""Where episodes of the live view begin: choices by name, drawn in a thread of its own."""

from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from mjx_humanoid.core.errors import reason, unknown
from mjx_humanoid.physics.states import settle
from mjx_humanoid.playback.chain import Stage
from mjx_humanoid.tasks.starts import make_start

OF_THE_TASK = 'as on the report card'
KEYFRAME = 'keyframe '
GENERAL = ('standing', 'fallen')  # of any robot

Drawn = Callable[[np.ndarray, np.ndarray], None]  # takes qpos [nq], qvel [nv]


def start_choices(stage: Stage, extra: str = '') -> list[str]:
  """Names of starts for a stage. Args: extra: a further start, by its name in config.task.start; '' for none."""
  keyframes = [f'{KEYFRAME}{name}' for name in stage.task.body.keyframes if name]
  return [OF_THE_TASK, *GENERAL, *keyframes, *([extra] if extra else [])]


def draw_start(stage: Stage, name: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
  """One start state qpos [nq], qvel [nv]. May take a second: starts on the floor are simulated until they rest.

  Raises:
    UserError: there is no such start.
  """
  task, body = stage.task, stage.task.body
  if name.startswith(KEYFRAME):
    key = name.removeprefix(KEYFRAME)
    if key not in body.keyframes:
      raise unknown('keyframe', key, body.keyframes)
    return body.keyframes[key].astype(float), np.zeros(body.nv)
  start = task.start if name == OF_THE_TASK else make_start(name)
  qpos, qvel = start(body, rng, np.full(1, task.config.start_strength), functools.partial(settle, stage.model))
  return np.asarray(qpos[0], float), np.asarray(qvel[0], float)


def check_start(stage: Stage, name: str) -> None:
  """Raises UserError if a start's name is unknown, or it cannot be drawn for this robot; '' is no start."""
  if name:
    draw_start(stage, name, np.random.default_rng(0))


class StartDrawer:
  """Draws start states in a thread, so that the simulation never waits for them."""

  def __init__(self, rng: np.random.Generator, failed: Callable[[str], None]) -> None:
    """Args: rng: of the start states; failed: told why a start could not be drawn."""
    self._rng, self._failed = rng, failed
    self._pool = ThreadPoolExecutor(1, 'starts')

  def draw(self, stage: Stage, name: str, drawn: Drawn) -> None:
    """Draws a start, and then calls `drawn` in the thread of the drawer; the standing pose if the start fails."""

    def work() -> None:
      try:
        qpos, qvel = draw_start(stage, name, self._rng)
      except Exception as error:  # of a start of the user's own, too
        self._failed(reason(error))
        qpos, qvel = stage.task.body.default_qpos.astype(float), np.zeros(stage.task.body.nv)
      drawn(qpos, qvel)

    self._pool.submit(work)

  def close(self) -> None:
    """Ends the thread after the present start."""
    self._pool.shutdown(wait=False, cancel_futures=True)
