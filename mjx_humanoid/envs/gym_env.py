"""A task as a Gymnasium environment: gymnasium.make('mjx_humanoid:mjx_humanoid/Stand-v0')."""

from __future__ import annotations

from typing import Any

import gymnasium
import jax
import numpy as np
from gymnasium.spaces import Box

from mjx_humanoid.core.errors import UserError, unknown
from mjx_humanoid.envs.env import Bank
from mjx_humanoid.envs.host_env import ConfigLike, HostEnv, task_config
from mjx_humanoid.physics.camera import Camera
from mjx_humanoid.physics.states import view_states

RENDER_MODES = ('rgb_array',)
STARTS = 16  # start states that are made at a time: simulated ones are cheaper in batches
OPTIONS = ('qpos', 'qvel')


class GymEnv(gymnasium.Env[np.ndarray, np.ndarray]):
  """One environment on the native engine, with the rewards, terminations and start states of training."""

  metadata: dict[str, Any] = {'render_modes': list(RENDER_MODES), 'render_fps': 40}  # noqa: RUF012 (as its base has it)

  def __init__(
    self,
    config: ConfigLike = 'stand',
    *,
    render_mode: str | None = None,
    width: int = 480,
    height: int = 480,
    camera: str = 'track',
    **changes: Any,
  ) -> None:
    """Raises UserError like task_config and HostEnv, and for what cannot be rendered.

    Args:
      config: a path, the name of a built-in config, or a config; only its task is used.
      width, height: size of pictures in pixels.
      camera: camera of the robot's model: track or front.
      changes: settings of the task, such as episode_length=5.0.
    """
    check_render_mode(render_mode)
    others = ('config', 'render_mode', 'width', 'height', 'camera')
    self._envs = HostEnv(task_config(config, changes, others), num_envs=1, num_threads=1, autoreset=False)
    env = self._envs.env
    self.render_mode = render_mode
    self._camera = Camera(env.model, camera, width, height)
    self.metadata = {**self.metadata, 'render_fps': round(1 / env.task.body.control_step)}
    self.observation_space = Box(-np.inf, np.inf, (self._envs.observation_size,), np.float32)
    self.action_space = Box(-1.0, 1.0, (env.action_size,), np.float32)
    self._starts: list[Bank] = []
    self._running = False

  def reset(
    self, *, seed: int | None = None, options: dict[str, Any] | None = None
  ) -> tuple[np.ndarray, dict[str, Any]]:
    """A new episode, with newly drawn properties if the task randomises them.

    Args:
      options: qpos [nq] and qvel [nv] (default: at rest) to start from, instead of a start state of the task.

    Raises:
      UserError: another option, or one of the wrong shape.
    """
    super().reset(seed=seed)
    if seed is not None:
      self._starts = []
    start = self._chosen_start(options) if options else self._next_start()
    self._envs.vary(self.np_random)
    obs = self._envs.begin(self.np_random, start)
    self._running = True
    return obs[0], {}

  def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
    """One control step. info has the reward terms, as reward_<term>.

    Raises:
      ResetNeeded: no episode is under way.
      UserError: the action has another shape.
    """
    if not self._running:
      raise gymnasium.error.ResetNeeded('no episode is under way: call reset() first, and after each that ended.')
    check_actions(action, (self._envs.env.action_size,))
    result = self._envs.step(np.asarray(action)[None])
    terminated, truncated = bool(result.terminated[0]), bool(result.truncated[0])
    self._running = not (terminated or truncated)
    info = {f'reward_{name}': float(value[0]) for name, value in result.terms.items()}
    return result.obs[0], float(result.reward[0]), terminated, truncated, info

  def render(self) -> np.ndarray | None:
    """A picture of the present state, uint8 [height, width, 3]; None without a render mode."""
    if self.render_mode is None:
      gymnasium.logger.warn("render() shows nothing without render_mode='rgb_array' in gymnasium.make.")
      return None
    return self._camera.picture(self._envs.qpos[0])

  def close(self) -> None:
    """Frees the renderer."""
    self._camera.close()

  def _next_start(self) -> Bank:
    """The next start state of the task, as a bank of one row."""
    if not self._starts:
      bank = self._envs.env.make_bank(self.np_random, STARTS)
      self._starts = [jax.tree.map(lambda x, i=i: x[i : i + 1], bank) for i in range(STARTS)]
    return self._starts.pop(0)

  def _chosen_start(self, options: dict[str, Any]) -> Bank:
    model = self._envs.env.model
    for name in options:
      if name not in OPTIONS:
        raise unknown('option of reset', name, OPTIONS)
    start = {'qpos': model.qpos0, 'qvel': np.zeros(model.nv), **options}
    for name, size in (('qpos', model.nq), ('qvel', model.nv)):
      if np.shape(start[name]) != (size,) or not np.isfinite(start[name]).all():
        raise UserError(f'the option {name} must be {size} finite numbers, not of shape {np.shape(start[name])}.')
    qpos, qvel = (np.asarray(start[name], np.float32)[None] for name in OPTIONS)
    return Bank(qpos, qvel, view_states(model, qpos, qvel))


def check_actions(actions: Any, shape: tuple[int, ...]) -> None:
  """Raises UserError for an action of another shape, which NumPy might broadcast silently."""
  if np.shape(actions) != shape:
    raise UserError(f'the action has shape {np.shape(actions)}; it must be {shape}.')


def check_render_mode(mode: str | None) -> None:
  """Raises UserError for an unknown render mode."""
  if mode not in (None, *RENDER_MODES):
    raise unknown('render mode', str(mode), RENDER_MODES)
