"""Gymnasium's walker: a biped in a vertical plane, 6 torque motors. Physics as in Walker2d-v5."""

from mjx_humanoid.core.robot import LegJoints, Robot

ROBOT = Robot(
  name='walker2d',
  description="Gymnasium's walker: a biped in a plane, 6 torque motors.",
  package='gymnasium',
  file='envs/mujoco/assets/walker2d_v5.xml',
  root='torso',
  feet=('foot', 'foot_left'),
  standing_height=1.25,  # of the MJCF file's pose
  # Limits of the torso in Walker2d-v5.
  fallen_height=0.8,
  highest=2.0,
  most_tilt=1.0,
  legs=('thigh', 'leg', 'foot'),
  symmetry=(('thigh_left', 'thigh'), ('leg_left', 'leg'), ('foot_left', 'foot')),  # legs that move in one plane
  leg_joints=(
    LegJoints('thigh_joint', 'leg_joint', 'foot_joint'),
    LegJoints('thigh_left_joint', 'leg_left_joint', 'foot_left_joint'),
  ),
  # As in Walker2d-v5; MuJoCo's default solver, which the MJCF file leaves as it is.
  timestep=0.002,
  frame_skip=4,
  solver_iterations=100,
  line_search_iterations=50,
)
