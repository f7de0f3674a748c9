"""What a person sees while training: a live panel on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

PLAIN_INTERVAL = 5.0  # s between lines where there is no terminal
FIGURES = ('episode_length', 'episode_return', 'loss', 'policy_loss', 'value_loss', 'entropy', 'kl', 'action_std')


def duration(seconds: float) -> str:
  """As 75 s or 12 min 03 s or 2 h 05 min."""
  whole = round(seconds)
  if whole < 120:
    return f'{whole} s'
  if whole < 7200:
    return f'{whole // 60} min {whole % 60:02d} s'
  return f'{whole // 3600} h {whole % 3600 // 60:02d} min'


class Progress:
  """Shows a training. Use as a context manager; `say` prints a line that stays."""

  def __init__(self, total: int, done: int = 0) -> None:
    self._console = Console()
    self._total, self._done = total, done
    self._first: int | None = None  # steps at the first update: speed counts from there, without compiling
    self._started = self._printed = time.monotonic()
    self._activity, self._since = '', 0.0
    self._metrics: dict[str, float] = {}
    self._live = Live(console=self._console, refresh_per_second=4, get_renderable=self._render, transient=True)

  def __enter__(self) -> Progress:
    if self._console.is_terminal:
      self._live.start()
    return self

  def __exit__(self, *error: object) -> None:
    if self._console.is_terminal:
      self._live.stop()

  def say(self, message: str) -> None:
    """A line that stays."""
    self._console.print(message, highlight=False, soft_wrap=True, markup=False)

  def doing(self, activity: str) -> None:
    """What is going on while no steps are counted, such as compiling; '' when it is over."""
    self._activity, self._since = activity, time.monotonic()
    if activity and not self._console.is_terminal:
      self.say(f'{activity} ...')

  def update(self, done: int, metrics: dict[str, float]) -> None:
    """The state after an update."""
    if self._first is None:
      self._started, self._first = time.monotonic(), done
    self._done, self._metrics, self._activity = done, metrics, ''
    now = time.monotonic()
    if not self._console.is_terminal and now - self._printed >= PLAIN_INTERVAL:
      self._printed = now
      self.say(self._line())

  @property
  def steps_per_second(self) -> float:
    """Environment steps a second since the first update."""
    counted = 0 if self._first is None else self._done - self._first
    return counted / max(time.monotonic() - self._started, 1e-9)

  def _left(self) -> str:
    speed = self.steps_per_second
    return duration((self._total - self._done) / speed) + ' left' if speed > 1 else ''

  def _line(self) -> str:
    length, total = self._metrics.get('episode_length', 0), self._metrics.get('episode_return', 0)
    return (
      f'{self._done:>12,} of {self._total:,} steps  {self.steps_per_second:,.0f} steps/s  {self._left()}'
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
    head = Text(f' {self._done:,} of {self._total:,} steps   {self.steps_per_second:,.0f} steps/s   {self._left()}')
    top = Table.grid()
    top.add_row(bar, head)
    table = Table.grid(padding=(0, 3))
    shown = [(name.replace('_', ' '), self._metrics[name]) for name in FIGURES if name in self._metrics]
    terms = [(name.removeprefix('term/'), v) for name, v in self._metrics.items() if name.startswith('term/')]
    for i in range(max(len(shown), len(terms))):
      left = (shown[i][0], f'{shown[i][1]:.3f}') if i < len(shown) else ('', '')
      right = (f'reward: {terms[i][0]}', f'{terms[i][1]:+.3f}') if i < len(terms) else ('', '')
      table.add_row(*left, *right)
    return Group(top, table)
