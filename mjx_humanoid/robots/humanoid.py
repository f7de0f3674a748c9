"""MuJoCo's humanoid, from the file that mujoco-mjx carries: 21 torque motors, 27 degrees of freedom, 41 kg."""

from mjx_humanoid.core.types import Pose, Robot


def _leg(side: str, hip: float, knee: float, ankle: float) -> tuple[tuple[str, float], ...]:
  """The joints that bend a leg forward and back, in rad; of both legs where no side is given."""
  return tuple(('_'.join(filter(None, (j, side))), a) for j, a in (('hip_y', hip), ('knee', knee), ('ankle_y', ankle)))


_RELAXED = (('shoulder1', 0.6), ('shoulder2', -0.65), ('elbow', -1.2))  # hanging, elbows a little bent

ROBOT = Robot(
  name='humanoid',
  description="MuJoCo's humanoid: 1.56 m, 41 kg, 21 torque motors at full range.",
  package='mujoco',
  file='mjx/test_data/humanoid/humanoid.xml',
  floor='floor',
  torso='torso',
  head='head',
  feet=('foot_left', 'foot_right'),
  shins=('shin_left', 'shin_right'),
  # The height of the torso with straight legs on flat feet: the file's own start pose.
  standing_height=1.282,
  kneeling_height=0.91,
  fallen_height=0.8,
  timestep=0.005,
  frame_skip=5,
  # The file's own, without Euler damping: one Newton iteration, which MJX computes without a loop.
  # benchmarks/solver.py has what others cost and how near they come.
  solver_iterations=1,
  line_search_iterations=4,
  legs=('hip', 'knee', 'ankle'),
  # The file's own pose stretches the arms ahead.
  relaxed=tuple((f'{joint}_{side}', angle) for side in ('left', 'right') for joint, angle in _RELAXED),
  # A squat on flat feet, a deep one on the toes.
  descent=(
    Pose(_leg('', -1.0, -1.3, -0.6), pitch=0.3),
    Pose(_leg('', -1.8, -2.45, -0.5), pitch=0.35),
  ),
)
