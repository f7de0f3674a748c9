"""Finds policies: by run folder, checkpoint (runs/x@best), policy file or name of a pretrained policy."""

from __future__ import annotations

from pathlib import Path

from mjx_humanoid.core.border import expanded
from mjx_humanoid.core.errors import UserError, unknown
from mjx_humanoid.core.files import read_json
from mjx_humanoid.core.run_folder import CHECKPOINTS, POLICY_FILE, checkpoint_path, checkpoint_step, split_reference
from mjx_humanoid.playback.kinds import wrong_kind
from mjx_humanoid.playback.policy import Policy, check_code, load_policy

RANDOM = 'random'  # name of random actions where policies are compared
REFERENCE = 'reference'  # reference:NAME is the reference gait for the task of a config, run or policy
PRETRAINED = Path(__file__).resolve().parent.parent / 'policies'


def pretrained_policies() -> list[str]:
  """Names of the policies in the package."""
  return sorted(path.stem for path in PRETRAINED.glob('*.safetensors'))


def describe_pretrained() -> dict[str, str]:
  """One line for each pretrained policy, from its report card."""
  cards = {name: read_json(PRETRAINED / f'{name}.json', 'report card') for name in pretrained_policies()}
  return {n: f'{c["criteria"]}: {c["success_rate"]:.0%} of {c["episodes"]} episodes' for n, c in cards.items()}


def find_policy(reference: str) -> Path:
  """The policy file that a user means.

  Raises:
    UserError: there is none; names the pretrained policies.
  """
  path, which = split_reference(str(expanded(reference)))
  if which:
    return find_checkpoint(path, which)
  if (path / POLICY_FILE).is_file():
    return path / POLICY_FILE
  if path.is_file():
    if message := wrong_kind(path):
      raise UserError(message)
    return path
  if reference in pretrained_policies():  # even if there is a folder of that name that is not a run
    return PRETRAINED / f'{reference}.safetensors'
  if path.is_dir():
    runs = sorted(found.parent.name for found in path.glob(f'*/{POLICY_FILE}'))
    hint = f' It holds the runs {", ".join(runs)}.' if runs else ''
    raise UserError(
      f'the folder {path} holds no {POLICY_FILE}: the run has not saved a policy yet, or is no run.{hint}'
    )
  if path.suffix or len(path.parts) > 1:
    raise UserError(
      f'there is no policy file or run {reference!r}. Pretrained policies: {", ".join(pretrained_policies())}.'
    )
  if reference == REFERENCE:
    raise UserError('the reference gait needs a task: write reference:CONFIG, such as reference:biped.')
  raise unknown('run, policy file or pretrained policy', reference, pretrained_policies())


def find_checkpoint(folder: Path, which: str) -> Path:
  """The policy file of a checkpoint of a run: 'best', or an environment step.

  Raises:
    UserError: there is no such checkpoint, or it is of an earlier version, which saved no policy with it.
  """
  step = checkpoint_step(folder, which)
  path = checkpoint_path(folder / CHECKPOINTS, step) / POLICY_FILE
  if not path.is_file():
    raise UserError(
      f'the checkpoint {path.parent} is of an earlier version, which saved no policy with it: copy the run and'
      f' continue the copy with train --resume=COPY@{step}.'
    )
  return path


def load(reference: str, *, allow_code: bool = False) -> Policy:
  """Loads a policy for playback.

  Args:
    allow_code: allow the user code that the policy needs to run in this process; see core/trust.py.

  Raises:
    UserError: there is none, it is damaged, or the code that it needs is missing.
  """
  if reference in _given:
    return _given[reference]
  if reference.startswith(f'{REFERENCE}:'):
    from mjx_humanoid.playback.reference import named  # it imports MuJoCo

    return named(reference.partition(':')[2], load)
  policy = load_policy(find_policy(reference), allow_code=allow_code)
  check_code(policy)
  return policy


_given: dict[str, Policy] = {}  # by what configs call them


def give(policy: Policy) -> str:
  """What a config calls a policy that the user passed in this process as an object, and that `load` returns for it."""
  reference = f'the policy {policy.name}, at {policy.info.get("timesteps", 0)} steps ({len(_given)})'
  _given[reference] = policy
  return reference
