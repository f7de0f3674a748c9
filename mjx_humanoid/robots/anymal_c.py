"""ANYmal C: a quadruped with three joints in each leg, 12 motors under PD control, 18 degrees of freedom, 45 kg."""

from mjx_humanoid.core.robot import PD, LegJoints, Robot

ROBOT = Robot(
  name='anymal_c',
  description='ANYmal C, a quadruped of 45 kg: abduction, hip and knee of each leg, 12 motors under PD control.',
  package='mjx_humanoid',
  file='robots/anymal_c.xml',
  root='base',
  feet=('LF_FOOT', 'RF_FOOT', 'LH_FOOT', 'RH_FOOT'),
  # Feet below the hips, front knees back and hind knees forward: the standing pose of the published model.
  pose=(('F_HFE', 0.5236), ('F_KFE', -0.7854), ('H_HFE', -0.5236), ('H_KFE', 0.7854)),
  standing_height=0.559,
  fallen_height=0.3,
  level_trunk=True,
  legs=('HAA', 'HFE', 'KFE'),
  leg_joints=tuple(LegJoints(f'{leg}_HFE', f'{leg}_KFE', abduction=f'{leg}_HAA') for leg in ('LF', 'RF', 'LH', 'RH')),
  stride_offsets=(0.0, 0.5, 0.5, 0.0),  # a trot: diagonal legs swing together
  symmetry=(('LF', 'RF'), ('LH', 'RH')),
  pd=(('', PD(kp=100, kd=2, torque_limit=80)),),  # '' is in every joint's name
  timestep=0.005,
  frame_skip=4,
  # With one iteration, policies that trot in converged physics fell in one episode of six.
  solver_iterations=3,
  line_search_iterations=8,
)
