"""What a user changes in a task while it is simulated: the velocity command."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from mjx_humanoid.core.types import Array, View
from mjx_humanoid.tasks.context import Context, ContextMaker, ContextPart
from mjx_humanoid.tasks.task import Task

RANGES = (('forward [m/s]', -1.0, 2.0), ('left [m/s]', -0.6, 0.6), ('turn left [rad/s]', -1.5, 1.5))  # of sliders
COMMANDED_BY = 'velocity_command'  # the part of the context that is steered


@dataclass
class Steering:
  """The user's velocity command: forward, left [m/s], turning left [rad/s]; None leaves it to the task."""

  command: np.ndarray | None = None  # [3]


@dataclass(frozen=True, eq=False)
class SteeredCommand:
  """See ContextPart. Replaces the command of another part by the user's, while there is one."""

  part: ContextPart
  steering: Steering

  @property
  def draws(self) -> int:
    """See ContextPart."""
    return self.part.draws

  def start(self, context: Context, view: View, uniform: Array, level: Array | float) -> Context:
    """See ContextPart."""
    return self._steered(self.part.start(context, view, uniform, level))

  def advance(self, context: Context, before: Context, view: View, uniform: Array, level: Array | float) -> Context:
    """See ContextPart."""
    return self._steered(self.part.advance(context, before, view, uniform, level))

  def at_age(self, context: Context) -> Context:
    """See ContextPart."""
    return self.part.at_age(context)

  def mirror(self, context: Context) -> Context:
    """See ContextPart."""
    return self.part.mirror(context)

  def _steered(self, context: Context) -> Context:
    if self.steering.command is None:
      return context
    command = np.zeros_like(context.requested) + self.steering.command.astype(np.float32)
    return context._replace(command=command, requested=command)


def steered(task: Task, steering: Steering) -> Task:
  """The task with a command that follows `steering`; the same task if it has no velocity command."""
  if not takes_commands(task):
    return task
  names, parts = task.config.context, list(task.context.parts)
  i = names.index(COMMANDED_BY)
  parts[i] = SteeredCommand(parts[i], steering)
  return dataclasses.replace(task, context=ContextMaker(task.body, tuple(parts)))


def takes_commands(task: Task) -> bool:
  """Whether a velocity command is part of the task."""
  return COMMANDED_BY in task.config.context


def observes_commands(task: Task) -> bool:
  """Whether the policy of the task observes the command; one that does not keeps doing what it was trained for."""
  return takes_commands(task) and 'command' in task.config.observations
