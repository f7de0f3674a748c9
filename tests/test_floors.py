"""The floors of the house: no import goes up, none goes next door, and what must stay light stays light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = 'mjx_humanoid'
ROOT = Path(__file__).resolve().parent.parent / PACKAGE
GROUND = ('errors', 'types', 'registry', 'config', 'config_file', '_environment', '_modules', '_gymnasium', 'opengl')
API = 'api'  # the commands as functions, on their floor; the package's own module hands it out when it is asked
ROOMS = {'robots': 2, 'physics': 2, 'tasks': 3, 'envs': 4, 'rl': 4, 'playback': 4, 'run': 5, 'media': 5}
COMMANDS = 6

NO_MUJOCO = ('tasks', 'rl')
LIGHT = (
  'playback',
  'robots',
  'tasks.observations',
  'tasks.episodes',
  'physics.model',
  'physics.body',
  'config',
  'config_file',
)
HEAVY = ('jax', 'jaxlib', 'flax', 'brax', 'optax', 'orbax')
CODE_LOADERS = ('pickle', 'cPickle', '_pickle', 'cloudpickle', 'dill', 'joblib', 'shelve', 'marshal', 'jsonpickle')
CODE_RUNNERS = ('eval', 'exec', 'compile', '__import__')


def module_name(path):
  parts = path.relative_to(ROOT.parent).with_suffix('').parts
  return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


TREES = {module_name(path): ast.parse(path.read_text(), str(path)) for path in sorted(ROOT.rglob('*.py'))}


def place(module):
  """(floor, room) of a module: the ground floor is one room, every command is a room of its own."""
  top = module.split('.')[1:2]
  if not top or top[0] in GROUND:
    return 1, 'ground'
  return ROOMS.get(top[0], COMMANDS), top[0]


def only_for_types(node):
  test = getattr(node, 'test', None)
  return isinstance(node, ast.If) and (getattr(test, 'id', '') or getattr(test, 'attr', '')) == 'TYPE_CHECKING'


def nodes_that_run(tree, *, deep):
  """All nodes that are ever executed; deep=False leaves out what waits inside functions."""
  for node in ast.iter_child_nodes(tree):
    if only_for_types(node):
      for child in node.orelse:
        yield child
        yield from nodes_that_run(child, deep=deep)
      continue
    yield node
    if deep or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
      yield from nodes_that_run(node, deep=deep)


def imports(tree, *, deep=True):
  """Dotted names that a module imports; `from a import b` counts as a.b, of which b may be no module."""
  found = set()
  for node in nodes_that_run(tree, deep=deep):
    if isinstance(node, ast.Import):
      found |= {alias.name for alias in node.names}
    elif isinstance(node, ast.ImportFrom):
      assert node.level == 0, 'imports are written in full'
      found |= {f'{node.module}.{alias.name}' for alias in node.names}
    elif isinstance(node, ast.Call) and getattr(node.func, 'attr', '') == 'import_module':
      found |= {a.value for a in node.args if isinstance(a, ast.Constant)}
  return found


def own_module(name):
  """The module of this package that an imported name belongs to, or None."""
  if name.split('.')[0] != PACKAGE:
    return None
  while name not in TREES:
    name = name.rpartition('.')[0]
  return name


def wrong_doors(module, tree):
  """Imports of a module that its place in the house forbids."""
  floor, room = place(module)
  wrong = []
  for name in sorted(imports(tree)):
    if target := own_module(name):
      other_floor, other_room = place(target)
      if other_floor > floor or (other_floor == floor and other_room != room):
        wrong.append(f'{module} (floor {floor}) imports {name} (floor {other_floor})')
  return wrong


def inside(module, rooms):
  return any(module == f'{PACKAGE}.{room}' or module.startswith(f'{PACKAGE}.{room}.') for room in rooms)


def with_parents(module):
  parts = module.split('.')
  return {'.'.join(parts[: i + 1]) for i in range(len(parts))}


def reached_at_start(module):
  """Outside packages that importing a module imports, through whatever modules of this package, and by which."""
  seen, queue, outside = set(), [module], {}
  while queue:
    for name in with_parents(queue.pop()) - seen:
      seen.add(name)
      for imported in imports(TREES[name], deep=False):
        if target := own_module(imported):
          queue.append(target)
        else:
          outside.setdefault(imported.split('.')[0], name)
  return outside


# The walker itself


@pytest.mark.parametrize(
  ('module', 'line', 'forbidden'),
  [
    ('errors', 'from mjx_humanoid.physics.body import Body', True),
    ('errors', 'from mjx_humanoid import play', True),
    ('errors', 'import mjx_humanoid.tasks.task', True),
    ('errors', 'from mjx_humanoid.core.config.schema import Config', False),
    ('errors', 'import mujoco', False),
    ('physics.model', 'from mjx_humanoid.robots import robots', True),
    ('physics.model', 'def f():\n  from mjx_humanoid.tasks import task', True),
    ('physics.model', 'if TYPE_CHECKING:\n  from mjx_humanoid.tasks import task', False),
    ('physics.model', 'if TYPE_CHECKING:\n  pass\nelse:\n  from mjx_humanoid.tasks import task', True),
    ('physics.model', 'import importlib\nimportlib.import_module("mjx_humanoid.rl.ppo")', True),
    ('physics.model', 'from mjx_humanoid.physics import body', False),
    ('physics.model', 'from mjx_humanoid import errors', False),
    ('envs.env', 'from mjx_humanoid.rl.collect import Collected', True),
    ('envs.env', 'try:\n  from mjx_humanoid.run import loop\nexcept ImportError:\n  pass', True),
    ('envs.env', 'class A:\n  from mjx_humanoid.run import loop', True),
    ('media.render', 'from mjx_humanoid.run.loop import Loop', True),
    ('play', 'from mjx_humanoid.train import main', True),
    ('play', 'from mjx_humanoid.run.loop import Loop', False),
  ],
)
def test_the_walker_tells_wrong_doors_from_right_ones(module, line, forbidden):
  assert bool(wrong_doors(f'{PACKAGE}.{module}', ast.parse(line))) == forbidden


def test_the_walker_sees_the_package():
  assert len(TREES) > 30
  assert place('mjx_humanoid.tasks.task') == (3, 'tasks')
  assert place('mjx_humanoid.train') == (6, 'train')
  assert place('mjx_humanoid') == (1, 'ground')
  assert 'mujoco' in imports(TREES['mjx_humanoid.physics.model'])
  assert 'jax' in reached_at_start('mjx_humanoid.envs.env')


# The package


@pytest.mark.parametrize('module', TREES)
def test_no_import_goes_up_a_floor_or_next_door(module):
  upstairs = [f'{module} (floor 1) imports {PACKAGE}.{API} (floor {COMMANDS})']
  assert wrong_doors(module, TREES[module]) == (upstairs if module == f'{PACKAGE}._modules' else [])


def test_every_room_of_the_plan_exists_and_every_folder_is_in_the_plan():
  folders = {path.parent.name for path in ROOT.glob('*/__init__.py')}
  assert folders == set(ROOMS)
  assert {path.stem for path in ROOT.glob('*.py')} >= set(GROUND)


def test_whatever_else_stands_at_the_top_is_a_command():
  others = [p for p in ROOT.glob('*.py') if p.stem not in (*GROUND, '__init__', API)]
  assert [p.name for p in others if "__name__ == '__main__'" not in p.read_text()] == []


@pytest.mark.parametrize('module', [m for m in TREES if inside(m, NO_MUJOCO)])
def test_tasks_and_learning_never_import_mujoco(module):
  assert [name for name in imports(TREES[module]) if name.split('.')[0] == 'mujoco'] == []


@pytest.mark.parametrize('module', [m for m in TREES if inside(m, ('rl',))])
def test_learning_reaches_no_physics_by_any_way(module):
  assert 'mujoco' not in reached_at_start(module)


@pytest.mark.parametrize('module', [m for m in TREES if inside(m, LIGHT)])
def test_playback_reaches_no_jax_by_any_way(module):
  reached = reached_at_start(module)
  assert {name: reached[name] for name in HEAVY if name in reached} == {}


def loaded_after(*modules):
  code = f'import sys\n{"".join(f"import {m}{chr(10)}" for m in modules)}print(*sorted(set(sys.modules)))'
  return set(subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True).stdout.split())


def test_finding_and_judging_policies_loads_no_jax():
  loaded = loaded_after('mjx_humanoid.playback.find', 'mjx_humanoid.playback.judge')
  assert 'mujoco' in loaded
  assert loaded & set(HEAVY) == set()


def test_everything_that_must_stay_light_loads_no_jax():
  assert loaded_after(*(m for m in TREES if inside(m, LIGHT))) & set(HEAVY) == set()


@pytest.mark.parametrize('module', TREES)
def test_nothing_loads_or_runs_code_from_data(module):
  """The only code that may be run is a config or reward file that a user typed: importlib, in two places."""
  tree = TREES[module]
  assert [name for name in imports(tree) if name.split('.')[0] in CODE_LOADERS] == []
  for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
    assert getattr(call.func, 'id', '') not in CODE_RUNNERS, call.lineno
    names = {k.arg: getattr(k.value, 'value', None) for k in call.keywords}
    assert not names.get('allow_pickle'), call.lineno
    assert not names.get('shell'), call.lineno
    if getattr(call.func, 'attr', '') == 'exec_module':
      assert module in ('mjx_humanoid.core.registry', 'mjx_humanoid.core.config.files')
