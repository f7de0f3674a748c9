"""num_envs=auto: the knee of made-up speeds, the memory that limits it, what follows, and what is kept."""

import dataclasses
from types import SimpleNamespace

import pytest

from mjx_humanoid.core.config import files
from mjx_humanoid.core.config.files import apply_overrides, load_config
from mjx_humanoid.core.config.schema import AUTO, default_config, resolve
from mjx_humanoid.core.config.variants import variants_of
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.run import auto_envs as module
from mjx_humanoid.run.auto_envs import Found, closest_divisor, few_updates, following, knee, measured, settled
from mjx_humanoid.run.setup import prepare


def stand(**changes):
  """The config `stand` with 900,000 steps, unrolls of 8 steps and minibatches of 1,024."""
  config = resolve(load_config('stand'))
  ppo = dataclasses.replace(config.ppo, unroll_length=8, batch_size=1024)
  return dataclasses.replace(config, ppo=ppo, **{'total_timesteps': 900_000, **changes})


def test_auto_is_a_word_for_a_number_to_be_measured():
  assert resolve(apply_overrides(default_config(), {'config.num_envs': 'auto'})).num_envs == AUTO
  config = default_config()
  config.num_envs = 'auto'
  assert resolve(config).num_envs == AUTO
  assert resolve({'num_envs': AUTO}).num_envs == AUTO  # as config.json keeps it
  with pytest.raises(UserError, match="num_envs must be a whole number, not 'aut'"):
    apply_overrides(default_config(), {'config.num_envs': 'aut'})


def test_the_knee_is_the_smallest_number_that_no_larger_one_beats_by_a_tenth():
  assert knee({128: 10.0, 256: 19.0, 512: 20.0}) == 256
  assert knee({128: 10.0, 256: 9.0}) == 128
  assert knee({128: 10.0, 256: 18.0, 512: 30.0}) == 512


@pytest.fixture
def machine(monkeypatch):
  """machine(speeds, memory) -> numbers of environments that were tried; 100 kB each, and steps/s by number."""

  def make(speeds, memory):
    tried = []

    def trainer(setup):
      tried.append(count := setup.num_envs)
      return SimpleNamespace(
        steps_per_iteration=8 * count,
        start=lambda: count,
        memory=lambda state: 100_000 * count,
        collect=lambda state: state,
      )

    monkeypatch.setattr(module, 'prepare', lambda config: config)
    monkeypatch.setattr(module, 'Trainer', trainer)
    monkeypatch.setattr(module, 'free_memory', lambda: memory)
    monkeypatch.setattr(module, 'timed', lambda collect, count: (8 * count / speeds[count], None))
    return tried

  return make


def test_more_environments_are_tried_until_they_do_not_pay(machine):
  tried = machine({128: 100.0, 256: 180.0, 512: 185.0}, 1e12)
  found = measured(stand())
  assert tried == [128, 256, 512]
  assert found.num_envs == 256
  assert found.speeds == {'128': 100.0, '256': pytest.approx(180.0), '512': pytest.approx(185.0)}
  assert found.bytes_each == 100_000


def test_a_number_that_another_process_slowed_down_is_measured_again(machine, monkeypatch):
  """256 are slow until 128 were measured again."""
  speeds = {128: 100.0, 256: 180.0, 512: 185.0}
  machine(speeds, 1e12)
  calls = []

  def timed(collect, count):
    calls.append(count)
    slow = 10.0 if count == 256 and calls.count(128) == module.CALLS else 1.0
    return slow * 8 * count / speeds[count], None

  monkeypatch.setattr(module, 'timed', timed)
  assert measured(stand()).num_envs == 256


def test_what_does_not_fit_into_the_memory_is_never_tried(machine):
  """Of 50 MB, 70 % hold 350 environments of 100 kB."""
  tried = machine({128: 100.0, 256: 180.0}, 50e6)
  found = measured(stand())
  assert (tried, found.room, found.num_envs) == ([128, 256], 350, 256)


def test_with_little_memory_it_is_the_largest_power_of_two_that_fits(machine):
  """Of 5 MB, 70 % hold 35 environments."""
  machine({}, 5e6)
  found = measured(stand())
  assert (found.room, found.num_envs, found.speeds) == (35, 32, {})


