"""Listeners: they are told of every update of a training, and may ask it to stop. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
  from mjx_humanoid.playback.policy import Policy
  from mjx_humanoid.run.logger import MetricsLogger
  from mjx_humanoid.run.loop import Loop

# Called with the environment step and what was measured there. True asks the training to stop.
OnMetrics = Callable[[int, Mapping[str, float]], bool | None]


class Listener:
  """Is told what happens in a training, in this order; a class derived from it has the methods that it needs.

  An error that a method raises ends the training there; checkpoints that were saved before stay.
  """

  def on_start(self, loop: Loop) -> None:
    """Before the first update.

    The loop can be asked at any time: `loop.step` and `loop.total` in environment steps, `loop.config`, `loop.folder`
    of the run, and `loop.policy()`, the policy of that moment, which is made only if somebody asks.
    """

  def on_message(self, line: str) -> None:
    """A line for the person who trains."""

  def on_activity(self, activity: str) -> None:
    """What goes on while no steps are counted, such as compiling."""

  def on_update(self, step: int, metrics: Mapping[str, float]) -> bool | None:
    """After every update.

    Args:
      step: environment steps so far.
      metrics: means over the update's episodes and minibatches; NaN where there was none.

    Returns:
      True to stop the training: after everybody was told, it is saved and judged as at the end of its budget.
    """
    return None

  def on_card(self, report: Mapping[str, Any]) -> None:
    """After a report card during training, as JSON's own types; see playback/judge.py."""

  def on_end(self, report: Mapping[str, Any]) -> None:
    """After the last checkpoint and the final report card, unless an error ended the training."""

  def close(self) -> None:
    """Releases what on_start opened. Called whatever ended the training."""


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
    self._logger.write(report['timesteps'], {'card/success_rate': report['success_rate']})

  def close(self) -> None:
    self._logger.close()


class Warnings(Listener):
  """Says where physics diverged, or where gradients were not finite."""

  def on_start(self, loop: Loop) -> None:
    self._say = loop.say
    self._diverged, self._next = 0, 1  # environments so far, and how many there are when it is said again

  def on_update(self, step: int, metrics: Mapping[str, float]) -> None:
    self._diverged += round(metrics['diverged'])
    if self._diverged >= self._next:  # not once for each: among wide starts there are some in every million steps
      self._next = 2 * self._diverged
      self._say(f'environments that diverged and were reset up to step {step:,}: {self._diverged:,}')
    if skipped := metrics.get('skipped'):
      self._say(f'{skipped:.0f} minibatches gave no finite gradient at step {step:,}; they were left out.')


class Callback(Listener):
  """Calls a function after every update."""

  def __init__(self, function: OnMetrics) -> None:
    self._function = function

  def on_update(self, step: int, metrics: Mapping[str, float]) -> bool:
    return self._function(step, metrics) is True


class Videos(Listener):
  """Asks for a video of the policy every so many environment steps."""

  def __init__(self, record: Callable[[Policy, int], None], interval: int) -> None:
    """Films policies.

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
