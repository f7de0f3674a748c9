"""What is said while a training is prepared."""

import dataclasses

import numpy as np
import pytest

from mjx_humanoid.core.config.files import load_config
from mjx_humanoid.core.config.schema import resolve
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.envs import demonstrations
from mjx_humanoid.motions.rising import Way
from mjx_humanoid.motions.search import Motion
from mjx_humanoid.run.setup import prepare
from mjx_humanoid.tasks import starts as episodes


@pytest.fixture
def searches(monkeypatch):
  """Robots for which a way was searched; none is, here."""
  asked = []

  def stay(body):
    asked.append(body.robot.name)
    return Way(np.linspace(0, 1, len(body.descent)), body.descent, np.zeros((len(body.descent), body.nv)))

  def lie(body):
    asked.append(body.robot.name)
    still = np.zeros((3, body.nv))
    return Motion(np.tile(body.default_qpos, (3, 1)).astype(float), still, np.zeros((2, body.nu)), 0.0)

  monkeypatch.setattr(episodes, 'way_up', stay)
  monkeypatch.setattr(demonstrations, 'spring_up', lie)
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
  assert setup.algorithm.shown.action.shape[1] == 21


IDLE = {
  'a lift that never fades': ({'pushes': 'lift'}, 'fades as the curriculum rises, and there is none'),
  'pushes after the end': (
    {'pushes': 'force', 'push_interval': 3.2},
    'first push would come after 3 s, when episodes of 3 s are over; set config.task.push.interval to less',
  ),
  'kicks after the end': ({'pushes': 'kick'}, 'first push would come after 3.8 s'),
  'commands unseen': ({'commands': 'sampled'}, r"commands=sampled .* add 'command' to config\.task\.observations"),
  'a way back unseen': ({'hold': 1.0}, r"hold gives .* add 'command' to config\.task\.observations"),
  'hurry without a place': (
    {'gait_hurry': 0.5, 'gait_frequency': 1.0},
    'gait_hurry needs config.task.station.gain and',
  ),
}


@pytest.mark.parametrize('case', IDLE)
def test_settings_that_would_do_nothing_are_refused(case):
  """In `stand`, whose episodes take 3 s."""
  changes, words = IDLE[case]
  config = resolve(load_config('stand'))
  with pytest.raises(UserError, match=words) as error:
    prepare(dataclasses.replace(config, num_envs=128, task=dataclasses.replace(config.task, **changes)))
  assert '\n' not in str(error.value)


def test_to_stop_when_passed_needs_cards_while_training():
  config = dataclasses.replace(resolve(load_config('stand')), num_envs=128, stop_when_passed=True)
  with pytest.raises(UserError, match=r'stop_when_passed needs .* set config\.evaluation_interval'):
    prepare(config)
  prepare(dataclasses.replace(config, evaluation_interval=100_000))


@pytest.mark.parametrize(
  'changes',
  [
    {'pushes': 'force', 'push_interval': 3.18},
    {'hold': 1.0, 'observations': ('joint_positions', 'joint_velocities', 'command')},
  ],
)
def test_settings_that_do_something_are_not(changes):
  config = resolve(load_config('stand'))
  prepare(dataclasses.replace(config, num_envs=128, task=dataclasses.replace(config.task, **changes)))


@pytest.mark.parametrize('start', ['standing', 'fallen'])
def test_a_start_that_shows_nothing_cannot_be_imitated(start, searches):
  config = getup()
  config = dataclasses.replace(config, task=dataclasses.replace(config.task, start=start))
  with pytest.raises(UserError, match=f"needs a start that shows how .rising.; set it to 0 for '{start}'"):
    prepare(config)
  assert not searches
