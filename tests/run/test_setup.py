"""What is said while a training is prepared."""

import dataclasses

import numpy as np
import pytest

from mjx_humanoid.core.config.files import load_config
from mjx_humanoid.core.config.schema import resolve
from mjx_humanoid.core.config.settings import replaced
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.envs import demonstrations
from mjx_humanoid.motions.rising import RisePath
from mjx_humanoid.motions.search import Motion
from mjx_humanoid.run import setup as module
from mjx_humanoid.run.setup import prepare
from mjx_humanoid.tasks import starts


@pytest.fixture
def searches(monkeypatch):
  """Robots for which a path was searched; none is, here."""
  asked = []

  def stay(body):
    asked.append(body.robot.name)
    return RisePath(np.linspace(0, 1, len(body.descent)), body.descent, np.zeros((len(body.descent), body.nv)))

  def lie(body):
    asked.append(body.robot.name)
    still = np.zeros((3, body.nv))
    return Motion(np.tile(body.default_qpos, (3, 1)).astype(float), still, np.zeros((2, body.nu)), 0.0)

  monkeypatch.setattr(starts, 'rise_path', stay)
  monkeypatch.setattr(demonstrations, 'leap', lie)
  return asked


def getup(imitation_coef=0.6, **changes):
  """The config of that skill, small."""
  config = resolve(load_config('getup'))
  ppo = dataclasses.replace(config.ppo, imitation_coef=imitation_coef)
  return dataclasses.replace(config, num_envs=128, ppo=ppo, **changes)


@pytest.mark.parametrize('curriculum', ['survival', 'none'])
def test_a_search_is_announced_and_only_one_that_is_made(curriculum, searches, capsys):
  prepare(getup(curriculum=curriculum, imitation_coef=0.0))
  announced = "searching for starts 'rising'" in capsys.readouterr().out
  assert announced == bool(searches) == (curriculum == 'survival')


def test_a_curriculum_that_does_not_exist_is_no_reason_to_search(searches, capsys):
  with pytest.raises(UserError, match=r"unknown curriculum 'survivl'\. Did you mean 'survival'"):
    prepare(getup(curriculum='survivl'))
  assert not searches
  assert 'searching' not in capsys.readouterr().out


def test_who_imitates_has_it_searched_whatever_the_curriculum(searches, capsys):
  setup = prepare(getup(curriculum='none'))
  assert searches
  assert "searching for starts 'rising'" in capsys.readouterr().out
  assert setup.algorithm.demonstrations.action.shape[1] == 21


def standing(**changes):
  """The config `stand`, whose episodes take 3 s, with settings of its task changed by dotted name."""
  config = resolve(load_config('stand'))
  return dataclasses.replace(config, num_envs=128, task=replaced(config.task, changes, 'config.task'))


IDLE = {
  'a lift that never fades': ({'push.kind': 'lift'}, 'fades as the curriculum rises; set config.curriculum'),
  'late terms that never grow': (
    {'late_terms': ('energy',)},
    'late_terms grow as the curriculum rises; set config.cur',
  ),
  'pushes after the end': (
    {'push.kind': 'force', 'push.interval': 3.2},
    'first push would come after 3 s, when episodes of 3 s are over; set config.task.push.interval to less',
  ),
  'kicks after the end': ({'push.kind': 'kick', 'push.interval': 4.0}, 'first push would come after 3.8 s'),
  'commands unseen': (
    {'command.kind': 'sampled'},
    r"command\.kind=sampled gives .* add 'command' to config\.task\.observations",
  ),
  'station keeping unseen': ({'station.gain': 1.0}, r"gain gives .* add 'command' to config\.task\.observations"),
  'speedup without a station': (
    {'gait.speedup': 0.5, 'gait.frequency': 1.0},
    r'gait\.speedup needs config\.task\.station\.gain and',
  ),
}


@pytest.mark.parametrize('case', IDLE)
def test_settings_that_would_do_nothing_are_refused(case):
  changes, words = IDLE[case]
  with pytest.raises(UserError, match=words) as error:
    prepare(standing(**changes))
  assert '\n' not in str(error.value)


def test_to_stop_when_passed_needs_cards_during_training():
  config = dataclasses.replace(resolve(load_config('stand')), num_envs=128, stop_when_passed=True)
  with pytest.raises(UserError, match=r'stop_when_passed needs .* set config\.evaluation_interval'):
    prepare(config)
  prepare(dataclasses.replace(config, evaluation_interval=100_000))


@pytest.mark.parametrize(
  'changes',
  [
    {'push.kind': 'force', 'push.interval': 3.18},
    {'station.gain': 1.0, 'observations': ('joint_positions', 'joint_velocities', 'command')},
  ],
)
def test_settings_that_do_something_are_not(changes):
  prepare(standing(**changes))


@pytest.mark.parametrize('start', ['standing', 'fallen'])
def test_a_start_without_demonstrations_cannot_be_imitated(start, searches):
  config = getup()
  config = dataclasses.replace(config, task=dataclasses.replace(config.task, start=start))
  words = rf"ppo\.imitation_coef: config\.task\.start='{start}' has no demonstrations .*: rising\. Set it to 0\."
  with pytest.raises(UserError, match=words):
    prepare(config)
  assert not searches


def test_an_algorithm_that_does_not_fit_is_refused_before_anything_is_built(monkeypatch):
  monkeypatch.setattr('mjx_humanoid.run.setup.build_model', lambda robot: pytest.fail('it went on'))
  with pytest.raises(UserError, match='do not divide into minibatches'):
    prepare(dataclasses.replace(standing(), num_envs=127))


def test_the_number_of_environments_is_settled_once_the_engine_is_known(monkeypatch):
  asked = []
  monkeypatch.setattr(module, 'settle_num_envs', lambda config, engine: asked.append(engine) or 256)
  setup = prepare(dataclasses.replace(standing(), num_envs=128, engine='native'))
  assert asked == ['native']
  assert (setup.config.num_envs, setup.env.num_envs) == (256, 256)


def test_start_states_that_come_from_physics_serve_longer():
  assert prepare(standing()).bank_iterations == module.BANK_ITERATIONS
  assert prepare(standing(start='fallen')).bank_iterations == module.SETTLED_ITERATIONS > module.BANK_ITERATIONS


def test_training_has_physics_of_its_own_and_the_task_does_not():
  """Start states, the task and playback keep the robot's physics; settings of another engine have no effect."""
  config = standing()
  physics = replaced(
    config.physics,
    {'native.solver': 'cg', 'native.iterations': 1, 'native.substeps': 2, 'mjx.iterations': 7},
    'config.physics',
  )
  setup = prepare(dataclasses.replace(config, physics=physics))
  assert setup.physics == 'solver cg with 1 iteration, 2 physics steps of 10 ms per control step, integrator euler'
  qpos = setup.env.model.qpos0[None].repeat(128, axis=0)
  engine = setup.env.engine
  state = engine.init(qpos, np.zeros((128, setup.env.model.nv)))
  _, view = engine.step(state, np.zeros((128, 21), np.float32))
  np.testing.assert_allclose(view.time, 0.02, rtol=1e-6)
  assert (setup.env.model.opt.timestep, setup.task.body.substeps) == (0.005, 4)
  physics = replaced(config.physics, {'native.solver': 'file', 'native.iterations': 0, 'mjx.iterations': 7}, '')
  assert prepare(dataclasses.replace(config, physics=physics)).physics == ''
