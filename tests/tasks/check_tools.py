"""What the tests of checks share: a made-up robot, and the message of a refusal."""

from types import SimpleNamespace

import pytest

from mjx_humanoid.core.errors import UserError

COUNT = 6
BODY = SimpleNamespace(nq=9, nv=8, nu=3, total_mass=40.0, robot=SimpleNamespace(standing_height=1.0))


def refusal(check, *arguments):
  with pytest.raises(UserError) as error:
    check(*arguments)
  assert '\n' not in str(error.value)
  return str(error.value)
