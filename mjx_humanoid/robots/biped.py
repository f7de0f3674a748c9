"""A biped with hips, knees and ankles about one axis: six torque motors, 12 degrees of freedom, 16 kg."""

from mjx_humanoid.core.robot import LegJoints, Robot

ROBOT = Robot(
  name='biped',
  description='A biped of 0.9 m and 16 kg: hip, knee and ankle of each leg, six torque motors.',
  package='mjx_humanoid',
  file='robots/biped.xml',
  root='trunk',  # its frame is between the hips
  feet=('left_foot', 'right_foot'),
  pose=(('hip', -0.4), ('knee', 0.8), ('ankle', -0.4)),  # knees bent, soles level
  standing_height=0.658,
  fallen_height=0.42,
  legs=('hip', 'knee', 'ankle'),
  leg_joints=(
    LegJoints('left_hip', 'left_knee', 'left_ankle'),
    LegJoints('right_hip', 'right_knee', 'right_ankle'),
  ),
  symmetry=(('left', 'right'),),
  timestep=0.005,
  frame_skip=4,
  # Report cards use a converged solver. Policies trained with contacts far from converged fell there.
  solver_iterations=3,
  line_search_iterations=8,
)
