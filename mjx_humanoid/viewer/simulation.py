"""The simulation of the live view, in a thread of its own. Faces call it from any thread and read its snapshots.

It neither prints nor draws, and never waits for a face.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.playback.chain import Stage
from mjx_humanoid.playback.limits import FASTEST as FASTEST_COMMAND
from mjx_humanoid.viewer.gauges import Series
from mjx_humanoid.viewer.loop import INTERVAL, Listener, Loop
from mjx_humanoid.viewer.pace import FASTEST, SLOWEST
from mjx_humanoid.viewer.replay import Replay
from mjx_humanoid.viewer.snapshot import Snapshot
from mjx_humanoid.viewer.starts import StartDrawer, start_choices

MOST_REQUESTS = 500  # waiting; further ones are dropped
MOST_ENVS = 16
STRONGEST = 2000.0  # N, of a push of the user's
MOST_SINGLES = 100  # control steps that wait to be simulated one by one
IDLE = 0.25  # s between looks at whether anybody watches


class Simulation:
  """Environments under one policy. All methods may be called from any thread and return at once.

  Methods raise ValueError for numbers that are not finite or out of range, and for unknown names.
  """

  def __init__(
    self,
    stage: Stage,
    *,
    policy: str = '',
    num_envs: int = 1,
    seed: int = 0,
    extra_start: str = '',
    interval: float = INTERVAL,
  ) -> None:
    """Simulates nothing yet.

    Args:
      policy: what the user calls it; by default its name.
      num_envs: number of robots side by side.
      seed: of start states, commands and pushes.
      extra_start: a further start to choose, by its name in config.task.start.
      interval: s of wall time, least between two snapshots of one control step.
    """
    self.notice = ''  # the latest message for the user
    self._extra_start, self._watchers, self._failure = extra_start, 0, ''
    self._requests: queue.Queue[Callable[[], None]] = queue.Queue(MOST_REQUESTS)
    self._closing, self._wake, self._fresh = threading.Event(), threading.Event(), threading.Condition()
    self._starts = StartDrawer(np.random.default_rng([seed, 1]), self.tell)
    self._own: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()  # requests of the loop itself
    count = max(1, min(num_envs, MOST_ENVS))
    self._loop = Loop(stage, policy or stage.name, count, seed, interval, self._starts, self._publish, self._own.put)
    self.snapshot = self._loop.snapshot(-1)
    self._thread = threading.Thread(target=self._run, name='simulation', daemon=True)

  # Watching

  def start(self) -> None:
    """Starts the loop. Time passes only while there are watchers; see `watching`."""
    self._thread.start()

  def close(self) -> None:
    """Ends the loop."""
    self._closing.set()
    self._wake.set()
    if self._thread.is_alive():
      self._thread.join(5)
    self._starts.close()

  @contextlib.contextmanager
  def watching(self) -> Iterator[None]:
    """While anybody is inside, time passes."""
    with self._fresh:
      self._watchers += 1
    self._wake.set()
    try:
      yield
    finally:
      with self._fresh:
        self._watchers -= 1

  def wait(self, number: int, timeout: float) -> Snapshot:
    """The latest snapshot, as soon as its number is above `number`, or after `timeout` seconds."""
    with self._fresh:
      self._fresh.wait_for(lambda: self.snapshot.number > number or self._closing.is_set(), timeout)
    return self.snapshot

  def listen(self, listener: Listener) -> None:
    """Calls a function after every control step of the selected environment. It must be fast: the loop waits for it."""
    self._loop.listeners.append(listener)

  @property
  def watchers(self) -> int:
    """How many watch."""
    return self._watchers

  @property
  def failure(self) -> str:
    """Why the loop has ended, if it has ended by an error."""
    return self._failure

  @property
  def real_time(self) -> float:
    """Simulated over wall time in the last two seconds."""
    return self._loop.pace.measured

  @property
  def series(self) -> Series:
    """What the selected environment did in the last seconds; see gauges.QUANTITIES."""
    return self._loop.series

  @property
  def replay(self) -> Replay:
    """The last ten seconds of the selected environment."""
    return self._loop.replay

  @property
  def statistics(self) -> dict[str, float]:
    """Number and lengths of the ended episodes; see Statistics.read."""
    return self._loop.statistics.read()

  @property
  def start_name(self) -> str:
    """Where episodes begin, of `start_names`."""
    return self._loop.start_name

  @property
  def start_names(self) -> list[str]:
    """Starts to choose from."""
    return start_choices(self.snapshot.stage, self._extra_start)

  @property
  def auto_reset(self) -> bool:
    """Whether a new episode begins by itself after one has ended."""
    return self._loop.auto_reset

  @property
  def command(self) -> tuple[float, float, float] | None:
    """The user's velocity command; None if the task commands."""
    command = self._loop.steering.command
    return None if command is None else (float(command[0]), float(command[1]), float(command[2]))

  # Changing

  def tell(self, message: str) -> None:
    """Shows the user a line."""
    self.notice = message

  def steer(self, command: Sequence[float] | None) -> None:
    """Commands a velocity: forward, left [m/s], turning left [rad/s]; None leaves it to the task."""
    if command is None:
      self._loop.steering.command = None
      return
    if len(command) != 3:
      raise ValueError('a command has three numbers')
    self._loop.steering.command = np.array([finite(x, -FASTEST_COMMAND, FASTEST_COMMAND) for x in command])

  def push(self, force: float, angle: float, *, body: int | None = None, seconds: float = 0.2) -> None:
    """Pushes the selected robot horizontally.

    Args:
      force: N.
      angle: rad to the left of where the robot faces; pi pushes it backwards.
      body: id of the body; None is the root.
    """
    force, angle, seconds = finite(force, 0, STRONGEST), finite(angle, -100, 100), finite(seconds, 0.01, 5)
    if body is not None and not (isinstance(body, int) and 0 < body < self.snapshot.stage.model.nbody):
      raise ValueError(f'no body {body!r}')
    self._request(lambda: self._loop.push(force, angle, body, seconds))

  def pause(self, paused: bool) -> None:
    """Stops or continues time."""

    def request() -> None:
      self._loop.paused, self._loop.singles = bool(paused), 0

    self._request(request)

  def step_once(self) -> None:
    """Pauses, and simulates one control step."""

    def request() -> None:
      self._loop.paused = True
      self._loop.singles = min(self._loop.singles + 1, MOST_SINGLES)

    self._request(request)

  def set_speed(self, speed: float) -> None:
    """Sets the speed, times real time: 0.1 to 4."""
    chosen = finite(speed, SLOWEST, FASTEST)

    def request() -> None:
      self._loop.pace.speed = chosen
      self._loop.pace.restart()

    self._request(request)

  def select(self, env: int) -> None:
    """Chooses the environment that commands, pushes and plots are about."""
    chosen = int(finite(env, 0, len(self.snapshot.qpos) - 1))
    self._request(lambda: self._loop.select(chosen))

  def choose_start(self, name: str) -> None:
    """Chooses where episodes begin, and begins new ones."""
    if name not in self.start_names:
      raise ValueError(f'no start {name!r}')
    self._loop.start_name = name
    self.reset()

  def set_auto_reset(self, on: bool) -> None:
    """Chooses whether a new episode begins by itself after one has ended."""
    self._loop.auto_reset = bool(on)

  def reset(self) -> None:
    """Begins new episodes in all environments."""
    self._request(self._loop.begin_all)

  def play(self, stage: Stage, policy: str) -> None:
    """Takes another policy. The robots go on from where they are, unless it is of another robot."""
    self._request(lambda: self._loop.take(stage, policy))

  # In the thread of the loop, but for _request

  def _request(self, request: Callable[[], None]) -> None:
    with contextlib.suppress(queue.Full):  # from a client that sends faster than anybody could
      self._requests.put_nowait(request)
    self._wake.set()

  def _publish(self, snapshot: Snapshot) -> None:
    with self._fresh:
      self.snapshot = snapshot
      self._fresh.notify_all()

  def _run(self) -> None:
    try:
      while not self._closing.is_set():
        self._serve()
        if not self._watchers:
          self._loop.pace.restart()
        if not (self._watchers and self._loop.turn()):
          self._wake.wait(IDLE)
          self._wake.clear()
    except UserError as error:  # of a function of the user's own
      self._failure = str(error)
    except Exception as error:  # a fault: the main thread ends with it
      self._failure = f'{type(error).__name__}: {error}'
      raise

  def _serve(self) -> None:
    for requests in (self._own, self._requests):
      for _ in range(requests.qsize()):
        with contextlib.suppress(queue.Empty):
          requests.get_nowait()()
          if self._loop.paused and not self._loop.singles:
            self._loop.publish(-1)  # faces show the change while time stands still, too


def finite(value: float, low: float, high: float) -> float:
  """The value as a float. Raises ValueError if it is no number, not finite, or not in [low, high]."""
  if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
    raise ValueError(f'{value!r} is no number')
  if not low <= value <= high:  # which NaN fails, too
    raise ValueError(f'{value} is out of range: {low:g} to {high:g}')
  return float(value)
