"""The training loop: collect, update, call listeners, until the budget is spent or a listener stops it."""

from __future__ import annotations

import contextlib
import math
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import jax
import numpy as np

from mjx_humanoid.core.config.schema import Config
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.precision import single_precision
from mjx_humanoid.envs.invalid import INVALID_STATE
from mjx_humanoid.playback.find import load
from mjx_humanoid.playback.policy import Policy
from mjx_humanoid.run import hosts, memory
from mjx_humanoid.run.listeners import Listener, Metrics, Warnings
from mjx_humanoid.run.lock import RunLock
from mjx_humanoid.run.logger import seconds_spent
from mjx_humanoid.run.policies import from_policy, to_policy
from mjx_humanoid.run.progress import Clock, Progress
from mjx_humanoid.run.report_cards import ReportCards, judged_at
from mjx_humanoid.run.run_log import RunLog
from mjx_humanoid.run.saving import Checkpoints
from mjx_humanoid.run.setup import Setup
from mjx_humanoid.run.trainer import Snapshot, Trainer, TrainState


class StopRequest:
  """Turns the first Ctrl-C, SIGTERM or hang-up into a request to stop; a second one stops at once.

  A terminal that closes may hang up twice, so only the others stop at once.
  """

  SIGNALS = tuple(getattr(signal, name) for name in ('SIGINT', 'SIGTERM', 'SIGHUP') if hasattr(signal, name))

  def __init__(self) -> None:
    self.wanted = False
    self._before: dict[int, Any] = {}

  def __enter__(self) -> StopRequest:
    for number in self.SIGNALS:
      if number == getattr(signal, 'SIGHUP', None) and signal.getsignal(number) == signal.SIG_IGN:
        continue  # nohup: the user asked for that
      try:
        self._before[number] = signal.signal(number, self._handle)
      except ValueError:  # only the main thread may handle signals
        break
    return self

  def __exit__(self, *error: object) -> None:
    for number, handler in self._before.items():
      signal.signal(number, handler)

  def _handle(self, number: int, frame: FrameType | None) -> None:
    if self.wanted and number != getattr(signal, 'SIGHUP', None):
      raise KeyboardInterrupt
    self.wanted = True


