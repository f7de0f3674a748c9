"""MuJoCo's humanoid, from the MJCF file in mujoco-mjx: 21 torque motors, 27 degrees of freedom, 41 kg."""

from mjx_humanoid.core.robot import Anatomy, JointAngles, LegJoints, Pose, Robot, Skeleton


def _leg(hip: float, knee: float, ankle: float) -> JointAngles:
  """Pitch angles of hips, knees and ankles of both legs, in rad."""
  return (('hip_y', hip), ('knee', knee), ('ankle_y', ankle))


_RELAXED = (('shoulder1', 0.6), ('shoulder2', -0.65), ('elbow', -1.2))  # arms hanging, elbows slightly bent

# Places of the landmarks of the left side and of the middle, in m; the right side is the mirror image at y = 0.
# On the head: on its sphere of 0.09 m. Joints: where their hinges meet. Feet: the ends of the soles.
_LANDMARKS = (
  ('nose', 'head', (0.09, 0.0, 0.0)),
  ('left_eye_inner', 'head', (0.08, 0.02, 0.035)),
  ('left_eye', 'head', (0.075, 0.035, 0.035)),
  ('left_eye_outer', 'head', (0.065, 0.05, 0.035)),
  ('left_ear', 'head', (0.0, 0.09, 0.0)),
  ('mouth_left', 'head', (0.08, 0.02, -0.035)),
  ('left_shoulder', 'torso', (0.0, 0.17, 0.06)),
  ('left_elbow', 'lower_arm_left', (0.0, 0.0, 0.0)),
  ('left_wrist', 'hand_left', (0.0, 0.0, 0.0)),
  ('left_pinky', 'hand_left', (0.05, -0.03, 0.04)),
  ('left_index', 'hand_left', (0.05, -0.05, 0.06)),
  ('left_thumb', 'hand_left', (0.02, -0.03, 0.05)),
  ('left_hip', 'pelvis', (0.0, 0.1, -0.04)),
  ('left_knee', 'shin_left', (0.0, 0.0, 0.02)),
  ('left_ankle', 'shin_left', (0.0, 0.0, -0.31)),
  ('left_heel', 'foot_left', (-0.085, 0.0, -0.02)),
  ('left_foot_index', 'foot_left', (0.155, 0.0, -0.02)),
)


def _right(name: str) -> str:
  return name.replace('left', 'right')


_SKELETON = Skeleton(
  landmarks=(
    *_LANDMARKS,
    *((_right(name), _right(body), (x, -y, z)) for name, body, (x, y, z) in _LANDMARKS if 'left' in name),
  ),
  joints=(
    ('spine', ('abdomen_z', 'abdomen_y', 'abdomen_x')),
    *(
      (f'{side}_{joint}', tuple(f'{hinge}_{side}' for hinge in hinges))
      for side in ('left', 'right')
      for joint, hinges in (
        ('hip', ('hip_x', 'hip_z', 'hip_y')),
        ('knee', ('knee',)),
        ('ankle', ('ankle_y', 'ankle_x')),
        ('shoulder', ('shoulder1', 'shoulder2')),
        ('elbow', ('elbow',)),
      )
    ),
  ),
)

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
  leg_joints=(
    LegJoints('hip_y_left', 'knee_left', 'ankle_y_left'),
    LegJoints('hip_y_right', 'knee_right', 'ankle_y_right'),
  ),
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
    skeleton=_SKELETON,
  ),
)
