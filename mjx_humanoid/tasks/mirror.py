"""The mirror map of an observation, derived from observations of random states and of their mirror images."""

from __future__ import annotations

import numpy as np

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.network import Mirror
from mjx_humanoid.core.types import View
from mjx_humanoid.physics.body import Body
from mjx_humanoid.physics.symmetry import MirrorMap, action_map, mirror_view
from mjx_humanoid.tasks.context.context import Context
from mjx_humanoid.tasks.context.parts import ContextMaker
from mjx_humanoid.tasks.functions import ObserveFn

PROBES = 3  # random states that the map must fit


def mirror_of(observe: ObserveFn, body: Body, context: ContextMaker) -> Mirror | None:
  """Mirror maps of observations and actions; None if the robot's datasheet has no symmetry.

  Raises:
    UserError: the mirrored observation is not a signed permutation of the observation.
  """
  if not body.robot.symmetry:
    return None
  return Mirror(*observation_map(observe, body, context), *action_map(body))


def observation_map(observe: ObserveFn, body: Body, context: ContextMaker) -> MirrorMap:
  """The mirror map of an observation. Raises UserError like mirror_of."""
  rng = np.random.default_rng(0)
  pairs = [_probe(observe, body, context, rng) for _ in range(PROBES)]
  seen, mirrored = (np.stack(x, axis=1).astype(np.float64) for x in zip(*pairs, strict=True))  # [O, PROBES]
  sources: list[int] = []
  signs: list[int] = []
  for row in mirrored:
    matches = [(i, s) for i, x in enumerate(seen) for s in (1, -1) if np.allclose(s * x, row, atol=1e-5)]
    if not matches:
      raise UserError('config.network.symmetric: these observations have no mirror image; set it to False.')
    # An element that occurs twice is mapped to a separate image each time: the normaliser may scale them differently.
    source, sign = next((match for match in matches if match[0] not in sources), matches[0])
    sources.append(source)
    signs.append(sign)
  return MirrorMap(np.array(sources), np.array(signs, np.float32))


def _probe(
  observe: ObserveFn, body: Body, context: ContextMaker, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
  """Observations [O] of a random state and of its mirror image."""

  def draw(n: int) -> np.ndarray:
    return rng.normal(size=n).astype(np.float32)

  width = max(place.stop for place in body.sensors.values())
  qpos = body.root.normalized(draw(body.nq)[None], 'a random state')[0].astype(np.float32)
  view = View(np.zeros((), np.float32), qpos, draw(body.nv), draw(body.nu), draw(width))
  heading = draw(2)
  heading /= np.linalg.norm(heading)
  phase, duty = np.asarray(rng.uniform(), np.float32), np.asarray(0.6, np.float32)
  blank = context.start(view, rng.random(context.draws, np.float32))
  state = Context(np.zeros((), np.int32), draw(body.nu), draw(3), heading, draw(2), phase, duty, draw(3), blank.extra)
  return observe(view, body, state), observe(mirror_view(view, body), body, context.mirror(state))
