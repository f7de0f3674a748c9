"""What several test files share: a training so small that it takes seconds, and the finished run of one."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tiny import TINY, as_arguments

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.opengl import choose_gl

REPOSITORY = Path(__file__).resolve().parent.parent

# JAX reads it when it is first imported. Most of the time of these tests is compiling; the programs run only briefly.
os.environ.setdefault('JAX_DISABLE_MOST_OPTIMIZATIONS', '1')

# MuJoCo reads MUJOCO_GL when it is first imported, so it is chosen before any test file is.
try:
  choose_gl()
  NO_OPENGL = ''
except UserError as error:
  NO_OPENGL = str(error)


# Files whose tests share a program that is dear to compile.
TOGETHER = {'test_mjx.py': 'mjx', 'test_parity.py': 'mjx'}


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the marks
def pytest_collection_modifyitems(items):
  """With --dist=loadgroup, the tests of a file run in one process, so that their fixtures are made once."""
  for item in items:
    item.add_marker(pytest.mark.xdist_group(TOGETHER.get(item.path.name, item.path.name)))


@pytest.fixture
def opengl():
  """Some OpenGL, or the test is skipped: a machine without any can still train."""
  if NO_OPENGL:
    pytest.skip(NO_OPENGL)


@pytest.fixture
def no_opengl(monkeypatch):
  """A machine without any OpenGL, whatever was chosen before."""
  monkeypatch.setattr('mjx_humanoid.core.opengl._chosen', None)
  monkeypatch.setattr('mjx_humanoid.core.opengl.probe', lambda name: None)


def dotted(overrides):
  """Python cannot write task.reward= in a call: task__reward= stands for it."""
  return {name.replace('__', '.'): value for name, value in overrides.items()}


@pytest.fixture(scope='session', autouse=True)
def isolated_environment(tmp_path_factory):
  """A compilation cache and a data folder of this session's own, and the package importable from subprocesses."""
  with pytest.MonkeyPatch.context() as patch:
    patch.setenv('JAX_COMPILATION_CACHE_DIR', str(tmp_path_factory.mktemp('jax_cache')))
    patch.setenv('XDG_DATA_HOME', str(tmp_path_factory.mktemp('data')))  # the list of code that may run
    known = os.environ.get('PYTHONPATH')
    patch.setenv('PYTHONPATH', os.pathsep.join([str(REPOSITORY), *([known] if known else [])]))
    yield


@pytest.fixture
def tiny(tmp_path):
  """tiny(**overrides) -> Config of the smallest training, in tmp_path/tiny; task__reward= sets task.reward."""
  from mjx_humanoid.core.config.schema import default_config, resolve

  def make(**overrides):
    config = default_config()
    settings = {'name': 'tiny', 'run_dir': str(tmp_path), **TINY, **dotted(overrides)}
    config.update_from_flattened_dict(settings)
    return resolve(config)

  return make


@pytest.fixture
def tiny_arguments(tmp_path):
  """tiny_arguments(**overrides) -> command line of the smallest training, in tmp_path/tiny."""
  return lambda **overrides: as_arguments({'name': 'tiny', 'run_dir': tmp_path, **TINY, **dotted(overrides)})


@pytest.fixture(scope='session')
def finished_run(tmp_path_factory):
  """Folder of a finished tiny training by the real command. Read only: `run_copy` is for changing."""
  from mjx_humanoid import train

  folder = tmp_path_factory.mktemp('runs')
  train.main(as_arguments({'name': 'tiny', 'run_dir': folder, **TINY}))
  return folder / 'tiny'


@pytest.fixture
def run_copy(finished_run, tmp_path):
  """A finished run that a test may change."""
  return Path(shutil.copytree(finished_run, tmp_path / 'copy'))


@pytest.fixture(scope='session')
def robot():
  """The datasheet of the humanoid."""
  from mjx_humanoid.robots import robots

  return robots()['humanoid']


@pytest.fixture(scope='session')
def model(robot):
  """Its model, as training has it."""
  from mjx_humanoid.physics.model import build_model

  return build_model(robot)


