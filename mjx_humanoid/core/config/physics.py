"""The section `physics`: the physics of training, by engine. Report cards and playback do not use it."""

from __future__ import annotations

from dataclasses import dataclass, field

from mjx_humanoid.core.config.settings import setting

FILE = 'file'  # as the MJCF file says
SOLVERS = (FILE, 'newton', 'cg')
INTEGRATORS = (FILE, 'euler', 'rk4', 'implicitfast', 'discrete')  # those that every engine has

GRAPH_MODES = ('warp', 'warp_staged', 'warp_staged_ex')  # those of MJX that MuJoCo Warp can train with on a GPU


@dataclass(frozen=True)
class EnginePhysics:
  """Numerical settings of one engine in training. Neither the robot nor the control step depends on them."""

  solver: str = setting(FILE, 'solver of constraints; file: that of the MJCF file', choices=SOLVERS)
  iterations: int = setting(0, 'most iterations of the solver (0 = as in the datasheet)', low=0, high=1000)
  line_search_iterations: int = setting(
    0, 'most iterations of its line search (0 = as in the datasheet)', low=0, high=1000
  )
  substeps: int = setting(
    0, 'physics steps per control step; fewer are longer (0 = as in the datasheet)', low=0, high=1000
  )
  integrator: str = setting(FILE, 'integrator; file: that of the MJCF file', choices=INTEGRATORS)


@dataclass(frozen=True)
class PhysicsConfig:
  """The physics of training on each kind of engine."""

  native: EnginePhysics = field(default_factory=EnginePhysics)
  mjx: EnginePhysics = field(default_factory=EnginePhysics)  # of mjx and mjx-warp
  graph_mode: str = setting(
    'warp_staged',
    'how mjx-warp keeps its CUDA graph on a GPU; warp: for each place of its arrays in memory, captured anew where they'
    ' move; warp_staged: captured once, arrays are copied to it; warp_staged_ex: the same, copied outside the graph',
    choices=GRAPH_MODES,
  )

  def of(self, engine: str) -> tuple[str, EnginePhysics]:
    """The section of an engine, and its name: 'native' or 'mjx'."""
    return ('native', self.native) if engine == 'native' else ('mjx', self.mjx)
