"""Physics inside JAX for benchmarks/gpu.py: the engines and their variants, compiled programs, and their speed."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.process import COMPILER_OPTIONS
from mjx_humanoid.physics.body import describe
from mjx_humanoid.physics.choice import choose
from mjx_humanoid.physics.mjx import MjxEngine
from mjx_humanoid.physics.model import build_spec
from mjx_humanoid.physics.states import settle
from mjx_humanoid.robots import robots
from mjx_humanoid.tasks.starts import standing

CONTROL_STEPS = 8  # in one program
STARTS = 64
# Options that may speed up physics: fewer contacts in MJX; how Warp keeps its CUDA graph when buffers move.
VARIANTS: dict[str, tuple[dict[str, Any], ...]] = {
  'mjx': ({}, {'contacts': 12}),
  'mjx-warp': ({'graph_mode': 'WARP'}, {'graph_mode': 'WARP_STAGED'}, {'graph_mode': 'WARP_STAGED_EX'}),
}


def installed_engines() -> tuple[str, ...]:
  """The engines that run inside JAX on this machine."""
  try:
    choose('mjx-warp')
  except UserError as error:
    print(error, flush=True)
    return ('mjx',)
  return 'mjx', 'mjx-warp'


def program(
  num_envs: int, engine: str, *, contacts: int = 0, graph_mode: str = ''
) -> tuple[Callable[[Any], Any], Any, float]:
  """Compiles CONTROL_STEPS control steps of robots that stand and then fall: program, state, seconds."""
  robot = robots()['humanoid']
  spec = build_spec(robot)
  if contacts:  # MJX keeps the deepest ones
    spec.add_numeric(name='max_contact_points', size=1, data=[contacts])
  model = spec.compile()
  body = describe(robot, model)
  impl = 'warp' if engine == 'mjx-warp' else 'jax'
  physics = MjxEngine(model, body.substeps, impl=impl, num_envs=num_envs, graph_mode=graph_mode)
  rng, rows = np.random.default_rng(0), np.arange(num_envs) % STARTS
  qpos, qvel = standing(body, rng, np.ones(STARTS), functools.partial(settle, model))
  state = physics.init(jnp.asarray(qpos[rows], jnp.float32), jnp.asarray(qvel[rows], jnp.float32))
  ctrl = jnp.asarray(rng.uniform(-1, 1, (num_envs, body.nu)), jnp.float32)

  def steps(state: Any, ctrl: Any) -> Any:
    return jax.lax.scan(lambda s, _: (physics.step(s, ctrl)[0], None), state, None, length=CONTROL_STEPS)[0]

  start = time.perf_counter()
  options = COMPILER_OPTIONS if jax.default_backend() == 'cpu' else None
  compiled = jax.jit(steps, compiler_options=options).lower(state, ctrl).compile()
  return lambda state: compiled(state, ctrl), state, time.perf_counter() - start


def calls_per_second(call: Callable[[Any], Any], state: Any, seconds: float) -> float:
  """Calls per second, each with the state that the last returned; the first two are not counted."""
  for _ in range(2):
    state = jax.block_until_ready(call(state))
  count, start = 0, time.perf_counter()
  while not count or time.perf_counter() - start < seconds:
    state = jax.block_until_ready(call(state))
    count += 1
  return count / (time.perf_counter() - start)
