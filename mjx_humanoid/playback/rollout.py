"""Rolling a policy out in plain C MuJoCo, by mujoco.rollout: another code path than the trainer's.

Every control step starts from the physics state alone (time, qpos, qvel), with no warm start: what follows
from a recorded state and its controls is then the same wherever it is computed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import mujoco
import numpy as np
from mujoco import rollout as mujoco_rollout

from mjx_humanoid.config import TaskConfig
from mjx_humanoid.errors import UserError
from mjx_humanoid.physics.body import Body, describe
from mjx_humanoid.physics.model import build_model, quiet
from mjx_humanoid.physics.native import available_cores
from mjx_humanoid.playback.policy import Policy
from mjx_humanoid.robots import robots
from mjx_humanoid.tasks.episodes import STARTS, TERMINATIONS
from mjx_humanoid.tasks.observations import observe_all
from mjx_humanoid.types import Context, ObserveFn, TerminateFn, View

STATE = mujoco.mjtState.mjSTATE_FULLPHYSICS
Controller = Callable[[np.ndarray], np.ndarray]  # observations [N, O] -> controls [N, A]


@dataclass(frozen=True, eq=False)
class Scene:
  """A robot's model with a converged solver, and what a policy of a task sees in it."""

  task: TaskConfig
  model: mujoco.MjModel
  body: Body
  observe: ObserveFn
  terminate: TerminateFn
  substeps: int

  def starts(self, rng: np.random.Generator, n: int, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """Start states qpos [n, nq], qvel [n, nv] of the task."""
    return STARTS[self.task.start](self.body, rng, n, strength)

  def context(self, n: int, step: int, last_action: np.ndarray) -> Context:
    """What tasks know beside physics, for n worlds."""
    command = np.tile(np.asarray(self.task.command, np.float32), (n, 1))
    return Context(np.full(n, step, np.int32), last_action, command)


class Trajectories(NamedTuple):
  """N episodes of T control steps, recorded after each; row t follows from ctrl[t]."""

  views: View  # [N, T, ...]
  start: View  # [N, ...] before the first step
  terminated: np.ndarray  # [N, T] bool: the task's own end held in this state


def make_scene(task: TaskConfig) -> Scene:
  """The scene of a task. Raises UserError for a name that does not exist."""
  quiet()
  robot = robots()[task.robot]
  model = build_model(robot, converged=True)
  body = describe(robot, model, task.frame_skip)
  substeps = task.frame_skip or robot.frame_skip
  return Scene(task, model, body, observe_all(task.observations), TERMINATIONS[task.termination], substeps)


def check_fit(policy: Policy, scene: Scene) -> None:
  """Raises UserError where a policy's sizes are not those of the robot and observations it names."""
  view = view_of([mujoco.MjData(scene.model)])
  size = scene.observe(view, scene.body, scene.context(1, 0, view.ctrl)).shape[-1]
  actions = len(policy.log_std)
  if (policy.observation_size, actions) != (size, scene.body.nu):
    raise UserError(
      f'{policy.name} has {policy.observation_size} observations and {actions} actions, but {scene.task.robot} with'
      f' {", ".join(scene.task.observations)} has {size} and {scene.body.nu}: it is a policy of another robot or task.'
    )


def rollout(
  scene: Scene, controller: Controller, qpos: np.ndarray, qvel: np.ndarray, steps: int, *, stop_at_end: bool = True
) -> Trajectories:
  """Plays `steps` control steps from each start.

  Args:
    controller: controls from observations; called once a control step for all episodes.
    qpos, qvel: [N, nq], [N, nv] start states.
    stop_at_end: end early where all episodes have terminated.
  """
  datas = [_start(scene.model, q, v) for q, v in zip(qpos, qvel, strict=True)]
  start = view = view_of(datas)
  state = np.stack([_physics_state(scene.model, data) for data in datas])
  last_action = np.zeros_like(view.ctrl)
  views, ends = [], []
  threads = [mujoco.MjData(scene.model) for _ in range(available_cores())]
  with mujoco_rollout.Rollout(nthread=len(threads)) as pool:
    for step in range(steps):
      ctrl = controller(scene.observe(view, scene.body, scene.context(len(datas), step, last_action)))
      last_action = view.ctrl
      held = np.repeat(np.asarray(ctrl, np.float64)[:, None], scene.substeps, axis=1)
      states, sensors = pool.rollout(scene.model, threads, state, held)
      state = states[:, -1]
      view = _unpack(scene.model, state, ctrl, sensors[:, -1])
      views.append(view)
      context = scene.context(len(datas), step + 1, last_action)
      finite = np.isfinite(view.qpos).all(axis=1) & np.isfinite(view.qvel).all(axis=1)
      ends.append(scene.terminate(view, scene.body, context) | ~finite)
      if stop_at_end and np.any(ends, axis=0).all():
        break
  stacked = View(*(np.stack(field, axis=1) for field in zip(*views, strict=True)))
  return Trajectories(stacked, start, np.stack(ends, axis=1))


def view_of(datas: list[mujoco.MjData]) -> View:
  """What tasks see of these worlds, [N, ...] float32."""

  def gather(name: str) -> np.ndarray:
    return np.array([getattr(d, name) for d in datas], np.float32)

  return View(gather('time'), gather('qpos'), gather('qvel'), gather('ctrl'), gather('sensordata'))


def _start(model: mujoco.MjModel, qpos: np.ndarray, qvel: np.ndarray) -> mujoco.MjData:
  data = mujoco.MjData(model)
  data.qpos[:], data.qvel[:] = qpos, qvel
  mujoco.mj_forward(model, data)
  return data


def _physics_state(model: mujoco.MjModel, data: mujoco.MjData) -> np.ndarray:
  """time, qpos, qvel in one row, as mujoco.rollout takes it."""
  row = np.empty(mujoco.mj_stateSize(model, STATE))
  mujoco.mj_getState(model, data, row, STATE)
  return row


def _unpack(model: mujoco.MjModel, state: np.ndarray, ctrl: np.ndarray, sensordata: np.ndarray) -> View:
  """The view of N worlds from their physics states, in float32; a diverging world becomes infinite."""
  with np.errstate(over='ignore'):
    x = state.astype(np.float32)
    qpos, qvel = x[:, 1 : 1 + model.nq], x[:, 1 + model.nq : 1 + model.nq + model.nv]
    return View(x[:, 0], qpos, qvel, np.asarray(ctrl, np.float32), sensordata.astype(np.float32))
