"""Listeners: the training loop calls their methods, which can stop the training. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
  from mjx_humanoid.playback.policy import Policy
  from mjx_humanoid.run.logger import MetricsLogger
  from mjx_humanoid.run.loop import Loop

# Called with the environment step and its metrics. Returns True to stop the training.
OnMetrics = Callable[[int, Mapping[str, float]], bool | None]

CARD_METRICS = ('success_rate', 'episode_return')  # of report cards; the second only where they judge returns
INVALID = 'invalid_term/'  # begins the names of metrics that count how often a term was not finite


class Listener:
  """The training loop calls these methods, in this order. A derived class overrides those that it needs.

  An error in a method ends the training; earlier checkpoints stay.
  """

  def on_start(self, loop: Loop) -> None:
    """Before the first update.

    Listeners may use `loop.step` and `loop.total` (environment steps), `loop.config`, `loop.folder` (of the run) and
    `loop.policy()` (the policy after the update that they are told of, made on demand) at any time.
    """

  def on_message(self, line: str) -> None:
    """A line for the user."""

  def on_activity(self, activity: str) -> None:
    """An activity without environment steps, such as compiling, begins."""

  def on_update(self, step: int, metrics: Mapping[str, float]) -> bool | None:
    """After every update. On a GPU the next one is computed meanwhile, and dropped where this one ends the training.

    Args:
      step: environment steps so far.
      metrics: means over the update's episodes and minibatches; NaN if there was none.

    Returns:
      True to stop the training after all listeners were called; it is saved and judged as at its end.
    """
    return None

  def on_card(self, report: Mapping[str, Any]) -> None:
    """After a report card (JSON types) during training; see playback/judge.py."""

  def on_end(self, report: Mapping[str, Any]) -> None:
    """After the last checkpoint and the final report card, unless an error ended the training."""

  def close(self) -> None:
    """Releases what on_start opened. Also called after an error."""


class Metrics(Listener):
  """Writes metrics.jsonl and the event file for TensorBoard."""

  _logger: MetricsLogger

  def on_start(self, loop: Loop) -> None:
    from mjx_humanoid.run.logger import MetricsLogger

    self._loop = loop
    self._logger = MetricsLogger(loop.folder, loop.step, loop.say)

  def on_update(self, step: int, metrics: Mapping[str, float]) -> None:
    if self._loop.iteration % self._loop.config.log_interval == 0:
      self._logger.write(step, metrics)

  def on_card(self, report: Mapping[str, Any]) -> None:
    known = {f'card/{name}': report[name] for name in CARD_METRICS if name in report}
    self._logger.write(report['timesteps'], known)

  def close(self) -> None:
    self._logger.close()


class Warnings(Listener):
  """Reports divergence of physics, contacts that did not fit, and gradients that are not finite."""

  def on_start(self, loop: Loop) -> None:
    self._loop, self._say = loop, loop.say
    self._invalid, self._next_invalid, self._terms = 0, 1, set[str]()
    self._overflows, self._next_overflow = 0, 1
    self._diverged, self._next = 0, 1  # environments so far, and the number for the next message

  def on_update(self, step: int, metrics: Mapping[str, float]) -> None:
    self._diverged += round(metrics['diverged'])
    if self._diverged >= self._next:  # not for each: with wide start distributions, a few per million steps diverge
      self._next = 2 * self._diverged
      self._say(f'environments that diverged and were reset up to step {step:,}: {self._diverged:,}')
    self._overflows += round(metrics.get('overflow', 0.0))
    if self._overflows >= self._next_overflow:
      self._next_overflow = 2 * self._overflows
      self._say(
        f'environments with more contacts than MuJoCo Warp had room for, up to step {step:,}: {self._overflows:,}; some'
        ' contacts had no effect. --config.engine=mjx has room for all.'
      )
    self._warn_of_rewards(step, metrics)
    if skipped := metrics.get('skipped'):
      self._say(f'{skipped:.0f} minibatches gave no finite gradient at step {step:,}; they were left out.')

  def _warn_of_rewards(self, step: int, metrics: Mapping[str, float]) -> None:
    """Names the terms that were not finite while physics was."""
    counts = {
      name.removeprefix(INVALID): count for name, count in metrics.items() if name.startswith(INVALID) and count
    }
    self._invalid += round(max(metrics.get('invalid_reward', 0.0), *counts.values(), 0.0))
    new, self._terms = counts.keys() - self._terms, self._terms | counts.keys()
    if self._invalid < self._next_invalid and not new:
      return
    self._next_invalid = 2 * self._invalid
    terms = f': term {", ".join(map(repr, sorted(self._terms)))}' if self._terms else ''
    self._say(
      f'rewards that were not finite up to step {step:,}: {self._invalid:,}{terms}; they count as 0. Physics was sound:'
      f' look for a division by 0, or a root or logarithm of a negative number.{self._example()}'
    )

  def _example(self) -> str:
    """A sentence about a state in which a reward was not finite, with a space before it; '' if none is known."""
    row, task = self._loop.invalid_state, self._loop.setup.task
    if row is None or task is None:
      return ''
    from mjx_humanoid.run.invalid_states import show

    return f' {show(task, row, self._loop.folder)}'.rstrip()


class Callback(Listener):
  """Calls a function after every update."""

  def __init__(self, function: OnMetrics) -> None:
    self._function = function

  def on_update(self, step: int, metrics: Mapping[str, float]) -> bool:
    return self._function(step, metrics) is True


class Videos(Listener):
  """Requests a video of the policy every `interval` environment steps."""

  def __init__(self, record: Callable[[Policy, int], None], interval: int) -> None:
    """Requests videos.

    Args:
      record: called with the policy and the environment step.
      interval: environment steps between videos; 0 for none.
    """
    self._record, self._interval = record, interval

  def on_start(self, loop: Loop) -> None:
    self._loop = loop

  def on_update(self, step: int, metrics: Mapping[str, float]) -> None:
    if self._loop.due(self._interval):
      self._record(self._loop.policy(), step)
