"""Writes a policy as ONNX, safetensors or npz: python -m mjx_humanoid.export <run, policy or name> --format=onnx

onnx         the network as an ONNX graph; beside it the whole controller as another graph, from the state of the
             robot and a command to controls, and the robot's model as .xml: any ONNX runtime plays them
safetensors  the portable policy file: the only format that this package loads
npz          the same numbers for numpy.load, with a description as JSON under the name 'metadata'

ONNX and npz files are for other programs: play, evaluate and train load safetensors only.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mjx_humanoid.core import model_files
from mjx_humanoid.core.border import expanded, typed
from mjx_humanoid.core.callable_module import make_callable
from mjx_humanoid.core.config.files import parser
from mjx_humanoid.core.errors import command
from mjx_humanoid.core.saved_code import ALLOW_HELP

if TYPE_CHECKING:
  import argparse

FORMATS = ('onnx', 'safetensors', 'npz')
NEXT = {
  'onnx': 'python examples/play_onnx.py {out}   # of the repository; needs mujoco, numpy and onnxruntime alone',
  'safetensors': 'python -m mjx_humanoid.play {out}',
  'npz': 'numpy.load({name!r}) has the arrays; this package plays .safetensors only',
}


@command
def main(argv: Sequence[str]) -> None:
  """The command."""
  arguments = parse(argv)
  from mjx_humanoid.playback.export_formats import export
  from mjx_humanoid.playback.find import load

  policy = load(arguments.policy, allow_code=arguments.allow_code)
  out = expanded(arguments.out) if arguments.out else default_path(arguments.policy, arguments.format)
  files, tried = export(policy, arguments.format, out, force=arguments.force)
  *others, last = map(str, files)
  print(f'wrote {", ".join(others)} and {last}' if others else f'wrote {last}')
  if tried:
    print(tried)
  print(f'next: {NEXT[arguments.format].format(out=typed(out), name=str(out))}')


def parse(argv: Sequence[str]) -> argparse.Namespace:
  """The arguments. Raises UserError."""
  arguments = parser('export', __doc__ or '')
  arguments.add_argument('policy', help='a run folder, a policy file or the name of a pretrained policy')
  arguments.add_argument('--format', choices=FORMATS, default='onnx', help='format of the file (%(default)s)')
  arguments.add_argument('--out', help='output file; by default named after the policy, in the current folder')
  arguments.add_argument('--force', action='store_true', help='replace files that exist')
  arguments.add_argument('--allow-code', action='store_true', help=ALLOW_HELP)
  model_files.add_option(arguments)
  return arguments.parse_args(argv)


def default_path(reference: str, kind: str) -> Path:
  """A file in the current folder, named after the run or the policy."""
  path = expanded(reference).resolve()
  return Path(f'{path.name if path.is_dir() else path.stem}.{kind}'.replace(':', '_'))


make_callable(__name__)

if __name__ == '__main__':
  main()
