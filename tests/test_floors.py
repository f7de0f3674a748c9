"""The floors of the package: imports go down only, never in a circle, and what must stay light stays light."""

import ast
import functools
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = 'mjx_humanoid'
ROOT = Path(__file__).resolve().parent.parent / PACKAGE
FLOORS = {
  'core': 1,
  'robots': 2,
  'physics': 2,
  'motions': 3,
  'rl': 3,
  'tasks': 4,
  'envs': 5,
  'playback': 5,
  'run': 6,
  'media': 6,
  'viewer': 7,
  'studies': 7,
}
COMMANDS = 8
FACE = (PACKAGE,)  # the package itself hands out the API when it is asked
NOT_COMMANDS = ('__init__', 'api', 'config')  # at the package root: the API, and a name for config files
MAX_LINES, MAX_FUNCTION = 300, 40

NO_MUJOCO = ('tasks', 'rl')
JAX_ROOMS = ('rl', 'envs', 'run')
WITH_JAX = {  # the modules of the other rooms that import JAX
  f'{PACKAGE}.{name}'
  for name in (
    'physics.mjx',
    'tasks.curricula',
    'tasks.human_rewards',
    'tasks.measures',
    'tasks.rewards',
    'tasks.scoring',
    'tasks.shaping',
    'tasks.skills',
    'tasks.step_rewards',
    'tasks.tracking',
  )
}
HEAVY = ('jax', 'jaxlib', 'flax', 'brax', 'optax', 'orbax')
CODE_LOADERS = ('pickle', 'cPickle', '_pickle', 'cloudpickle', 'dill', 'joblib', 'shelve', 'marshal', 'jsonpickle')
CODE_RUNNERS = ('eval', 'exec', 'compile', '__import__')
MAY_RUN_FILES = (f'{PACKAGE}.core.user_code', f'{PACKAGE}.core.config.files')  # that a user typed
# Where the coordinates of a free root lie in qpos and qvel is known in one place.
ROOT_COORDINATES = re.compile(r'\[(\.\.\., ?)?(3:7|7:|6:)\]')
KNOWS_THE_ROOT = ('physics/root.py', 'physics/body.py')


def module_name(path):
  parts = path.relative_to(ROOT.parent).with_suffix('').parts
  return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


FILES = {module_name(path): path for path in sorted(ROOT.rglob('*.py'))}
TREES = {name: ast.parse(path.read_text(encoding='utf-8'), str(path)) for name, path in FILES.items()}


def place(module):
  """(floor, room) of a module; every command is a room of its own."""
  top = (module.split('.')[1:2] or [''])[0]
  if top == 'config':
    return 1, 'core'
  return FLOORS.get(top, COMMANDS), top


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


def own_imports(tree, *, deep=True):
  return {target for name in imports(tree, deep=deep) if (target := own_module(name))}


def wrong_doors(module, tree):
  """Imports of a module that its floor forbids."""
  floor, room = place(module)
  wrong = []
  for target in sorted(own_imports(tree) - {PACKAGE}):
    other_floor, other_room = place(target)
    if other_floor > floor or (other_floor == floor and other_room != room):
      wrong.append(f'{module} (floor {floor}) imports {target} (floor {other_floor})')
  return wrong


def inside(module, rooms):
  return place(module)[1] in rooms


def with_parents(module):
  parts = module.split('.')
  return {'.'.join(parts[: i + 1]) for i in range(len(parts))}


@functools.cache
def reached(module, deep):
  """Modules of this package that importing one (deep: and calling all its functions) imports, by whatever detour."""
  seen, queue = set(), [module]
  while queue:
    for name in with_parents(queue.pop()) - seen:
      seen.add(name)
      if name not in FACE:
        queue += own_imports(TREES[name], deep=deep)
  return seen


def outside(module, *, deep):
  """Packages that a module reaches, through whatever modules of this package, and by which."""
  found = {}
  for name in reached(module, deep):
    for imported in imports(TREES[name], deep=deep):
      if own_module(imported) is None:
        found.setdefault(imported.split('.')[0], name)
  return found


def circle(graph):
  """The modules of a circle of imports, in order; [] where there is none."""
  done, path = set(), []

  def visit(module):
    if module in path:
      return path[path.index(module) :]
    if module in done:
      return []
    path.append(module)
    for target in sorted(graph[module]):
      if found := visit(target):
        return found
    path.pop()
    done.add(module)
    return []

  return next((found for module in graph if (found := visit(module))), [])


# The walker itself


