"""Rolling a policy out in plain C MuJoCo, by mujoco.rollout: another code path than the trainer's.

Every control step starts from the physics state alone (time, qpos, qvel), with no warm start: what follows
from a recorded state and its controls is then the same wherever it is computed.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import mujoco
import numpy as np
from mujoco import rollout as mujoco_rollout

from mjx_humanoid.core.config.schema import TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.physics import randomize
from mjx_humanoid.physics.body import Body, describe
from mjx_humanoid.physics.engine import MAX_VELOCITY, settle, view_states
from mjx_humanoid.physics.model import ROOT, build_model, quiet
from mjx_humanoid.physics.native import available_cores
from mjx_humanoid.playback.policy import Policy
from mjx_humanoid.playback.wiring import Wiring
from mjx_humanoid.robots import robots
from mjx_humanoid.tasks.context import guide
from mjx_humanoid.tasks import pushes
from mjx_humanoid.tasks.starts import TERMINATIONS, make_start
from mjx_humanoid.tasks.context.guide import Guide, make_guide
from mjx_humanoid.tasks.observations import observe_all
from mjx_humanoid.tasks.pushes import Pusher, make_pusher
from mjx_humanoid.core.types import Context, Inputs, ObserveFn, TerminateFn, View

STATE = mujoco.mjtState.mjSTATE_FULLPHYSICS
CONTROL = int(mujoco.mjtState.mjSTATE_CTRL | mujoco.mjtState.mjSTATE_XFRC_APPLIED)  # in this order
T = TypeVar('T', bound=tuple[Any, ...])
Controller = Callable[[np.ndarray], np.ndarray]  # observations [N, O] -> controls [N, A]


@dataclass(frozen=True, eq=False)
class Scene:
  """A robot's model with a converged solver, and what a policy of a task sees in it."""

  task: TaskConfig
  model: mujoco.MjModel
  body: Body
  observe: ObserveFn
  terminate: TerminateFn
  guide: Guide
  pusher: Pusher

  def models(self, rng: np.random.Generator, n: int) -> list[mujoco.MjModel]:
    """A model for each of n episodes."""
    fields = randomize.randomized_fields(self.model, self.task.randomization, rng, n)
    return randomize.varied_models(self.model, fields, n)

  def starts(self, rng: np.random.Generator, n: int, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """Start states qpos [n, nq], qvel [n, nv] of the task."""
    return make_start(self.task.start)(self.body, rng, np.full(n, strength), functools.partial(settle, self.model))


class Trajectories(NamedTuple):
  """N episodes of T control steps, recorded after each; row t follows from ctrl[t]."""

  views: View  # [N, T, ...]
  start: View  # [N, ...] before the first step
  terminated: np.ndarray  # [N, T] bool: the task's own end held in this state
  contexts: Context  # [N, T, ...] that each state is judged by


def make_scene(task: TaskConfig) -> Scene:
  """The scene of a task. Raises UserError for a name that does not exist."""
  quiet()
  robot = robots()[task.robot]
  model = build_model(robot, converged=True)
  body = describe(robot, model, task.frame_skip)
  scene = Scene(
    task=task,
    model=model,
    body=body,
    observe=observe_all(task.observations),
    terminate=TERMINATIONS[task.termination],
    guide=make_guide(task, body.control_step, robot),
    pusher=make_pusher(task, body.control_step, body.total_mass),
  )
  randomize.check(task.randomization)
  return scene


def change_task(scene: Scene, changes: Mapping[str, Any]) -> Scene:
  """The same robot and observations in a task with other settings. Raises UserError like make_scene."""
  task = dataclasses.replace(scene.task, **changes)
  step, mass = scene.body.control_step, scene.body.total_mass
  return dataclasses.replace(
    scene,
    task=task,
    terminate=TERMINATIONS[task.termination],
    guide=make_guide(task, step, scene.body.robot),
    pusher=make_pusher(task, step, mass),
  )


def check_fit(policy: Policy, scene: Scene) -> None:
  """Raises UserError where a policy's sizes are not those of the robot and observations it names."""
  view = view_states(scene.model, scene.model.qpos0[None], np.zeros((1, scene.model.nv)))
  context = scene.guide.start(view.qpos, scene.body.nu, np.zeros((1, guide.DRAWS)))
  size = scene.observe(view, scene.body, context).shape[-1]
  actions = len(policy.log_std)
  if (policy.observation_size, actions) != (size, scene.body.nu):
    raise UserError(
      f'{policy.name} has {policy.observation_size} observations and {actions} actions, but {scene.task.robot} with'
      f' {", ".join(scene.task.observations)} has {size} and {scene.body.nu}: it is a policy of another robot or task.'
    )


def rollout(
  scene: Scene,
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
    rng: of commands, pushes and varied models; by default seeded with 0.
    stop_at_end: end early where all episodes have terminated.
  """
  rng = rng or np.random.default_rng(0)
  models = scene.models(rng, len(qpos))
  threads = [mujoco.MjData(scene.model) for _ in range(available_cores())]
  state = np.stack([_physics_state(model, q, v) for model, q, v in zip(models, qpos, qvel, strict=True)])
  with mujoco_rollout.Rollout(nthread=len(threads)) as pool:

    def step(inputs: Inputs) -> View:
      nonlocal state
      state, held = _act(scene, state, inputs)
      states, sensors = pool.rollout(models, threads, state, held, control_spec=CONTROL)
      state = states[:, -1]
      return _unpack(scene.model, state, inputs.ctrl, sensors[:, -1])

    return record(scene, controller, qpos, qvel, step, steps, rng=rng, stop_at_end=stop_at_end)


@np.errstate(over='ignore', invalid='ignore')  # of worlds that diverge, and so end
def record(
  scene: Scene,
  controller: Controller,
  qpos: np.ndarray,
  qvel: np.ndarray,
  step: Callable[[Inputs], View],
  steps: int,
  *,
  rng: np.random.Generator,
  stop_at_end: bool,
) -> Trajectories:
  """Plays episodes on any physics: `step` takes what acts on all worlds and returns what is seen of them then."""
  count = len(qpos)
  start = view = view_states(scene.model, qpos, qvel)
  context = scene.guide.start(view.qpos, scene.body.nu, rng.random((count, guide.DRAWS)))
  wiring = Wiring(scene.task.randomization, count, scene.body.nu, rng)
  push = np.zeros((count, 3), np.float32)
  views, ends, contexts = [], [], []
  for _ in range(steps):
    ctrl = wiring.send(np.asarray(controller(scene.observe(wiring.sense(view), scene.body, context))))
    push = scene.pusher.draw(context.step, push, rng.random((count, pushes.DRAWS)))
    view = step(scene.pusher.inputs(ctrl, context.step, push))
    judged = context._replace(step=context.step + 1)
    context = scene.guide.advance(context, view, rng.random((count, guide.DRAWS)))
    sound = np.isfinite(view.qpos).all(axis=1) & (np.abs(view.qvel).max(axis=1) <= MAX_VELOCITY)
    views.append(view)
    contexts.append(judged)
    ends.append(scene.terminate(view, scene.body, judged) | ~sound)
    if stop_at_end and np.any(ends, axis=0).all():
      break
  return Trajectories(_stack(views), start, np.stack(ends, axis=1), _stack(contexts))


def _stack(rows: list[T]) -> T:
  """Named tuples of [N, ...] as one of [N, T, ...]."""
  return type(rows[0])(*(np.stack(field, axis=1) for field in zip(*rows, strict=True)))


def _act(scene: Scene, state: np.ndarray, inputs: Inputs) -> tuple[np.ndarray, np.ndarray]:
  """The states after a kick, and what is held during the control step [N, substeps, controls]."""
  forces = np.zeros((len(state), scene.model.nbody, 6))
  if inputs.force is not None:
    forces[:, ROOT, :3] = inputs.force
  if inputs.kick is not None:
    state = state.copy()
    first = 1 + scene.model.nq
    state[:, first : first + 3] += inputs.kick
  row = np.concatenate([inputs.ctrl, forces.reshape(len(state), -1)], axis=1)
  return state, np.repeat(row[:, None], scene.body.substeps, axis=1)


def _physics_state(model: mujoco.MjModel, qpos: np.ndarray, qvel: np.ndarray) -> np.ndarray:
  """time, qpos, qvel in one row, as mujoco.rollout takes it."""
  data = mujoco.MjData(model)
  data.qpos[:], data.qvel[:] = qpos, qvel
  row = np.empty(mujoco.mj_stateSize(model, STATE))
  mujoco.mj_getState(model, data, row, STATE)
  return row


def _unpack(model: mujoco.MjModel, state: np.ndarray, ctrl: np.ndarray, sensordata: np.ndarray) -> View:
  """The view of N worlds from their physics states, in float32; a diverging world becomes infinite."""
  with np.errstate(over='ignore'):
    x = state.astype(np.float32)
    qpos, qvel = x[:, 1 : 1 + model.nq], x[:, 1 + model.nq : 1 + model.nq + model.nv]
    return View(x[:, 0], qpos, qvel, np.asarray(ctrl, np.float32), sensordata.astype(np.float32))
