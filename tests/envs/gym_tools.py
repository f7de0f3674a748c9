"""What the tests of both Gymnasium environments share: a quick task, and our own Env stepped by hand."""

import jax
import jax.numpy as jnp
import numpy as np

from mjx_humanoid.core.config.settings import restore
from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.envs.env import Bank, Env
from mjx_humanoid.physics.body import describe
from mjx_humanoid.physics.choice import make_engine
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.physics.states import view_states
from mjx_humanoid.robots import robots
from mjx_humanoid.tasks import step
from mjx_humanoid.tasks.task import make_task

STAND = 'mjx_humanoid/Stand-v0'
# 5 physics steps of 5 ms are 25 ms of control: 0.5 s are 20 steps.
QUICK = {
  'weights': {},
  'frame_skip': 5,
  'episode_length': 0.5,
  'termination': 'off_balance',
  'observations': ('joint_positions', 'joint_velocities', 'heading_error', 'position_error', 'gait_phase'),
  'gait': {'frequency': 1.3},
  'command': {'value': (0.6, 0.1, 0.4)},
}
LIMIT, CONTROLS = 20, 21
STILL = np.zeros(CONTROLS, np.float32)


def actions(count, seed=0, strength=0.5):
  """Random actions [count, 21], float32."""
  return np.random.default_rng(seed).uniform(-strength, strength, (count, CONTROLS)).astype(np.float32)


def play(env, controls, **reset):
  """The first observation, and what each step gave until the episode ended."""
  obs, _ = env.reset(**reset)
  steps = []
  for control in controls:
    steps.append(env.step(control))
    if steps[-1][2] or steps[-1][3]:
      break
  return obs, steps


def assert_same(first, second, exact=True):
  """Two results of `play` are equal."""
  compare = np.testing.assert_array_equal if exact else lambda a, b: np.testing.assert_allclose(a, b, atol=2e-5)
  assert len(first[1]) == len(second[1])
  compare(first[0], second[0])
  for a, b in zip(first[1], second[1], strict=True):
    compare(a[0], b[0])
    compare(a[1], b[1])
    assert a[2:4] == b[2:4]


class Direct:
  """Our Env, a single one, stepped by hand."""

  def __init__(self, config):
    task = restore(TaskConfig, config, 'config.task')
    robot = robots()[task.robot]
    model = build_model(robot)
    self.engine = make_engine('native', model, 1, task.frame_skip, 1)
    self.env = Env(make_task(task, describe(robot, model, task.frame_skip)), self.engine, model, 1)
    self.begin, self.advance = jax.jit(self.env.begin), jax.jit(self.env.advance)

  def play(self, qpos, qvel, controls):
    """From one start under controls [T, 21], to the end of the episode.

    Returns:
      The first observation, and for each step obs, reward, terminated, truncated.
    """
    task, qpos, qvel = self.env.task, np.float32(qpos)[None], np.float32(qvel)[None]
    bank = Bank(qpos, qvel, view_states(self.env.model, qpos, qvel))
    state, _, _ = self.begin(jax.random.PRNGKey(9), bank)
    view = jax.tree.map(jnp.asarray, bank.view)
    episode = step.begin(task, view, jnp.zeros((1, task.context.draws)), jnp.zeros(1, jnp.int32))
    obs = step.observe(task, view, episode.context)
    state = state._replace(episode=episode, obs=obs)
    physics, steps = self.engine.init(qpos, qvel), []
    for control in controls:
      state, inputs = self.env.act(state, control[None])
      physics, view = self.engine.step(physics, *inputs)
      state, out = self.advance(state, bank, view, jax.random.PRNGKey(0))
      steps.append((np.array(out.next_obs[0]), *(x[0].item() for x in (out.reward, out.terminated, out.truncated))))
      if out.reset[0]:
        break
    return np.array(obs[0]), steps