@dataclass
class Loop:
  """One training in one folder."""

  setup: Setup
  folder: Path
  listeners: Sequence[Listener] = ()  # in addition to those of every training
  started: float = field(default_factory=time.time)  # start time of the process, for the report

  def __post_init__(self) -> None:
    self.trainer = Trainer(self.setup)
    self.iterations = math.ceil(self.config.total_timesteps / self.trainer.steps_per_iteration)
    self.state: TrainState  # after the last update that was started
    self._ahead = False
    self._under_way: Any = None  # metrics of an update that was started and that no listener was told of
    self._kept: Snapshot | None = None  # before that update
    self.invalid_state: np.ndarray | None = None  # in the last update, see envs/invalid.py
    self._policy: Policy | None = None
    self._checkpoints = Checkpoints(self.setup, self.folder)
    self._cards = ReportCards(self.started)
    # In the order of their calls: metrics are on disk before other listeners use them.
    others = (Metrics(), RunLog(), Warnings(), Progress(), *self.listeners)
    self._told = (*(others if hosts.first() else ()), self._checkpoints, *((self._cards,) if hosts.first() else ()))

  @single_precision()
  def begin(self, resume: bool = False, step: int | None = None) -> TrainState:
    """A new training, or that of a checkpoint. A run that was stopped before its first checkpoint starts again.

    Args:
      step: of the checkpoint, by default the latest.

    Raises:
      UserError: there is no checkpoint, it does not fit or was altered, or the budget is spent.
    """
    if not resume or (step is None and self._checkpoints.nothing()):
      source = self.config.init_from
      with memory.explained(self.config):
        return self.trainer.start(from_policy(load(source), self.config) if source else None)
    state = self._checkpoints.restore(self.trainer, step)
    done = state.iteration * self.trainer.steps_per_iteration
    if state.iteration >= self.iterations and judged_at(self.folder) == done:
      raise UserError(
        f'this run has reached its {done:,} steps; give it more with --config.total_timesteps={2 * done}.'
      )
    return state

  def run(self, state: TrainState) -> dict[str, Any]:
    """Trains to the end of the budget, or until a listener or a signal stops the training.

    Returns:
      The report card of the final policy, which is also in the run's folder, and 'stopped_early': whether a signal
      stopped the training. Then the final policy was not judged, and the card is the last one, if any.

    Raises:
      UserError: the disk is full, where what was saved before stays; or another training runs in the folder.
    """
    self.state, self._ahead = state, self.trainer.runs_ahead(state)
    with self._lock(), StopRequest() as stop, self._listening():
      self.doing('compiling')
      clock, ended = Clock(self.step, seconds_spent(self.folder)), False
      while self.iteration < self.iterations and not ended:
        ended = hosts.agreed(self._iterate(clock) or stop.wanted)
      self.doing('saving')
      self._checkpoints.save()
      stopped = hosts.agreed(stop.wanted) and self.iteration < self.iterations
      card = self._cards.latest if stopped or not hosts.first() else self._cards.final()
      report = {**card, 'stopped_early': stopped}
      for listener in self._told:
        listener.on_end(report)
    return report

  def _lock(self) -> AbstractContextManager[Any]:
    """The lock of the run folder, held by the first of several processes."""
    return RunLock(self.folder) if hosts.first() else contextlib.nullcontext()

  def _iterate(self, clock: Clock) -> bool:
    """One update; calls all listeners. Returns whether one of them stops the training.

    Where the trainer can run ahead, the next update is started before the metrics of this one are fetched, so that the
    device computes while listeners write, save and judge. They use copies of the state in between. A training that they
    stop ends there: what was computed since is dropped.
    """
    measured = self._start_update() if self._under_way is None else self._under_way
    self._kept = self._under_way = None
    if self._ahead and self.state.iteration < self.iterations:
      self._kept = self.trainer.snapshot(self.state, copied=True)
      self._under_way = self._start_update()
    return self._report(measured, clock)

  def _start_update(self) -> Any:
    """Starts the next update, and returns its metrics, which need not be computed yet. Fetches nothing."""
    if self.trainer.restarts_at(self.state.iteration):
      self.say(f'training restarts at step {self.step:,} from its own policy (config.restart_interval).')
    with memory.explained(self.config):
      self.state, measured = self.trainer.step(self.state)
    return measured

  def _report(self, measured: Any, clock: Clock) -> bool:
    """Fetches the metrics of an update and calls all listeners. Returns whether one of them stops the training."""
    with memory.explained(self.config):
      fetched = jax.device_get(measured)
    self._policy = None
    self.invalid_state = fetched.pop(INVALID_STATE, None)
    metrics = {name: float(value) for name, value in fetched.items()}
    metrics = {name: value for name, value in metrics.items() if value or not name.startswith('invalid_term/')}
    metrics['steps_per_second'] = clock.tick(self.step)
    metrics['seconds'] = clock.seconds()
    return any([listener.on_update(self.step, metrics) for listener in self._told])

  @contextlib.contextmanager
  def _listening(self) -> Iterator[None]:
    """Starts all listeners, and closes the started ones at the end of the training, also after an error."""
    with contextlib.ExitStack() as stack:
      for listener in self._told:
        listener.on_start(self)
        stack.callback(listener.close)
      yield

  # For listeners

  @property
  def config(self) -> Config:
    """The config of the training."""
    return self.setup.config

  @property
  def iteration(self) -> int:
    """Updates so far, without one that was started and that listeners were not told of."""
    return self._kept.iteration if self._kept else self.state.iteration

  @property
  def step(self) -> int:
    """Environment steps so far."""
    return self.iteration * self.trainer.steps_per_iteration

  @property
  def total(self) -> int:
    """Environment steps at the end of the budget."""
    return self.iterations * self.trainer.steps_per_iteration

  def policy(self) -> Policy:
    """The present policy; made on demand, at most once per update."""
    if self._policy is None:
      learner = self._kept.learner if self._kept else self.state.learner
      self._policy = to_policy(self.setup, learner, self.step)
    return self._policy

  def snapshot(self) -> Snapshot:
    """The state of the training after the last update that listeners were told of."""
    return self._kept or self.trainer.snapshot(self.state)

  def due(self, interval: int) -> bool:
    """Whether the last update reached a multiple of `interval` steps; False at the end of the training."""
    before = self.step - self.trainer.steps_per_iteration
    return interval > 0 and before // interval < self.step // interval and self.step < self.total

  def say(self, line: str) -> None:
    """Shows the user a line."""
    for listener in self._told:
      listener.on_message(line)

  def doing(self, activity: str) -> None:
    """Reports an activity without environment steps."""
    for listener in self._told:
      listener.on_activity(activity)

  def tell_card(self, report: Mapping[str, Any]) -> None:
    """Passes a report card to all listeners."""
    for listener in self._told:
      listener.on_card(report)
