"""engine=auto on a GPU: the faster of two engines whose speeds are made up, what is kept, and what is left out."""

import dataclasses

import pytest

from mjx_humanoid.core.config.files import load_config
from mjx_humanoid.core.config.schema import AUTO, resolve
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.run import auto_engine as module
from mjx_humanoid.run import start
from mjx_humanoid.run.auto_engine import settled
from mjx_humanoid.run.auto_envs import Found


@pytest.fixture
def config():
  return dataclasses.replace(resolve(load_config('stand')), engine='auto')


@pytest.fixture
def gpu(tmp_path, monkeypatch):
  """gpu(mjx=..., warp=...) -> engines that were measured: a machine with these environment steps/s, or errors."""
  monkeypatch.setenv('JAX_COMPILATION_CACHE_DIR', str(tmp_path))
  monkeypatch.setattr(module, 'candidates', lambda: (('mjx-warp', 'mjx'), 'a GPU'))
  measured = []

  def make(mjx, warp):
    speeds = {'mjx': mjx, 'mjx-warp': warp}

    def speed_of(config):
      measured.append(config.engine)
      if isinstance(speed := speeds[config.engine], Exception):
        raise speed
      return speed

    monkeypatch.setattr(module, 'speed_of', speed_of)
    return measured

  return make


@pytest.mark.parametrize(('mjx', 'warp', 'engine'), [(4e5, 9e5, 'mjx-warp'), (4e5, 3e5, 'mjx')])
def test_the_faster_engine_is_taken_said_and_kept(config, gpu, capsys, mjx, warp, engine):
  measured = gpu(mjx, warp)
  assert settled(config) == settled(config) == dataclasses.replace(config, engine=engine)
  assert measured == ['mjx-warp', 'mjx']
  said = f'engine=auto: {engine}; environment steps/s while collecting with 512 environments: mjx-warp {warp:,.0f}, mjx'
  assert capsys.readouterr().out.splitlines() == [
    'engine=auto: measuring mjx-warp and mjx ...',
    f'{said} {mjx:,.0f} (measured now)',
    f'{said} {mjx:,.0f} (measured before)',
  ]
  settled(dataclasses.replace(config, num_envs=1024))  # another size, another measurement
  assert len(measured) == 4


def test_an_engine_that_fails_is_left_out_with_its_reason_and_tried_again_next_time(config, gpu, capsys):
  measured = gpu(4e5, UserError('engine mjx-warp does not compute external forces'))
  assert settled(config).engine == settled(config).engine == 'mjx'
  assert measured == ['mjx-warp', 'mjx'] * 2
  assert 'mjx-warp does not run: engine mjx-warp does not compute external' in capsys.readouterr().out
  gpu(RuntimeError('out of memory\nand more'), RuntimeError('CUDA error'))
  assert settled(config) == config
  assert 'mjx does not run: RuntimeError: out of memory\n' in capsys.readouterr().out


def test_what_leaves_no_choice_is_not_measured(config, gpu, monkeypatch, capsys):
  measured = gpu(1.0, 2.0)
  assert settled(dataclasses.replace(config, engine='mjx')).engine == 'mjx'
  assert settled(dataclasses.replace(config, devices=4)).engine == 'mjx'
  assert 'mjx, since the others compute on one device' in capsys.readouterr().out
  monkeypatch.setattr(module, 'candidates', lambda: (('native',), 'no GPU'))
  assert settled(config) == config
  assert measured == []


def test_with_as_many_environments_as_pay_their_speeds_decide(config, monkeypatch):
  found = {'mjx': Found(4096, 1.0, {'1024': 1e5, '4096': 4e5}, 9999), 'mjx-warp': Found(32, 1.0, {}, 35)}
  monkeypatch.setattr(module, 'found_for', lambda config, engine: (found[engine], 'measured before'))
  speeds = [module.speed_of(dataclasses.replace(config, num_envs=AUTO, engine=engine)) for engine in found]
  assert speeds == [4e5, 0.0]


def test_a_speed_is_the_fastest_of_some_calls_of_collecting(config):
  small = dataclasses.replace(config, engine='native', num_envs=8, ppo=dataclasses.replace(config.ppo, batch_size=64))
  assert module.speed_of(small) > 10


def test_a_new_training_is_set_up_with_it_and_a_resumed_one_keeps_its_own(config, monkeypatch):
  monkeypatch.setattr(start, 'use_compilation_cache', lambda: None)
  monkeypatch.setattr(start.auto_engine, 'settled', lambda config: dataclasses.replace(config, engine='native'))
  small = dataclasses.replace(config, num_envs=8, ppo=dataclasses.replace(config.ppo, batch_size=64))
  setup = start.set_up(small)
  assert (setup.config.engine, setup.engine_reason) == ('native', 'chosen by auto')
  assert start.set_up(small, resume=True).config.engine == 'auto'
