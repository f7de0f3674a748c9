"""Rollouts of a policy in C MuJoCo with mujoco.rollout, independent of the trainer's physics code.

Every control step starts from the physics state (time, qpos, qvel) without a warm start of the solver. So a recorded
state and its controls determine the next state.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

import mujoco
import numpy as np
from mujoco import rollout as mujoco_rollout

from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.types import Inputs, View
from mjx_humanoid.physics import external, randomize
from mjx_humanoid.physics.body import describe
from mjx_humanoid.physics.model import build_model, quiet
from mjx_humanoid.physics.native import available_cores
from mjx_humanoid.physics.states import settle, view_states
from mjx_humanoid.playback.policy import Policy
from mjx_humanoid.tasks import step as control
from mjx_humanoid.tasks.context import Context
from mjx_humanoid.tasks.step import Noise
from mjx_humanoid.tasks.task import Task, make_task, robot_of

STATE = mujoco.mjtState.mjSTATE_FULLPHYSICS
CONTROL = int(mujoco.mjtState.mjSTATE_CTRL | mujoco.mjtState.mjSTATE_XFRC_APPLIED)  # in this order
SAME_STEP = 1e-6  # s by which control steps may differ
T = TypeVar('T', bound=tuple[Any, ...])
Controller = Callable[[np.ndarray], np.ndarray]  # observations [N, O] -> controls [N, A]
Physics = Callable[[Inputs], View]  # inputs of N environments -> their view a control step later


class Frame(NamedTuple):
  """N episodes after one control step."""

  view: View  # [N, ...]
  context: Context  # [N, ...] for reward and termination in this view
  terminated: np.ndarray  # [N] bool: the task's termination holds, or physics diverged
  push: np.ndarray  # [N, 3] N on the root during the step


class Trajectories(NamedTuple):
  """N episodes of T control steps, recorded after each; row t follows from ctrl[t]."""

  views: View  # [N, T, ...]
  start: View  # [N, ...] before the first step
  terminated: np.ndarray  # [N, T] bool
  contexts: Context  # [N, T, ...] for reward and termination in each state
  pushes: np.ndarray | None = None  # [N, T, 3] N on the root during each step


def task_and_model(config: TaskConfig) -> tuple[Task, mujoco.MjModel]:
  """A task, and its robot's model with a converged solver. Raises UserError for an unknown name."""
  robot = robot_of(config)
  model = build_model(robot, converged=True)
  return make_task(config, describe(robot, model, config.frame_skip)), model


def start_states(
  task: Task, model: mujoco.MjModel, rng: np.random.Generator, count: int
) -> tuple[np.ndarray, np.ndarray]:
  """Start states of the task: qpos [count, nq], qvel [count, nv]."""
  return task.starts(rng, count, functools.partial(settle, model))


def check_fit(policy: Policy, task: Task, model: mujoco.MjModel) -> None:
  """Raises UserError if a policy's sizes do not match its robot and observations, or its control step its robot."""
  size = observation_of_start(task, model).shape[-1]
  actions = len(policy.log_std)
  if (policy.observation_size, actions) != (size, task.body.nu):
    names = ', '.join(task.config.observations)
    raise UserError(
      f'{policy.name} has {policy.observation_size} observations and {actions} actions, but {task.config.robot} with'
      f' {names} has {size} and {task.body.nu}: it is a policy of another robot or task.'
    )
  trained, now = policy.info.get('control_step', task.body.control_step), task.body.control_step
  if abs(trained - now) > SAME_STEP:
    raise UserError(
      f'{policy.name} was trained with control steps of {1e3 * trained:.4g} ms, and {task.config.robot} now has'
      f' {1e3 * now:.4g} ms: train it again.'
    )


def observation_of_start(task: Task, model: mujoco.MjModel) -> np.ndarray:
  """The observation [1, O] of the standing pose."""
  view, context = standing(task, model)
  return np.asarray(task.observe(view, task.body, context))


def standing(task: Task, model: mujoco.MjModel) -> tuple[View, Context]:
  """The standing pose [1, ...] at the start of an episode."""
  view = view_states(model, task.body.default_qpos[None].astype(float), np.zeros((1, model.nv)))
  return view, task.context.start(view, np.zeros((1, task.context.draws)))


def rollout(
  task: Task,
  model: mujoco.MjModel,
  controller: Controller,
  qpos: np.ndarray,
  qvel: np.ndarray,
  steps: int,
  *,
  rng: np.random.Generator | None = None,
  stop_at_end: bool = True,
) -> Trajectories:
  """Plays `steps` control steps from each start.

  Args:
    controller: controls from observations; called once a control step for all episodes.
    qpos, qvel: [N, nq], [N, nv] start states.
    rng: generator of commands, pushes and randomised models; by default with seed 0.
    stop_at_end: end early when all episodes have terminated.
  """
  rng = rng or np.random.default_rng(0)
  fields = randomize.randomized_fields(model, task.config.randomization, rng, len(qpos))
  models = randomize.varied_models(model, fields, len(qpos))
  threads = [mujoco.MjData(model) for _ in range(available_cores())]
  state = np.stack([_physics_state(each, q, v) for each, q, v in zip(models, qpos, qvel, strict=True)])
  with mujoco_rollout.Rollout(nthread=len(threads)) as pool:

    def physics(inputs: Inputs) -> View:
      nonlocal state
      state, held = _acted_on(task, model, state, inputs)
      with quiet():
        states, sensors = pool.rollout(models, threads, state, held, control_spec=CONTROL)
        state, readings = states[:, -1], sensors[:, -1]
        external.fill_at(model, state, inputs.ctrl, readings)
      return _unpack(model, state, inputs.ctrl, readings)

    start = view_states(model, qpos, qvel)
    return collect(start, record(task, controller, start, physics, rng), steps, stop_at_end=stop_at_end)


