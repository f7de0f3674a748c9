"""Follows a run that is being trained: its newest policy, and the curves of its metrics."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable
from pathlib import Path

from mjx_humanoid.core.errors import reason
from mjx_humanoid.core.run_folder import POLICY_FILE
from mjx_humanoid.playback import find
from mjx_humanoid.playback.chain import Stage, make_stages

METRICS_FILE = 'metrics.jsonl'
LIVE_POLICY = Path('live', POLICY_FILE)  # in the folder of a run: the newest policy, saved for a viewer
CURVES = ('episode_return', 'episode_length', 'card/success_rate')
POLL = 1.0  # s
MOST_POINTS = 300  # of a curve; longer ones keep one point in each of half as many equal stretches of steps
LARGEST_READ = 4 << 20  # bytes of new metrics that are read at a time


class Follower:
  """Looks for a new policy file and new metrics in a run's folder, once a second, in a thread of its own."""

  def __init__(self, folder: Path, *, allow_code: bool = False) -> None:
    """Nothing is read yet. Args: folder: of the run."""
    self.folder = folder
    self.curves: dict[str, tuple[list[float], list[float]]] = {}  # steps and values, by metric
    self.trouble = ''  # why the newest policy could not be taken
    self._allow_code = allow_code
    self._seen: tuple[int, int] = (0, 0)
    self._read = 0  # bytes of the metrics
    self._closing = threading.Event()
    self._thread: threading.Thread | None = None

  def newest(self) -> tuple[Stage, str] | None:
    """The stage of the run's policy and its name with the step, if it is new since the last call.

    Raises:
      UserError: the policy cannot be loaded, as one of another version.
    """
    found = []
    for path in (self.folder / POLICY_FILE, self.folder / LIVE_POLICY):
      with contextlib.suppress(OSError):
        found.append(((status := path.stat()).st_mtime_ns, status.st_ino, path))
    if not found or max(found)[:2] == self._seen:
      return None
    *stamp, path = max(found)
    self._seen = (stamp[0], stamp[1])
    policy = find.load(str(path), allow_code=self._allow_code)
    return make_stages([policy], {})[0], f'{self.folder}, {policy.info.get("timesteps", 0):,} steps'

  def wait_for_first(self, say: Callable[[str], None]) -> tuple[Stage, str]:
    """The first policy of the run; waits for it, and says so once. Raises UserError as `newest`."""
    said = False
    while (found := self.newest()) is None:
      if not said:
        say(f'{self.folder} has no policy yet: waiting for its first checkpoint (Ctrl-C ends) ...')
        said = True
      self._closing.wait(POLL)
    return found

  def start(self, took: Callable[[Stage, str], None]) -> None:
    """Starts the thread. Args: took: called with every new policy."""

    def run() -> None:
      while not self._closing.wait(POLL):
        self.read_metrics()
        try:
          if found := self.newest():
            took(*found)
            self.trouble = ''
        except Exception as error:  # in code of the user's own, too
          self.trouble = reason(error)

    self.read_metrics()
    self._thread = threading.Thread(target=run, name='follower', daemon=True)
    self._thread.start()

  def close(self) -> None:
    """Ends the thread."""
    self._closing.set()

  def read_metrics(self) -> None:
    """Adds new lines of the metrics to the curves. A run that starts over starts its curves over."""
    path = self.folder / METRICS_FILE
    try:
      if path.stat().st_size < self._read:
        self._read, self.curves = 0, {}
      with path.open('rb') as file:
        file.seek(self._read)
        text = file.read(LARGEST_READ)
    except OSError:
      return
    whole = text[: text.rfind(b'\n') + 1]
    self._read += len(whole)
    curves = {name: (list(x), list(y)) for name, (x, y) in self.curves.items()}
    for line in whole.splitlines():
      _add(line, curves)
    self.curves = {name: _thinned(*curve) for name, curve in curves.items()}


def _add(line: bytes, curves: dict[str, tuple[list[float], list[float]]]) -> None:
  """Adds a line of metrics.jsonl to the curves. A line that is not one is left out."""
  try:
    metrics = json.loads(line)
    step = float(metrics['timesteps'])
    values = {name: float(metrics[name]) for name in CURVES if metrics.get(name) is not None}
  except (ValueError, KeyError, TypeError):
    return
  for name, value in values.items():
    steps, shown = curves.setdefault(name, ([], []))
    steps.append(step)
    shown.append(value)


def _thinned(steps: list[float], values: list[float]) -> tuple[list[float], list[float]]:
  """A curve with at most MOST_POINTS points, evenly over the training however often it is thinned; keeps the ends."""
  if len(steps) <= MOST_POINTS:
    return steps, values
  width = max(steps[-1], 1.0) / (MOST_POINTS // 2 - 1)
  kept = {step // width: i for i, step in enumerate(steps)}  # the last point of each stretch
  chosen = sorted({0, *kept.values()})
  return [steps[i] for i in chosen], [values[i] for i in chosen]
