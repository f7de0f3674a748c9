"""Checks the installation and says how to fix it: python -m mjx_humanoid.doctor

With --robot=NAME or --robot=path/to/model.xml it checks a robot instead: what is read from its files and guessed, what
MJX cannot do with it, whether its timestep is stable. It also writes a picture of the standing pose.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from mjx_humanoid.core import model_files, saved_code
from mjx_humanoid.core.config import schema
from mjx_humanoid.core.config.files import apply_overrides, parser, split_overrides
from mjx_humanoid.core.errors import UserError, command

FREE_DISK = 2e9  # bytes; checkpoints and videos of a run take much less
DEADLOCK_LIMIT = 180  # s; compiling takes 10 to 40 s

MUJOCO_TRIAL = """
import mujoco
from mujoco import batch
batch.Batch(mujoco.MjModel.from_xml_string('<mujoco/>'), 2).step()
"""


class Finding(NamedTuple):
  """The result of a check."""

  state: str  # ok, warn (something is limited) or bad (something does not work)
  text: str
  fix: str = ''  # the command or change that fixes it


@command
def main(argv: Sequence[str]) -> None:
  """Runs all checks; exit status 1 if the result of any check is bad, else 0."""
  arguments = parser('doctor', __doc__ or '')
  arguments.add_argument(
    '--quick', action='store_true', help='skip the check of MJX inside a scan, which takes half a minute'
  )
  arguments.add_argument('--robot', help='check this robot instead: a name, path/to/model.xml or path/to/file.py:ROBOT')
  arguments.add_argument('--out', help='the picture of a robot, .png; by default named after it, in the current folder')
  model_files.add_option(arguments)
  parsed, rest = arguments.parse_known_args(argv)
  if parsed.robot:
    check_robot(parsed.robot, split_overrides(rest), parsed.out)
    return
  if rest or parsed.out:
    raise UserError(f'{" ".join(rest) or "--out"} needs --robot=...; see python -m mjx_humanoid.doctor --help.')
  quick = parsed.quick
  states = []
  for name, check in CHECKS.items():
    if quick and check is check_deadlock:
      continue
    finding = run_check(check)
    states.append(finding.state)
    print(f'{finding.state:>5}  {name}: {finding.text}', flush=True)
    if finding.fix:
      print(f'       -> {finding.fix}', flush=True)
  if 'bad' in states:
    print('fix the lines marked bad, then run doctor again')
    raise SystemExit(1)
  print('next: python -m mjx_humanoid.train --config=configs/stand.py')


def check_robot(name: str, overrides: dict[str, str], out: str | None) -> None:
  """Prints the report on a robot and writes a picture of it; exit status 1 if training would refuse it.

  Args:
    overrides: settings of the task, as on the command line of train.

  Raises:
    UserError: the robot cannot be built.
  """
  from mjx_humanoid.run import inspection

  config = schema.resolve(apply_overrides(schema.default_config(), {**overrides, 'config.task.robot': name}))
  saved_code.allow(config)  # the user typed its name
  found, bad = inspection.build(config.task), False
  for line in inspection.report(found):
    print(f'{line.state:>5}  {line.name}: {line.text}', flush=True)
    bad |= line.state == 'bad'
  path = Path(out or f'{found.body.robot.name}_standing.png')
  try:
    inspection.picture(found, path)
    print(f'   ok  picture: the standing pose in {path}')
  except UserError as error:
    print(f' warn  picture: none ({error})')
  if bad:
    print('training refuses this robot: fix the lines marked bad, then run doctor again')
    raise SystemExit(1)
  defaults = {'config.name': found.body.robot.name, 'config.task.frame_skip': 0}
  settings = {**defaults, **overrides, 'config.task.robot': name}
  given = ' '.join(shlex.quote(f'--{key}={value}') for key, value in settings.items())
  print(f'next: python -m mjx_humanoid.train --config=stand {given}')


def run_check(check: Callable[[], Finding]) -> Finding:
  """Runs a check; an exception in it is a finding too."""
  try:
    return check()
  except Exception as error:  # the other checks must still run
    detail = (str(error).split('\n') or [''])[0]
    return Finding('bad', f'the check itself failed: {type(error).__name__}: {detail}', 'pip install -e .')


def check_python() -> Finding:
  """Checks that Python is new enough."""
  version = sys.version.split()[0]
  if sys.version_info < (3, 11):
    return Finding('bad', version, 'install Python 3.11 or newer')
  return Finding('ok', version)


def version_of(package: str) -> str | None:
  """The installed version of a package, or None."""
  try:
    return importlib.metadata.version(package)
  except importlib.metadata.PackageNotFoundError:
    return None


def check_mujoco() -> Finding:
  """Checks that no file of MuJoCo is missing: an upgrade in place can leave files missing."""
  fix = 'pip uninstall -y mujoco mujoco-core mujoco-studio mujoco-mjx && pip install mujoco mujoco-mjx'
  damaged = []
  for package in ('mujoco', 'mujoco-core', 'mujoco-mjx'):
    try:
      distribution = importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
      continue
    files = [f for f in distribution.files or [] if f.suffix in ('.py', '.so', '.xml', '.dll', '.dylib')]
    damaged += [str(f) for f in files if not Path(str(f.locate())).exists()]
  if damaged:
    return Finding('bad', f'{len(damaged)} files are missing, e.g. {damaged[0]}', fix)
  run = subprocess.run([sys.executable, '-c', MUJOCO_TRIAL], capture_output=True, encoding='utf-8', errors='replace')
  if run.returncode:
    return Finding('bad', run.stderr.strip().split('\n')[-1], fix)
  return Finding('ok', f'{version_of("mujoco")}, all files present, mujoco.batch works')


def check_versions() -> Finding:
  """Checks that the versions of all packages are within the bounds of pyproject.toml."""
  from packaging.requirements import Requirement

  try:
    required = importlib.metadata.requires('mjx_humanoid') or []
  except importlib.metadata.PackageNotFoundError:
    return Finding('bad', 'mjx_humanoid itself is not installed', 'pip install -e . in its folder')
  wrong = []
  for text in required:
    requirement = Requirement(text)
    if requirement.marker and not requirement.marker.evaluate({'extra': ''}):
      continue
    installed = version_of(requirement.name)
    if installed is None or not requirement.specifier.contains(installed, prereleases=True):
      wrong.append(f'{requirement.name} {installed or "missing"} (needs {requirement.specifier or "any"})')
  if wrong:
    return Finding('bad', ', '.join(wrong), "pip install -e . (or pip install 'mjx_humanoid')")
  names = ('jax', 'mujoco-mjx', 'brax', 'flax', 'optax', 'orbax-checkpoint')
  return Finding('ok', ', '.join(f'{name} {version_of(name)}' for name in names))


def check_warp() -> Finding:
  """Checks that warp-lang has the version that mujoco-mjx requires."""
  from packaging.requirements import Requirement

  installed = version_of('warp-lang')
  if installed is None:
    return Finding('ok', 'not installed; only the engine mjx-warp needs it')
  for text in importlib.metadata.requires('mujoco-mjx') or []:
    requirement = Requirement(text)
    if requirement.name == 'warp-lang' and not requirement.specifier.contains(installed):
      return Finding(
        'bad', f'{installed}, but mujoco-mjx needs {requirement.specifier}', "pip install 'mjx_humanoid[warp]'"
      )
  return Finding('ok', installed)


def check_gpu() -> Finding:
  """Checks that JAX sees the GPU that the system has."""
  import jax

  devices = jax.devices()
  if devices[0].platform != 'cpu':
    return Finding('ok', f'jax uses {len(devices)} x {devices[0].device_kind}')
  if Path('/dev/nvidia0').exists():
    return Finding('warn', 'there is an NVIDIA GPU, but jax does not see it', "pip install 'jax[cuda12]'")
  return Finding('ok', 'none; training uses the CPU (engine native)')


def check_gl() -> Finding:
  """Checks that an OpenGL backend renders without a display."""
  from mjx_humanoid.core.opengl import choose_gl

  try:
    gl = choose_gl()
    return Finding('ok', f'MUJOCO_GL={gl.name or "default"} works ({gl.renderer})')
  except UserError as error:
    return Finding('warn', 'no OpenGL can be loaded: no videos', str(error))


def check_ffmpeg() -> Finding:
  """Checks that there is an ffmpeg for writing videos."""
  try:
    from mjx_humanoid.media.render import use_bundled_ffmpeg

    path = use_bundled_ffmpeg()
    run = subprocess.run([path, '-version'], capture_output=True, encoding='utf-8', errors='replace', check=True)
    return Finding('ok', f'{run.stdout.split(" Copyright")[0]} ({path})')
  except (ImportError, RuntimeError, OSError, subprocess.CalledProcessError) as error:
    return Finding('warn', f'not found: no videos ({error})', 'pip install imageio-ffmpeg')


def check_disk() -> Finding:
  """Checks that there is disk space for runs."""
  free = shutil.disk_usage('.').free
  text = f'{free / 1e9:.1f} GB free here'
  return (
    Finding('ok', text)
    if free > FREE_DISK
    else Finding('warn', text, 'set --config.run_dir to a folder on a larger disk')
  )


DEADLOCK_TRIAL = """
import mjx_humanoid
from mjx_humanoid.run.trial import scan_trial
scan_trial()
"""


def check_deadlock() -> Finding:
  """Checks that MJX inside a scan ends: XLA on CPUs can deadlock on few cores."""
  environment = {**os.environ, 'JAX_PLATFORMS': 'cpu'}
  try:
    run = subprocess.run(
      [sys.executable, '-c', DEADLOCK_TRIAL],
      env=environment,
      capture_output=True,
      encoding='utf-8',
      errors='replace',
      timeout=DEADLOCK_LIMIT,
    )
  except subprocess.TimeoutExpired:
    return Finding(
      'bad', 'MJX inside a scan hangs on this CPU', 'use --config.engine=native, and report your version of jax'
    )
  if run.returncode:
    return Finding('bad', run.stderr.strip().split('\n')[-1], 'pip install --upgrade jax mujoco-mjx')
  return Finding('ok', 'MJX inside a scan runs on this CPU')


CHECKS: dict[str, Callable[[], Finding]] = {
  'python': check_python,
  'mujoco': check_mujoco,
  'versions': check_versions,
  'warp': check_warp,
  'gpu': check_gpu,
  'opengl': check_gl,
  'ffmpeg': check_ffmpeg,
  'disk': check_disk,
  'XLA': check_deadlock,
}

if __name__ == '__main__':
  main()