@pytest.mark.parametrize(
  ('module', 'line', 'forbidden'),
  [
    ('core.errors', 'from mjx_humanoid.physics.body import Body', True),
    ('core.errors', 'from mjx_humanoid import play', True),
    ('core.errors', 'import mjx_humanoid.tasks.task', True),
    ('core.errors', 'from mjx_humanoid.core.config.schema import Config', False),
    ('core.errors', 'import mujoco', False),
    ('physics.model', 'from mjx_humanoid.robots import robots', True),
    ('physics.model', 'def f():\n  from mjx_humanoid.tasks import task', True),
    ('physics.model', 'if TYPE_CHECKING:\n  from mjx_humanoid.tasks import task', False),
    ('physics.model', 'if TYPE_CHECKING:\n  pass\nelse:\n  from mjx_humanoid.tasks import task', True),
    ('physics.model', 'import importlib\nimportlib.import_module("mjx_humanoid.rl.ppo")', True),
    ('physics.model', 'from mjx_humanoid.physics import body', False),
    ('physics.model', 'from mjx_humanoid.core import errors', False),
    ('tasks.task', 'from mjx_humanoid.rl.ppo import PPO', False),
    ('rl.ppo', 'from mjx_humanoid.motions.search import find_motion', True),
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
  assert len(TREES) > 60
  assert place('mjx_humanoid.tasks.task') == (4, 'tasks')
  assert place('mjx_humanoid.train') == (8, 'train')
  assert 'mujoco' in imports(TREES['mjx_humanoid.physics.model'])
  assert 'jax' in outside('mjx_humanoid.envs.env', deep=False)
  assert 'mjx_humanoid.physics.root' in reached('mjx_humanoid.train', True)


def test_the_walker_finds_circles():
  assert circle({'a': {'b'}, 'b': {'c'}, 'c': set(), 'd': {'a'}}) == []
  assert circle({'a': {'b'}, 'b': {'c'}, 'c': {'b'}}) == ['b', 'c']


# Imports


@pytest.mark.parametrize('module', TREES)
def test_no_import_goes_up_a_floor_or_next_door(module):
  expected = [f'{module} (floor 8) imports {PACKAGE}.api (floor 8)'] if module in FACE else []
  assert [wrong for wrong in wrong_doors(module, TREES[module]) if wrong not in expected] == []


def test_no_import_runs_in_a_circle_not_even_one_that_waits_inside_a_function():
  assert circle({name: own_imports(tree) - {name, *FACE} for name, tree in TREES.items() if name not in FACE}) == []


def test_every_room_of_the_plan_exists_and_every_folder_is_in_the_plan():
  assert {path.parent.name for path in ROOT.glob('*/__init__.py')} == set(FLOORS)


def test_whatever_else_stands_at_the_top_is_a_command():
  others = [p for p in ROOT.glob('*.py') if p.stem not in NOT_COMMANDS]
  assert [p.name for p in others if "__name__ == '__main__'" not in p.read_text(encoding='utf-8')] == []


@pytest.mark.parametrize('module', [m for m in TREES if inside(m, NO_MUJOCO)])
def test_tasks_and_learning_never_import_mujoco_themselves(module):
  assert [name for name in imports(TREES[module]) if name.split('.')[0] == 'mujoco'] == []


@pytest.mark.parametrize('module', [m for m in TREES if inside(m, ('rl',))])
def test_learning_reaches_no_physics_by_any_detour(module):
  assert 'mujoco' not in outside(module, deep=True)


@pytest.mark.parametrize('module', [m for m in TREES if m not in WITH_JAX and not inside(m, JAX_ROOMS)])
def test_what_must_stay_light_reaches_no_jax_by_any_detour(module):
  found = outside(module, deep=False)
  assert {name: found[name] for name in HEAVY if name in found} == {}


@pytest.mark.parametrize('module', [m for m in TREES if inside(m, FLOORS)])
def test_no_room_reaches_a_higher_floor_by_any_detour(module):
  floor = place(module)[0]
  assert [name for name in reached(module, True) if name not in FACE and place(name)[0] > floor] == []


def loaded_after(*modules):
  code = f'import sys\n{"".join(f"import {m}{chr(10)}" for m in modules)}print(*sorted(set(sys.modules)))'
  return set(subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True).stdout.split())


def test_everything_that_must_stay_light_loads_no_jax():
  light = [m for m in TREES if m not in WITH_JAX and not inside(m, JAX_ROOMS) and inside(m, FLOORS)]
  loaded = loaded_after(*light)
  assert 'mujoco' in loaded
  assert loaded & set(HEAVY) == set()


# Code


@pytest.mark.parametrize('module', TREES)
def test_nothing_loads_or_runs_code_from_data(module):
  """The only code that may be run is a file that a user typed: importlib, in few places."""
  tree = TREES[module]
  assert [name for name in imports(tree) if name.split('.')[0] in CODE_LOADERS] == []
  for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
    assert getattr(call.func, 'id', '') not in CODE_RUNNERS, call.lineno
    names = {k.arg: getattr(k.value, 'value', None) for k in call.keywords}
    assert not names.get('allow_pickle'), call.lineno
    assert not names.get('shell'), call.lineno
    if getattr(call.func, 'attr', '') == 'exec_module':
      assert module in MAY_RUN_FILES


@pytest.mark.parametrize('module', TREES)
def test_files_and_functions_are_short(module):
  assert len(FILES[module].read_text(encoding='utf-8').splitlines()) <= MAX_LINES
  functions = [n for n in ast.walk(TREES[module]) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
  assert [f.name for f in functions if f.end_lineno - f.lineno + 1 > MAX_FUNCTION] == []


def test_only_the_root_knows_where_its_coordinates_are():
  found = [
    f'{path.relative_to(ROOT)}: {line.strip()}'
    for path in FILES.values()
    for line in path.read_text(encoding='utf-8').splitlines()
    if ROOT_COORDINATES.search(line) and path.relative_to(ROOT).as_posix() not in KNOWS_THE_ROOT
  ]
  assert found == []
