"""Reward terms of the live view, computed by JAX in a thread of its own, which the simulation never waits for."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np

from mjx_humanoid.core.errors import reason
from mjx_humanoid.core.process import COMPILER_OPTIONS
from mjx_humanoid.playback.rollout import Frame
from mjx_humanoid.tasks.task import Task
from mjx_humanoid.viewer.gauges import SECONDS, Series

if TYPE_CHECKING:
  from mjx_humanoid.viewer.simulation import Simulation

WAITING = 400  # control steps that wait for the reward; older ones are dropped
LONGEST = 20.0  # s, of compiling the reward
REST = 0.1  # s between two looks for new control steps
TOTAL = 'total'


class RewardMeter:
  """The total reward and each weighted term of the selected environment, and the returns of its episodes."""

  def __init__(self, simulation: Simulation) -> None:
    """Listens to a simulation; `start` begins to compute."""
    self.series = Series([TOTAL], 2)
    self.total = 0.0  # return of the present episode
    self.returns: deque[float] = deque(maxlen=100)  # of the latest episodes that ended
    self._simulation = simulation
    self._frames: deque[tuple[Frame, int, Task]] = deque(maxlen=WAITING)
    self._closing = threading.Event()
    self._thread = threading.Thread(target=self._run, name='rewards', daemon=True)
    self._task: Task | None = None
    self._reward: Any = None
    self._episode, self._over, self._seconds = -1, False, 0.0
    simulation.listen(self._heard)

  def start(self) -> None:
    """Starts the thread. JAX is imported with the first control step."""
    self._thread.start()

  def close(self) -> None:
    """Ends the thread after what it is doing: JAX must not be at work when Python ends."""
    self._closing.set()
    if self._thread.is_alive():
      self._thread.join(LONGEST)

  def _heard(self, frame: Frame, episode: int) -> None:
    self._frames.append((frame, episode, self._simulation.snapshot.stage.task))

  def _run(self) -> None:
    while not self._closing.wait(REST):
      try:
        while self._frames and not self._closing.is_set():
          self._measure(*self._frames.popleft())
      except Exception as error:  # of a reward of the user's own, or JAX that cannot start
        self._simulation.tell(f'the reward is not shown: {reason(error)}')
        return

  def _measure(self, frame: Frame, episode: int, task: Task) -> None:
    if task is not self._task:
      self._prepare(task)
      self._frames.clear()  # what happened while JAX was imported is old
    total, terms = self._reward(*(type(part)(*map(_first, part)) for part in (frame.view, frame.context)))
    if self.series.names[1:] != tuple(terms):
      self.series = Series([TOTAL, *terms], max(2, round(SECONDS / task.body.control_step)))
    values = np.nan_to_num([float(total), *map(float, terms.values())])
    self._seconds += task.body.control_step
    self.series.add(self._seconds, values.tolist())
    if episode != self._episode:
      self._episode, self._over, self.total = episode, False, 0.0
    if not self._over:
      self.total += float(values[0])
      if frame.terminated[0]:
        self._over = True
        self.returns.append(self.total)

  def _prepare(self, task: Task) -> None:
    import jax

    from mjx_humanoid.core.precision import backend, single_precision

    options = COMPILER_OPTIONS if backend() == 'cpu' else None  # UserError where JAX cannot start
    compiled = jax.jit(lambda view, context: task.reward(view, task.body, context), compiler_options=options)
    self._task, self._reward = task, single_precision()(compiled)


def _first(part: Any) -> Any:
  return {name: _first(x) for name, x in part.items()} if isinstance(part, dict) else np.asarray(part[0])