@pytest.mark.parametrize(
  ('name', 'num_envs', 'batch_size', 'updates'),
  [
    ('stand', 4096, 2048, 120),  # 900,000 / 4096 = 220 updates, over 8^(3/4) = 4.76: not fewer than 120
    ('walk', 4096, 2048, 206),  # 4,000,000 / 4096 = 977 updates, over 4.76: 205.3
    ('stand:gpu', 4096, 2048, 200),  # what the variant is made for
    ('stand', 512, 1024, 220),
  ],
)
def test_minibatches_and_budget_follow_by_rule(name, num_envs, batch_size, updates):
  config = following(stand() if name == 'stand' else resolve(load_config(name)), num_envs)
  assert (config.num_envs, config.ppo.batch_size) == (num_envs, batch_size)
  assert -(-config.total_timesteps // (num_envs * 8)) == updates


def test_with_fewer_environments_the_budget_stays():
  config = following(stand(), 128)
  assert config.total_timesteps == 900_000
  assert 128 * 8 % config.ppo.batch_size == 0


def test_a_short_budget_is_not_made_long():
  """4,096 steps are one update of 512 environments, and of 4096."""
  assert following(stand(total_timesteps=4096), 4096).total_timesteps == 4096 * 8


def test_sac_keeps_its_settings():
  config = stand(algorithm='sac')
  assert following(config, 4096) == dataclasses.replace(config, num_envs=4096)


def test_the_closest_divisor_is_closest_in_ratio():
  assert closest_divisor(36, 5.0) == 6
  assert closest_divisor(7, 3.0) == 7


def test_a_number_is_measured_once_for_a_device_a_task_and_an_engine(tmp_path, monkeypatch, capsys):
  monkeypatch.setenv('JAX_COMPILATION_CACHE_DIR', str(tmp_path))
  asked = []
  found = Found(1024, 20_000.0, {'512': 9000.0, '1024': 10_500.0}, 10**6)
  monkeypatch.setattr(module, 'measured', lambda config: asked.append(config.engine) or found)
  config = stand(num_envs=AUTO, engine='native')
  assert settled(config).num_envs == settled(config).num_envs == 1024
  assert asked == ['native']
  told = capsys.readouterr().out.splitlines()
  assert told[0] == 'num_envs=auto: measuring how many environments pay ...'
  assert told[1].startswith('num_envs=auto: 1,024 environments, minibatches of 1,024, 1,073,152 steps; ')
  assert '512: 9,000, 1,024: 10,500; 20 kB each, 1,000,000 fit' in told[1]
  assert told[2].endswith('(measured before)')
  settled(dataclasses.replace(config, task=dataclasses.replace(config.task, robot='humanoid_pd')))
  assert len(asked) == 2
  (tmp_path / module.CACHE).write_text('not JSON')
  settled(config)
  assert len(asked) == 3
  assert settled(stand()) == stand()


def test_several_processes_need_a_number(monkeypatch):
  monkeypatch.setattr(module.hosts, 'count', lambda: 2)
  with pytest.raises(UserError, match='num_envs=auto measures one process; give a number'):
    settled(stand(num_envs=AUTO))


def test_what_does_not_train_needs_a_number():
  with pytest.raises(UserError, match='num_envs=auto is for training; give a number here'):
    prepare(stand(num_envs=AUTO))


def test_many_environments_and_a_small_budget_are_warned_of_with_the_reckoning():
  """900,000 steps of 4096 x 8 = 32,768 are 27.5 updates; 100 are 3,276,800 steps."""
  assert few_updates(stand(num_envs=4096)) == (
    'warning: 900,000 steps with 4,096 environments, which collect 32,768 steps between updates, make 28 updates; with'
    ' fewer than about 100 a policy hardly learns: --config.total_timesteps=3276800, or fewer environments.'
  )
  assert few_updates(stand()) == few_updates(stand(num_envs=1024)) == ''
  assert few_updates(resolve(files.load_config('stand:gpu'))) == ''


@pytest.mark.parametrize('name', files.config_names())
def test_configs_say_what_number_they_are_meant_for(name):
  module, _ = files.load_module(name)
  for variant in ('', *variants_of(module)):
    config = resolve(load_config(f'{name}:{variant}' if variant else name))
    assert config.reference_envs == config.num_envs