@pytest.fixture(scope='session')
def body(robot, model):
  from mjx_humanoid.physics.body import describe

  return describe(robot, model)


@pytest.fixture(scope='session')
def standing_task():
  """The default task and its robot's model, as playback sees them: (task, model)."""
  from mjx_humanoid.core.config.task import TaskConfig
  from mjx_humanoid.playback.rollout import task_and_model

  return task_and_model(TaskConfig())


@pytest.fixture
def make_policy(standing_task):
  """make_policy(**changes) -> a small random policy that fits `standing_task`."""
  return lambda **changes: random_policy(*standing_task, **changes)


def random_policy(task, model, /, **changes):
  import numpy as np

  from mjx_humanoid.playback.policy import Policy
  from mjx_humanoid.playback.rollout import observation_of_start

  rng = np.random.default_rng(7)
  size, actions = observation_of_start(task, model).shape[-1], task.body.nu

  def normal(*shape):
    return rng.normal(size=shape).astype(np.float32)

  values = {
    'kernels': (0.3 * normal(size, 8), 0.3 * normal(8, actions)),
    'biases': (normal(8), 0.1 * normal(actions)),
    'log_std': np.full(actions, -1.0, np.float32),
    'mean': normal(size),
    'std': np.exp(normal(size)),
    'mirror': None,
    'activation': 'elu',
    'task': task.config,
    'info': {'name': 'made by hand', 'seed': 3},
  }
  return Policy(**{**values, **changes})


@pytest.fixture
def twin(tmp_path, monkeypatch):
  """Another robot by the name of twin: its file differs from the humanoid's in a comment."""
  from mjx_humanoid.physics.model import model_file
  from mjx_humanoid.robots import robots

  humanoid = robots()['humanoid']
  path = tmp_path / 'twin.xml'
  path.write_text(model_file(humanoid).read_text() + '<!-- another -->')
  monkeypatch.setitem(robots()._things, 'twin', dataclasses.replace(humanoid, name='twin', package='', file=str(path)))


@pytest.fixture
def user_error(capfd):
  """user_error(main, arguments) -> the message; fails unless it is one `error:` line and exit status 2."""

  def refused(main, arguments):
    capfd.readouterr()
    with pytest.raises(SystemExit) as end:
      main([str(argument) for argument in arguments])
    lines = capfd.readouterr().err.strip().split('\n')
    assert end.value.code == 2
    assert len(lines) == 1, f'more than one line on stderr: {lines}'
    assert lines[0].startswith('error: ')
    return lines[0].removeprefix('error: ')

  return refused


@pytest.fixture
def snapshot():
  """snapshot(folder) -> every file's bytes by relative path, to compare before and after."""
  return lambda folder: {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob('*') if p.is_file()}


@pytest.fixture
def full_disk(monkeypatch):
  """full_disk('x') -> files with x in their names (by default all) are cut short and fail, as on a full disk."""
  from mjx_humanoid.core import files

  def fill(part='', store=files._store):
    def cut_short(draft, content):
      if part not in draft.path.name:
        return store(draft, content)
      draft.partial.write_bytes(content[:10])
      raise OSError(28, 'No space left on device', str(draft.partial))

    monkeypatch.setattr(files, '_store', cut_short)

  return fill


@pytest.fixture
def run_python():
  """run_python('-c', code) or run_python('-m', module, ...) -> the finished process of a fresh interpreter."""

  def run(*arguments, **options):
    options = {'capture_output': True, 'text': True, 'timeout': 300, **options}
    return subprocess.run([sys.executable, *map(str, arguments)], **options)

  return run


@pytest.fixture
def read_video():
  """read_video(path) -> frames uint8 [n, h, w, 3] and frames per second, by the ffmpeg that imageio-ffmpeg carries."""
  import imageio_ffmpeg
  import numpy as np

  def read(path):
    reader = imageio_ffmpeg.read_frames(str(path))
    meta = next(reader)
    width, height = meta['size']
    frames = [np.frombuffer(frame, np.uint8).reshape(height, width, 3) for frame in reader]
    return np.stack(frames), meta['fps']

  return read
