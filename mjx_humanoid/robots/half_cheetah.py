"""Gymnasium's half-cheetah: two legs in a vertical plane, 6 torque motors, 14 kg. Physics as in HalfCheetah-v5."""

from mjx_humanoid.core.robot import Robot

ROBOT = Robot(
  name='half_cheetah',
  description="Gymnasium's half-cheetah: two legs in a plane, 14 kg, 6 torque motors.",
  package='gymnasium',
  file='envs/mujoco/assets/half_cheetah.xml',
  root='torso',
  feet=('bfoot', 'ffoot'),
  standing_height=0.7,  # of the MJCF file's pose
  fallen_height=0.35,
  legs=('thigh', 'shin', 'foot'),
  # As in HalfCheetah-v5; MuJoCo's default solver, which the MJCF file leaves as it is.
  timestep=0.01,
  frame_skip=5,
  solver_iterations=100,
  line_search_iterations=50,
)
