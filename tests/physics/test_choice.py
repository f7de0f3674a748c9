"""The choice among engines, with its reason."""

import sys
import types

import jax
import numpy as np
import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.physics import choice
from mjx_humanoid.physics.choice import ENGINES, choose, make_engine
from mjx_humanoid.physics.native import NativeEngine


@pytest.fixture
def machine(monkeypatch):
  """Pretends that JAX sees this device, and that warp is installed or not, or installed with some trouble."""

  def pretend(platform, kind, version='', *, warp):
    client = types.SimpleNamespace(platform_version=version)
    monkeypatch.setattr(jax, 'default_backend', lambda: platform)
    monkeypatch.setattr(jax, 'devices', lambda: [types.SimpleNamespace(device_kind=kind, client=client)])
    monkeypatch.setattr(choice, 'warp_installed', lambda: bool(warp))
    monkeypatch.setattr(choice, 'warp_trouble', lambda: warp if isinstance(warp, str) else '')

  return pretend


@pytest.mark.parametrize(
  ('device', 'warp', 'name', 'reason'),
  [
    (('cpu', 'cpu'), False, 'native', 'no GPU'),
    (('cpu', 'cpu'), True, 'native', 'no GPU'),
    (('gpu', 'NVIDIA H200', 'cuda 12'), True, 'mjx-warp', 'NVIDIA H200'),
    (('gpu', 'H200', 'PJRT C API, NVIDIA driver'), True, 'mjx-warp', 'warp'),
    (('gpu', 'NVIDIA H200', 'cuda 12'), False, 'mjx', 'NVIDIA H200'),
    (('gpu', 'AMD Instinct', 'rocm'), True, 'mjx', 'AMD Instinct'),
    (('gpu', 'NVIDIA H200', 'cuda 12'), 'the driver is old', 'mjx', 'the driver is old'),
    (('tpu', 'TPU v5'), True, 'mjx', 'TPU v5'),
  ],
)
def test_auto_takes_the_fastest_and_says_why(machine, device, warp, name, reason):
  machine(*device, warp=warp)
  chosen, why = choose('auto')
  assert chosen == name
  assert reason in why


@pytest.mark.parametrize('name', ['native', 'mjx'])
@pytest.mark.parametrize('platform', ['cpu', 'gpu'])
def test_what_was_asked_for_is_what_one_gets(machine, name, platform):
  machine(platform, 'x', warp=False)
  assert choose(name) == (name, 'as configured')


def test_warp_without_its_package_says_how_to_install_it(machine):
  machine('gpu', 'NVIDIA H200', warp=False)
  with pytest.raises(UserError, match=r"'mjx-warp' needs warp-lang: pip install .*--config\.engine=auto"):
    choose('mjx-warp')


def test_warp_without_a_gpu_offers_the_others(machine):
  machine('cpu', 'cpu', warp=True)
  with pytest.raises(UserError, match=r"'mjx-warp' needs an NVIDIA GPU .*--config\.engine=native or mjx"):
    choose('mjx-warp')


def test_warp_that_cannot_use_the_gpu_says_why(machine):
  machine('gpu', 'NVIDIA H200', warp='warp finds no CUDA device')
  with pytest.raises(UserError, match=r"'mjx-warp': warp finds no CUDA device; use --config\.engine=mjx"):
    choose('mjx-warp')


def test_trouble_with_warp_is_what_it_says_itself(monkeypatch):
  module = types.SimpleNamespace(is_cuda_available=lambda: True)
  monkeypatch.setitem(sys.modules, 'warp', module)
  assert choice.warp_trouble() == ''
  module.is_cuda_available = lambda: False
  assert 'no CUDA device' in choice.warp_trouble()
  monkeypatch.setitem(sys.modules, 'warp', None)
  assert choice.warp_trouble().startswith('warp cannot be imported (ModuleNotFoundError')


@pytest.mark.parametrize('name', ['nativ', '', 'warp'])
def test_unknown_engines_are_refused_with_the_choices(machine, name):
  machine('cpu', 'cpu', warp=False)
  with pytest.raises(UserError, match=r'Choices: .*mjx.*native'):
    choose(name)


def test_native_is_made_with_its_threads(model):
  engine = make_engine('native', model, 3, 5, num_threads=2)
  assert isinstance(engine, NativeEngine)
  assert (engine.name, engine.traceable, engine.num_threads) == ('native', False, 2)


def test_mjx_is_made_traceable(model):
  engine = make_engine('mjx', model, 3, 5)
  assert (engine.name, engine.traceable) == ('mjx', True)


@pytest.mark.parametrize(
  ('name', 'platform', 'expected'), [('mjx-warp', 'gpu', 'WARP_STAGED'), ('mjx-warp', 'cpu', ''), ('mjx', 'gpu', '')]
)
def test_warp_keeps_its_graph_as_configured_on_a_gpu_alone(monkeypatch, model, name, platform, expected):
  asked = []
  monkeypatch.setattr(choice, 'backend', lambda: platform)
  monkeypatch.setattr('mjx_humanoid.physics.mjx.MjxEngine', lambda *args, **options: asked.append(options))
  make_engine(name, model, 3, 5, graph_mode='warp_staged')
  assert [options['graph_mode'] for options in asked] == [expected]


def test_fields_reach_the_worlds_of_either_engine(model):
  """In free fall: what motors of double strength do at once is more than what the file's own do."""
  gear = np.stack([model.actuator_gear, 2 * model.actuator_gear])
  native = make_engine('native', model, 2, 1, num_threads=1, fields={'actuator_gear': gear})
  qpos = np.tile(model.qpos0, (2, 1))
  qpos[:, 2] = 3
  _, view = native.step(native.init(qpos, np.zeros((2, model.nv))), np.full((2, model.nu), 0.1))
  assert np.abs(view.qvel[1, 6:]).sum() > 1.5 * np.abs(view.qvel[0, 6:]).sum()
  traced = make_engine('mjx', model, 2, 1, fields={'actuator_gear': gear})
  state = traced.init(qpos.astype(np.float32), np.zeros((2, model.nv), np.float32))
  np.testing.assert_allclose(state.fields['actuator_gear'], gear)  # an argument of the jitted step
  assert traced._axes.actuator_gear == 0
  assert traced._axes.body_mass is None


def test_every_engine_describes_itself():
  assert list(ENGINES) == ['native', 'mjx', 'mjx-warp']
  assert all(line.endswith('.') for line in ENGINES.values())
