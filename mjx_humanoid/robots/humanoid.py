"""MuJoCo's humanoid, from the MJCF file in mujoco-mjx: 21 torque motors, 27 degrees of freedom, 41 kg."""

from mjx_humanoid.core.robot import Anatomy, JointAngles, Pose, Robot


def _leg(hip: float, knee: float, ankle: float) -> JointAngles:
  """Pitch angles of hips, knees and ankles of both legs, in rad."""
  return (('hip_y', hip), ('knee', knee), ('ankle_y', ankle))


_RELAXED = (('shoulder1', 0.6), ('shoulder2', -0.65), ('elbow', -1.2))  # arms hanging, elbows slightly bent

ROBOT = Robot(
  name='humanoid',
  description="MuJoCo's humanoid: 1.56 m, 41 kg, 21 torque motors at full range.",
  package='mujoco',
  file='mjx/test_data/humanoid/humanoid.xml',
  root='torso',
  feet=('foot_left', 'foot_right'),
  # The height of the torso with straight legs on flat feet: the pose of the MJCF file.
  standing_height=1.282,
  fallen_height=0.8,
  legs=('hip', 'knee', 'ankle'),
  symmetry=(('left', 'right'),),
  timestep=0.005,
  frame_skip=5,
  # As in the MJCF file, without Euler damping: one Newton iteration, which MJX computes without a loop.
  # benchmarks/solver.py measures what other solvers cost and how accurate they are.
  solver_iterations=1,
  line_search_iterations=4,
  anatomy=Anatomy(
    head='head',
    shins=('shin_left', 'shin_right'),
    kneeling_height=0.91,
    relaxed=_RELAXED,  # the pose of the MJCF file stretches the arms forward
    # A squat on flat feet, and a deep squat on the toes.
    descent=(Pose(_leg(-1.0, -1.3, -0.6), pitch=0.3), Pose(_leg(-1.8, -2.45, -0.5), pitch=0.35)),
  ),
)
