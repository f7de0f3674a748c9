"""Gymnasium's humanoid: another body than MuJoCo's, 17 torque motors of up to 120 N m. Physics as in Humanoid-v5."""

from mjx_humanoid.core.robot import Robot

ROBOT = Robot(
  name='gym_humanoid',
  description="Gymnasium's humanoid: 1.5 m, 17 torque motors at 40 % of their range, as in Humanoid-v5.",
  package='gymnasium',
  file='envs/mujoco/assets/humanoid.xml',
  root='torso',
  feet=('right_foot', 'left_foot'),
  standing_height=1.4,  # of the MJCF file's pose
  # Limits of the torso in Humanoid-v5.
  fallen_height=1.0,
  highest=2.0,
  legs=('hip', 'knee'),
  symmetry=(('left', 'right'),),
  external_forces=True,  # for the cost of contacts
  # As in Humanoid-v5, whose solver is PGS, integrated by Runge-Kutta.
  timestep=0.003,
  frame_skip=5,
  solver_iterations=50,
  line_search_iterations=50,
)
