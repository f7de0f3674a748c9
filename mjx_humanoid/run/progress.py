"""Output during training: a live panel on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from mjx_humanoid.run.listeners import Listener

if TYPE_CHECKING:
  from mjx_humanoid.run.loop import Loop

PLAIN_INTERVAL = 5.0  # s between lines without a terminal
FIGURES = ('episode_length', 'episode_return', 'loss', 'policy_loss', 'value_loss', 'entropy', 'kl', 'action_std')


def duration(seconds: float) -> str:
  """A duration in words: 75 s, 12 min 03 s or 2 h 05 min."""
  whole = round(seconds)
  if whole < 120:
    return f'{whole} s'
  if whole < 7200:
    return f'{whole // 60} min {whole % 60:02d} s'
  return f'{whole // 3600} h {whole % 3600 // 60:02d} min'


class Clock:
  """Measures environment steps per second, from the second update on without compilation, and the whole time."""

  def __init__(self, done: int, spent: float = 0.0) -> None:
    """Starts the clock.

    Args:
      done: environment steps that a resumed run starts from.
      spent: seconds of training that they took.
    """
    self._since, self._before = time.monotonic(), done
    self._begun = self._since - spent
    self._compiled = False

  def seconds(self) -> float:
    """Seconds of training so far, in all processes, with compilation and report cards."""
    return time.monotonic() - self._begun

  def tick(self, done: int) -> float:
    """Steps per second since the first update, after an update that led to `done` steps; at first, of that update."""
    now = time.monotonic()
    speed = (done - self._before) / max(now - self._since, 1e-9)
    if not self._compiled:
      self._compiled, self._since, self._before = True, now, done
    return speed


class Progress(Listener):
  """Shows a training: a live panel on a terminal, plain lines elsewhere."""

  def __init__(self) -> None:
    self._console = Console()
    self._total = self._done = self._updates = 0
    self._since = self._printed = time.monotonic()
    self._activity = ''
    self._metrics: Mapping[str, float] = {}
    self._live = Live(console=self._console, refresh_per_second=4, get_renderable=self._render, transient=True)

  def on_start(self, loop: Loop) -> None:
    self._total, self._done, self._printed = loop.total, loop.step, time.monotonic()
    if self._console.is_terminal:
      self._live.start()

  def close(self) -> None:
    if self._console.is_terminal:
      self._live.stop()

  def on_message(self, line: str) -> None:
    self._console.print(line, highlight=False, soft_wrap=True, markup=False)

  def on_activity(self, activity: str) -> None:
    self._activity, self._since = activity, time.monotonic()
    if activity and not self._console.is_terminal:
      self.on_message(f'{activity} ...')

  def on_update(self, step: int, metrics: Mapping[str, float]) -> None:
    self._done, self._metrics, self._activity = step, metrics, ''
    self._updates += 1
    now = time.monotonic()
    if not self._console.is_terminal and now - self._printed >= PLAIN_INTERVAL:
      self._printed = now
      self.on_message(self._line())

  def _speed(self) -> float:
    return self._metrics.get('steps_per_second', 0.0)

  def _left(self) -> str:
    """The remaining time; '' after the first update, which was mostly compilation."""
    known = self._updates > 1 and self._speed() > 1
    return duration((self._total - self._done) / self._speed()) + ' left' if known else ''

  def _line(self) -> str:
    length, total = self._metrics.get('episode_length', 0), self._metrics.get('episode_return', 0)
    return (
      f'{self._done:>12,} of {self._total:,} steps  {self._speed():,.0f} steps/s  {self._left()}'
      f'  episodes of {length:.0f} steps, return {total:.1f}'
    )

  def _render(self) -> RenderableType:
    if self._activity:
      spinner = Spinner('dots', f'{self._activity} ({time.monotonic() - self._since:.0f} s)')
      if not self._metrics:
        return spinner
      return Group(self._table(), spinner)
    return self._table() if self._metrics else Spinner('dots', 'starting')

  def _table(self) -> RenderableType:
    bar = ProgressBar(total=self._total, completed=self._done, width=40)
    head = Text(f' {self._done:,} of {self._total:,} steps   {self._speed():,.0f} steps/s   {self._left()}')
    top = Table.grid()
    top.add_row(bar, head)
    table = Table.grid(padding=(0, 3))
    shown = [(name.replace('_', ' '), self._metrics[name]) for name in FIGURES if name in self._metrics]
    terms = [(name.removeprefix('term/'), v) for name, v in self._metrics.items() if name.startswith('term/')]
    for i in range(max(len(shown), len(terms))):
      left = (shown[i][0], f'{shown[i][1]:.3f}') if i < len(shown) else ('', '')
      right = (Text(f'reward: {terms[i][0]}'), f'{terms[i][1]:+.3f}') if i < len(terms) else ('', '')
      table.add_row(*left, *right)
    return Group(top, table)