def record(
  task: Task, controller: Controller, start: View, physics: Physics, rng: np.random.Generator
) -> Iterator[Frame]:
  """Plays endless episodes on any physics: yields one frame after each control step.

  Args:
    start: [N, ...] the start states.
    physics: one control step of all environments, from inputs to views.
    rng: generator of commands, pushes, delays and noise.
  """
  count, delays = len(start.qpos), task.action_delay
  uniform = rng.random((count, task.context.draws))
  delay = rng.integers(delays + 1, size=count) if delays else np.zeros(count, int)
  episode = control.push(task, control.begin(task, start, uniform, delay), rng.random((count, control.PUSH_DRAWS)))
  view = start
  while True:
    with np.errstate(over='ignore', invalid='ignore'):  # environments that diverge, and so end
      obs = control.observe(task, view, episode.context, _noise(task, count, rng))
      episode, inputs = control.act(task, episode, np.asarray(controller(obs)))
    view, push = physics(inputs), np.asarray(episode.push)
    judged = control.judged_by(episode)
    with np.errstate(over='ignore', invalid='ignore'):
      ended = task.terminate(view, task.body, judged) | control.diverged(view)
      episode = control.advance(task, episode, view, rng.random((count, task.context.draws)))
      episode = control.push(task, episode, rng.random((count, control.PUSH_DRAWS)))
    yield Frame(view, judged, ended, push)


def collect(start: View, frames: Iterable[Frame], steps: int, *, stop_at_end: bool) -> Trajectories:
  """The next `steps` frames as one record.

  Args:
    start: [N, ...] the state before the first of them.
    stop_at_end: end early when all episodes have terminated.
  """
  taken: list[Frame] = []
  ended = np.zeros(len(start.qpos), bool)
  for _, frame in zip(range(steps), frames, strict=False):
    taken.append(frame)
    ended |= frame.terminated
    if stop_at_end and ended.all():
      break
  views, contexts, terminated, pushes = zip(*taken, strict=True)
  ends, forces = np.stack(terminated, axis=1), np.stack(pushes, axis=1)
  return Trajectories(_stack(views), start, ends, _stack(contexts), forces)


def _noise(task: Task, count: int, rng: np.random.Generator) -> Noise | None:
  if not task.sensor_noise:
    return None
  return Noise(rng.standard_normal((count, len(task.body.joint_names))), rng.standard_normal((count, task.body.nv)))


def _stack(rows: Iterable[T]) -> T:
  """Named tuples of [N, ...] as one of [N, T, ...]."""
  rows = list(rows)

  def stacked(parts: list[Any]) -> Any:
    if isinstance(parts[0], dict):
      return {name: stacked([part[name] for part in parts]) for name in parts[0]}
    return np.stack(parts, axis=1)

  return type(rows[0])(*(stacked(list(field)) for field in zip(*rows, strict=True)))


def _acted_on(task: Task, model: mujoco.MjModel, state: np.ndarray, inputs: Inputs) -> tuple[np.ndarray, np.ndarray]:
  """The states after a kick, and the controls and forces of the control step [N, substeps, controls]."""
  root = task.body.root
  forces = np.zeros((len(state), model.nbody, 6))
  if inputs.force is not None:
    forces[:, root.body, :3] = inputs.force
  if inputs.kick is not None:
    elements, axes = root.kicks
    state = state.copy()
    state[:, 1 + model.nq + np.array(elements, int)] += inputs.kick @ axes.T
  row = np.concatenate([inputs.ctrl, forces.reshape(len(state), -1)], axis=1)
  return state, np.repeat(row[:, None], task.body.substeps, axis=1)


def _physics_state(model: mujoco.MjModel, qpos: np.ndarray, qvel: np.ndarray) -> np.ndarray:
  """time, qpos and qvel in one row, for mujoco.rollout."""
  data = mujoco.MjData(model)
  data.qpos[:], data.qvel[:] = qpos, qvel
  row = np.empty(mujoco.mj_stateSize(model, STATE))
  mujoco.mj_getState(model, data, row, STATE)
  return row


def _unpack(model: mujoco.MjModel, state: np.ndarray, ctrl: np.ndarray, sensordata: np.ndarray) -> View:
  """The view of N environments from their physics states, in float32; a diverging one becomes infinite."""
  with np.errstate(over='ignore'):
    x = state.astype(np.float32)
    qpos, qvel = x[:, 1 : 1 + model.nq], x[:, 1 + model.nq : 1 + model.nq + model.nv]
    return View(x[:, 0], qpos, qvel, np.asarray(ctrl, np.float32), sensordata.astype(np.float32))
