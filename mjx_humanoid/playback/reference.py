"""Reference policies: gaits by inverse kinematics, played and exported like learned policies, for any task with a gait.

'reference:biped' is the reference policy for the task of the config biped.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import mujoco
import numpy as np

from mjx_humanoid.core.config import files, schema
from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.saved_code import portable
from mjx_humanoid.motions.around import Around, around_clip
from mjx_humanoid.motions.gait import Reference
from mjx_humanoid.motions.kinematics import Legs
from mjx_humanoid.motions.reference import CLOCKS, SEEN, has_gait, make_reference
from mjx_humanoid.physics.body import Body
from mjx_humanoid.playback.policy import Policy
from mjx_humanoid.playback.rollout import observation_of_start, standing, task_and_model
from mjx_humanoid.tasks.observations import slices
from mjx_humanoid.tasks.task import Task, robot_of

PHASES = 32  # of a stride, at which targets of the feet are tried
TOLERANCE = 1e-3  # rad by which an angle may be outside the range of its joint


def reference_of(task: Task, model: mujoco.MjModel) -> Reference:
  """The reference policy of a task. Raises UserError like motions.reference.make_reference."""
  view, context = standing(task, model)
  return make_reference(task.body, task.config, slices(task.config.observations, view, context, task.body))


def base_of(kind: str, task: Task, model: mujoco.MjModel) -> Reference | Around | None:
  """The base policy of config.network.residual; None for ''. Raises UserError where the task has none of this kind."""
  if kind == 'clip':
    view, context = standing(task, model)
    return around_clip(task.body, slices(task.config.observations, view, context, task.body))
  return reference_of(task, model) if kind else None


def reference_policy(config: TaskConfig) -> Policy:
  """The reference policy of a task, as a policy whose network adds nothing. Raises UserError like reference_of."""
  task, model = task_and_model(config)
  obs, actions = observation_of_start(task, model), task.body.nu
  size, base = obs.shape[-1], reference_of(task, model)
  return Policy(
    kernels=(np.zeros((size, actions), np.float32),),
    biases=(np.zeros(actions, np.float32),),
    log_std=np.full(actions, -10.0, np.float32),  # so that sampled actions are the same
    mean=np.zeros(size, np.float32),
    std=np.ones(size, np.float32),
    activation='tanh',
    task=config,
    info={'name': f'reference_{task.body.robot.name}', 'out_of_reach': out_of_reach(base, task, obs)},
    base=base,
  )


def named(name: str, load: Callable[[str], Policy]) -> Policy:
  """The reference policy for the task of a config, a run or a policy.

  Says in a line how much of the stride is out of the legs' reach, if any is.

  Args:
    load: loads a policy by its name.

  Raises:
    UserError: there is no such config or policy, or its task has no reference gait; names configs that have one.
  """
  is_config = name in files.config_names() or name.endswith('.py')
  task = schema.resolve(files.load_config(name)).task if is_config else load(name).task
  try:
    policy = reference_policy(task)
  except UserError as error:
    raise UserError(f'{error} {elsewhere(task)}'.strip()) from None
  if note := reach_note(policy.info['out_of_reach']):
    print(f'note: {note}')
  return policy


def elsewhere(task: TaskConfig) -> str:
  """Which built-in configs have a gait for the robot of a task without one; '' where that is not what is lacking."""
  if has_gait(task) or not robot_of(task).leg_joints:
    return ''
  tasks = {name: schema.resolve(files.load_config(name)).task for name in files.config_names()}
  names = [f'reference:{name}' for name, other in tasks.items() if other.robot == task.robot and has_gait(other)]
  robot = portable(task.robot)
  if names:
    return f'For {robot} there is {", ".join(names)}.'
  return (
    f'No built-in config of {robot} has one: make a config with it that observes {", ".join(SEEN)} and {CLOCKS[0]}.'
  )


def reach_note(share: float) -> str:
  """What to tell a user about the share of targets that is out of reach; '' if there is nothing to tell."""
  return (
    f'{share:.0%} of the positions of the feet are out of reach and moved to where the legs can be.' if share else ''
  )


def share_out_of_reach(base: Reference | Around | None, task: Task, model: mujoco.MjModel) -> float:
  """The same share for the base policy of a training; 0 for one that is no reference gait."""
  return out_of_reach(base, task, observation_of_start(task, model)) if isinstance(base, Reference) else 0.0


def out_of_reach(reference: Reference, task: Task, obs: np.ndarray) -> float:
  """The share of targets of feet that the legs cannot reach, over the stride and the extremes of the commands.

  A target counts as out of reach, too, where a joint would have to leave its range.

  Args:
    obs: [1, O] the observation of the standing pose.
  """
  command, places = task.config.command, reference.places
  rows = []
  for corner in itertools.product(*zip(command.low, command.high, strict=True)):
    asked = corner if command.kind == 'sampled' and places.command >= 0 else reference.gait.command
    for phase in np.arange(PHASES) / PHASES:
      row = obs[0].copy()
      row[places.phase : places.phase + 2] = math.sin(2 * math.pi * phase), math.cos(2 * math.pi * phase)
      row[places.velocity : places.velocity + 2] = asked[:2]
      if places.command >= 0:
        row[places.command : places.command + 3] = asked
      rows.append(row)
  turns, within = reference.turns(np.array(rows))
  return float(1 - (within & in_range(reference.legs, turns, task.body)).mean())


def in_range(legs: Legs, turns: list[np.ndarray], body: Body) -> np.ndarray:
  """Whether all joints of a leg stay in their ranges, bool [..., L].

  Args:
    turns: the angles [..., L] in rad by which hips, knees, ankles and abduction joints leave the standing pose.
  """
  good = np.ones_like(turns[0], bool)
  for turn, joints, signs in zip(turns, legs.joints.T, legs.signs.T, strict=True):
    angle, (low, high) = body.default_angles[joints] + signs * turn, body.joint_range[joints].T
    good &= (joints < 0) | ((angle > low - TOLERANCE) & (angle < high + TOLERANCE))
  return good
