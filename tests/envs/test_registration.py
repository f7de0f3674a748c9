"""Registration: every built-in config is a Gymnasium environment, and importing the package costs nothing for it."""

import subprocess
import sys

import mujoco
import pytest

from mjx_humanoid.core.config.files import config_names, load_config
from mjx_humanoid.core.config.schema import resolve
from mjx_humanoid.envs.registration import environment_id
from mjx_humanoid.physics.model import model_file
from mjx_humanoid.robots import robots


@pytest.mark.parametrize(
  ('config', 'expected'),
  [
    ('stand', 'mjx_humanoid/Stand-v0'),
    ('stand_robust', 'mjx_humanoid/StandRobust-v0'),
    ('getup', 'mjx_humanoid/Getup-v0'),
  ],
)
def test_a_config_gives_its_name_to_an_environment(config, expected):
  assert environment_id(config) == expected


def test_importing_the_package_imports_neither_jax_nor_gymnasium(run_python):
  code = 'import sys, mjx_humanoid; print([m for m in ("jax", "gymnasium", "mujoco") if m in sys.modules])'
  assert run_python('-c', code).stdout.strip() == '[]'


@pytest.mark.parametrize(
  'code',
  [
    "import gymnasium; env = gymnasium.make('mjx_humanoid:mjx_humanoid/Stand-v0')",
    "import gymnasium; import mjx_humanoid; env = gymnasium.make('mjx_humanoid/Stand-v0')",
    "import mjx_humanoid; import gymnasium; env = gymnasium.make('mjx_humanoid/Stand-v0')",
    "import mjx_humanoid; from gymnasium import make; env = make('mjx_humanoid:mjx_humanoid/Stand-v0')",
  ],
)
def test_environments_are_there_in_whatever_order_the_packages_are_imported(run_python, code):
  pytest.importorskip('gymnasium')
  done = run_python('-W', 'error', '-c', f'{code}; print(env.spec.id)')
  assert (done.stdout.strip(), done.stderr) == ('mjx_humanoid/Stand-v0', '')


def test_gymnasium_is_what_it_was_after_it_was_waited_for(run_python):
  """Its loader is its own again, and nobody watches imports any more."""
  pytest.importorskip('gymnasium')
  code = (
    'import sys, importlib, mjx_humanoid\n'
    'watching = lambda: [x for x in sys.meta_path if type(x).__module__.startswith("mjx_humanoid")]\n'
    'before = len(watching())\n'
    'import gymnasium\n'
    'print(before, len(watching()), "exec_module" in vars(gymnasium.__spec__.loader))\n'
    'importlib.reload(gymnasium)'
  )
  done = run_python('-c', code)
  assert (done.stdout.strip(), done.stderr) == ('1 0 False', '')


def test_to_ask_whether_gymnasium_is_there_changes_nothing(run_python):
  pytest.importorskip('gymnasium')
  code = (
    'import importlib.util, mjx_humanoid\n'
    'importlib.util.find_spec("gymnasium")\n'
    'import gymnasium\n'
    'print(gymnasium.spec("mjx_humanoid/Stand-v0").id)'
  )
  done = run_python('-c', code)
  assert (done.stdout.strip(), done.stderr) == ('mjx_humanoid/Stand-v0', '')


def test_without_gymnasium_the_package_is_imported_all_the_same():
  code = 'import sys; sys.modules["gymnasium"] = None; import mjx_humanoid; print("fine")'
  done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
  assert done.stdout.strip() == 'fine', done.stderr


def test_every_builtin_config_is_registered_once():
  gymnasium = pytest.importorskip('gymnasium')
  from mjx_humanoid.envs.registration import register

  register()
  before = dict(gymnasium.registry)
  register()
  assert dict(gymnasium.registry) == before
  ours = {name: spec for name, spec in before.items() if spec.namespace == 'mjx_humanoid'}
  assert set(ours) == {environment_id(name) for name in config_names()}
  assert {spec.kwargs['config'] for spec in ours.values()} == set(config_names())


@pytest.mark.parametrize('config', config_names())
def test_every_builtin_config_makes_an_environment(config):
  gymnasium = pytest.importorskip('gymnasium')
  from mjx_humanoid.envs.registration import register

  register()
  env = gymnasium.make(environment_id(config))
  robot = robots()[resolve(load_config(config)).task.robot]
  assert env.action_space.shape == (mujoco.MjModel.from_xml_path(str(model_file(robot))).nu,)
  assert env.observation_space.shape[0] > env.action_space.shape[0]
