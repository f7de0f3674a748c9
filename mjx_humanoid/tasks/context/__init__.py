"""The context of a control step: velocity command, station keeping, gait clock, reference motion."""

from mjx_humanoid.tasks.context import (  # they register their parts
  contact_force,
  curriculum_level,
  displacement,
  gait,
  reference_motion,
  station,
  velocity,
)
from mjx_humanoid.tasks.context.context import MOVING, Context, moving, swing
from mjx_humanoid.tasks.context.parts import PARTS, ContextMaker, ContextPart, make_context
from mjx_humanoid.tasks.context.velocity import COMMANDS

__all__ = [
  'COMMANDS', 'MOVING', 'PARTS', 'Context', 'ContextMaker', 'ContextPart', 'contact_force', 'curriculum_level',
  'displacement', 'gait', 'make_context', 'moving', 'reference_motion', 'station', 'swing', 'velocity',
]  # fmt: skip
