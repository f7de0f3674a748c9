"""What the tests of tasks share: the humanoid, and worlds whose every number is chosen by hand."""

import functools

import mujoco
import numpy as np
import pytest
from check_tools import COUNT
from start_tools import N, joint

from mjx_humanoid.core import trust
from mjx_humanoid.core.types import View
from mjx_humanoid.core.user_objects import find
from mjx_humanoid.motions.rising import RisePath
from mjx_humanoid.physics.states import settle as settle_limp
from mjx_humanoid.tasks import starts
from mjx_humanoid.tasks.context import Context
from mjx_humanoid.tasks.rewards import TERMS
from mjx_humanoid.tasks.starts import make_start


@pytest.fixture(scope='session')
def settle(model):
  return functools.partial(settle_limp, model)


@pytest.fixture(scope='session')
def rise_path(body):
  """A path to get up by that is known by hand: the descent of the humanoid, then a leap of 81 states.

  Along the leap the elbows bend from -1.2 to 0.4 rad and the torso sinks from 0.85 m to 0.15 m; it moves ahead, to the
  left, and up, quickest in the middle.
  """
  share = np.arange(81) / 80
  qpos = np.repeat(body.descent[-1:].astype(np.float64), 81, axis=0)
  qpos[:, 2] = 0.85 - 0.7 * share
  for side in ('left', 'right'):
    qpos[:, joint(body, f'elbow_{side}')] = -1.2 + 1.6 * share
  qvel = np.zeros((81, body.nv))
  qvel[:, :3] = np.sin(np.pi * share)[:, None] * [0.5, 0.2, 2.0]
  still = np.zeros((17, body.nv))
  depth = np.concatenate([np.linspace(0, 0.25, 17), np.linspace(0.25, 1, 81)])
  return RisePath(depth, np.concatenate([body.descent, qpos]), np.concatenate([still, qvel]))


@pytest.fixture
def no_search(monkeypatch, rise_path):
  """Starts along that path, which is otherwise found by a search."""
  monkeypatch.setattr(starts, 'rise_path', lambda body: rise_path)


@pytest.fixture
def start(body, settle):
  """Start states of a distribution: qpos, qvel."""

  def draw(name='standing', seed=0, n=N, strength=1.0):
    return make_start(name)(body, np.random.default_rng(seed), np.full(n, strength), settle)

  return draw


@pytest.fixture(scope='session')
def make_view(body, model):
  """A world in the standing pose, at rest, with these sensor readings and all others zero."""

  def make(*, qpos=None, qvel=None, ctrl=None, time=0.0, **sensors):
    data = np.zeros(model.nsensordata, np.float32)
    for name, value in sensors.items():
      data[body.sensors[name]] = value
    qpos = body.default_qpos if qpos is None else np.asarray(qpos, np.float32)
    qvel = np.zeros(body.nv, np.float32) if qvel is None else np.asarray(qvel, np.float32)
    ctrl = np.zeros(body.nu, np.float32) if ctrl is None else np.asarray(ctrl, np.float32)
    return View(np.float32(time), qpos, qvel, ctrl, data)

  return make


@pytest.fixture(scope='session')
def make_context(body):
  """A context that wants the robot to stand still where it began, facing +x, but for what is said."""

  def make(
    *,
    step=0,
    last_action=None,
    command=(0.0, 0.0, 0.0),
    heading=(1.0, 0.0),
    target_position=(0.0, 0.0),
    phase=0.0,
    duty=1.0,
  ):
    last_action = np.zeros(body.nu) if last_action is None else last_action
    numbers = (
      np.asarray(x, np.float32) for x in (last_action, command, heading, target_position, phase, duty, command)
    )
    return Context(np.asarray(step, np.int32), *numbers)

  return make


@pytest.fixture(scope='session')
def tumbling(model):
  """An MjData in the air in a random pose and motion, after mj_forward."""
  rng = np.random.default_rng(5)
  data = mujoco.MjData(model)
  data.qpos[:] = model.qpos0 + rng.normal(size=model.nq) * 0.3
  data.qpos[:3] = [4, -2, 3]
  data.qpos[3:7] = rng.normal(size=4)
  data.qpos[3:7] /= np.linalg.norm(data.qpos[3:7])
  data.qvel[:] = rng.normal(size=model.nv)
  data.ctrl[:] = rng.uniform(-1, 1, model.nu)
  mujoco.mj_forward(model, data)
  return data


def seen(data):
  fields = ('qpos', 'qvel', 'ctrl', 'sensordata')
  return View(np.float32(0), *(np.array(getattr(data, name), np.float32) for name in fields))


@pytest.fixture(scope='session')
def tumbling_view(tumbling):
  return seen(tumbling)


@pytest.fixture(scope='session')
def crumpled_views(model, tumbling):
  """The same robot a second and a half after it was dropped, and pressed half a metre into the floor."""
  data = mujoco.MjData(model)
  data.qpos[:], data.qvel[:], data.qpos[2] = tumbling.qpos, tumbling.qvel, 1.5
  for _ in range(300):
    mujoco.mj_step(model, data)
  lying = seen(data)
  assert data.ncon > 0
  data.qpos[2] -= 0.5
  mujoco.mj_forward(model, data)
  assert data.ncon > 4
  return {'on the floor': lying, 'in the floor': seen(data)}


@pytest.fixture
def value(body, make_context):
  """The value of a term in a world."""
  return lambda name, view, **context: float(TERMS[name](view, body, make_context(**context)))


@pytest.fixture
def views():
  """Six states of a made-up robot, whose heights are 0.5 to 1.0 m."""
  rng = np.random.default_rng(0)
  qpos = rng.normal(size=(COUNT, 9)).astype(np.float32)
  qpos[:, 2] = np.linspace(0.5, 1.0, COUNT)
  rest = (rng.normal(size=(COUNT, n)).astype(np.float32) for n in (8, 3, 5))
  return View(np.zeros(COUNT, np.float32), qpos, *rest)


@pytest.fixture
def contexts():
  """Contexts of these states."""
  zeros = np.zeros((COUNT, 3), np.float32)
  ahead = np.tile(np.array([1, 0], np.float32), (COUNT, 1))
  still = np.zeros(COUNT, np.float32)
  return Context(np.zeros(COUNT, np.int32), zeros, zeros, ahead, 0 * ahead, still, still + 1, zeros)


@pytest.fixture
def own(tmp_path):
  """own(lines, arguments) -> the function f of a user's file whose body these lines are, from line 4 of mine.py on."""

  def make(lines, arguments='view, body, context'):
    body = ''.join(f'  {line}\n' for line in lines.split('\n'))
    path = tmp_path / 'mine.py'
    path.write_text(f'import jax.numpy as jnp\nimport numpy as np\ndef f({arguments}):\n{body}')
    trust.allow([path])
    return find(f'{path}:f', 'function')

  return make
