"""MuJoCo's humanoid, from the file that mujoco-mjx carries: 21 torque motors, 27 degrees of freedom, 41 kg."""

from mjx_humanoid.types import Robot

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
  # Arms hanging, elbows a little bent; the file's own pose stretches them ahead.
  relaxed=tuple(
    (f'{joint}_{side}', angle)
    for side in ('left', 'right')
    for joint, angle in (('shoulder1', 0.6), ('shoulder2', -0.65), ('elbow', -1.2))
  ),
  # On hands and toes, arms straight down.
  all_fours=(
    *(('shoulder2', 0.78), ('elbow', -1.58)),
    *(('hip_y', -1.66), ('knee', -1.57), ('ankle_y', -0.52)),
  ),
  all_fours_pitch=1.45,
)
