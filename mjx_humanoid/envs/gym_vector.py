"""A task as a Gymnasium vector environment, stepped by C MuJoCo on all cores.

gymnasium.make_vec('mjx_humanoid:mjx_humanoid/Stand-v0', num_envs=512)
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from mjx_humanoid.core.errors import UserError, unknown
from mjx_humanoid.envs.env import Bank
from mjx_humanoid.envs.gym_env import RENDER_MODES, check_actions, check_render_mode
from mjx_humanoid.envs.host_env import ConfigLike, HostEnv, Step, task_config
from mjx_humanoid.physics.camera import Camera
from mjx_humanoid.tasks.starts import SETTLED

BANK_SIZE = 1024  # start states for resets
BANK_STEPS = 512  # control steps after which the bank is replaced
SETTLED_STEPS = 16 * BANK_STEPS  # the same for simulated start states, which take seconds to make


class GymVectorEnv(VectorEnv[np.ndarray, np.ndarray, np.ndarray]):
  """B environments. One whose episode ends is reset in the same step; info['final_obs'] has its last observation.

  With domain randomisation, each environment has its own properties, drawn with the seed.
  """

  metadata: dict[str, Any] = {  # noqa: RUF012 (as its base has it)
    'render_modes': list(RENDER_MODES),
    'render_fps': 40,
    'autoreset_mode': AutoresetMode.SAME_STEP,
  }

  def __init__(
    self,
    num_envs: int = 1,
    config: ConfigLike = 'stand',
    *,
    num_threads: int = 0,
    max_episode_steps: int = 0,
    render_mode: str | None = None,
    width: int = 480,
    height: int = 480,
    camera: str = 'track',
    **changes: Any,
  ) -> None:
    """See GymEnv.

    Args:
      num_threads: threads of the physics; 0 for one per core.
      max_episode_steps: the time limit in control steps; 0 for the task's episode_length.
    """
    if num_envs < 1 or num_threads < 0 or max_episode_steps < 0:
      given = f'num_envs={num_envs}, num_threads={num_threads}, max_episode_steps={max_episode_steps}'
      raise UserError(f'{given}: num_envs must be at least 1, the others at least 0.')
    check_render_mode(render_mode)
    others = ('num_envs', 'config', 'num_threads', 'max_episode_steps', 'render_mode', 'width', 'height', 'camera')
    task = task_config(config, changes, others)
    self.num_envs = num_envs
    self._envs = HostEnv(task, num_envs, num_threads=num_threads, episode_steps=max_episode_steps)
    self._bank_steps = SETTLED_STEPS if task.start in SETTLED else BANK_STEPS
    env = self._envs.env
    self.render_mode = render_mode
    self._camera = Camera(env.model, camera, width, height)
    self.metadata = {**self.metadata, 'render_fps': round(1 / env.task.body.control_step)}
    self.single_observation_space = Box(-np.inf, np.inf, (self._envs.observation_size,), np.float32)
    self.single_action_space = Box(-1.0, 1.0, (env.action_size,), np.float32)
    self.observation_space = batch_space(self.single_observation_space, num_envs)
    self.action_space = batch_space(self.single_action_space, num_envs)
    self._bank: Bank | None = None
    self._age = 0  # control steps of the bank

  def reset(
    self, *, seed: int | None = None, options: dict[str, Any] | None = None
  ) -> tuple[np.ndarray, dict[str, Any]]:
    """New episodes in all environments. Raises UserError for any option."""
    for name in options or {}:
      raise unknown('option of reset', name, ['none: environments are reset automatically'])
    super().reset(seed=seed)
    bank = self._bank
    if seed is not None or bank is None:
      self._envs.vary(self.np_random)
      bank = self._renew_bank()
    return self._envs.begin(self.np_random, bank), {}

  def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
    """One control step of all environments.

    Returns:
      Observations [B, O], after a reset those of the new episode; rewards [B]; terminated and truncated [B]; and infos
      as SyncVectorEnv with same-step resets gives them: the reward terms as reward_<term>. For environments whose
      episodes have ended, these are in final_info, and their last observations in final_obs.

    Raises:
      ResetNeeded: reset() was never called.
      UserError: the actions have another shape.
    """
    if self._bank is None:
      raise gymnasium.error.ResetNeeded('no episode is under way: call reset() first.')
    check_actions(actions, (self.num_envs, self._envs.env.action_size))
    if self._age == self._bank_steps:
      self._envs.use(self._renew_bank())
    self._age += 1
    result = self._envs.step(actions)
    return result.obs, result.reward, result.terminated, result.truncated, _info(result)

  def render(self) -> tuple[np.ndarray, ...] | None:
    """A picture of every environment, uint8 [height, width, 3]; None without a render mode."""
    if self.render_mode is None:
      gymnasium.logger.warn("render() shows nothing without render_mode='rgb_array' in gymnasium.make_vec.")
      return None
    return tuple(self._camera.picture(qpos) for qpos in self._envs.qpos)

  def close_extras(self, **kwargs: Any) -> None:
    """Frees the renderers."""
    self._camera.close()

  def _renew_bank(self) -> Bank:
    self._bank, self._age = self._envs.env.make_bank(self.np_random, max(BANK_SIZE, self.num_envs)), 0
    return self._bank


def _info(result: Step) -> dict[str, Any]:
  """The infos of a step; each entry has a mask, _<name>, of the environments that it is for."""
  ended = result.terminated | result.truncated
  info = _masked(result.terms, ~ended)
  if ended.any():
    final_obs = np.full(len(ended), None, object)
    for world in np.flatnonzero(ended):
      final_obs[world] = result.final_obs[world]
    info |= {'final_obs': final_obs, '_final_obs': ended.copy()}
    info |= {'final_info': _masked(result.terms, ended), '_final_info': ended.copy()}
  return info


def _masked(terms: dict[str, np.ndarray], mask: np.ndarray) -> dict[str, Any]:
  """The terms of the environments in mask [B], zero for the others, and their masks."""
  info: dict[str, Any] = {}
  for name, value in terms.items():
    info |= {f'reward_{name}': np.where(mask, value, 0), f'_reward_{name}': mask.copy()}
  return info
