"""The processes of a training find each other before JAX connects them.

JAX's own client ends the process with a stack trace where the coordinator does not answer, or another process never
comes. Here process 0 listens at the coordinator's address until all others have called, tells them, and frees the port.
"""

from __future__ import annotations

import contextlib
import socket
import time

from mjx_humanoid.core.errors import UserError

POLL = 0.2  # s between calls that nobody answers
WORD = 'mjx_humanoid'
READY = 'ready'


def meet(address: str, count: int, index: int, timeout: float) -> None:
  """Returns in every process once all have come.

  Args:
    address: host:port of the coordinator, on the machine of process 0.
    timeout: in s.

  Raises:
    UserError: nobody answers there, a process is missing or comes twice, or the port is taken; in every process that
      has come.
  """
  host, _, port = address.rpartition(':')
  deadline = time.monotonic() + timeout
  if index:
    _call(host.strip('[]'), int(port), count, index, deadline, timeout)
  elif count > 1:
    _receive(address, int(port), count, deadline, timeout)


def _receive(address: str, port: int, count: int, deadline: float, timeout: float) -> None:
  """Process 0: waits for all others."""
  callers: dict[int, socket.socket] = {}
  with contextlib.ExitStack() as stack:
    try:
      server = stack.enter_context(socket.create_server(('', port), reuse_port=False))
    except OSError as error:
      raise UserError(f'the coordinator cannot listen at {address}: {error.strerror}; give another port.') from None
    while len(callers) < count - 1 and (left := deadline - time.monotonic()) > 0:
      server.settimeout(left)
      with contextlib.suppress(OSError, ValueError):  # nobody came in time, or a stranger
        caller = stack.enter_context(server.accept()[0])
        caller.settimeout(max(deadline - time.monotonic(), POLL))
        _greet(caller, callers, count)
    missing = ', '.join(str(i) for i in range(1, count) if i not in callers)
    problem = f'process {missing} of {count} did not come to the coordinator {address} within {timeout:g} s.'
    for caller in callers.values():
      with contextlib.suppress(OSError):
        caller.sendall(f'{problem if missing else READY}\n'.encode())
  if missing:
    raise UserError(problem)


def _greet(caller: socket.socket, callers: dict[int, socket.socket], count: int) -> None:
  """Notes a process that calls; one that does not belong here is told why. Raises ValueError for strangers."""
  word, index, of = caller.recv(100).decode(errors='replace').split()
  if word != WORD:
    raise ValueError
  if int(of) != count or int(index) in callers:
    reason = f'{of} processes, where process 0 has {count}' if int(of) != count else f'process {index} twice'
    caller.sendall(f'the training was started with {reason}.\n'.encode())
  else:
    callers[int(index)] = caller


def _call(host: str, port: int, count: int, index: int, deadline: float, timeout: float) -> None:
  """Another process: calls until it is answered."""
  where, reason = f'the coordinator {host}:{port}', 'no answer'
  while (left := deadline - time.monotonic()) > 0:
    try:
      with socket.create_connection((host, port), timeout=left) as connection:
        connection.settimeout(left + 2 * POLL)  # process 0 tells first who is missing
        connection.sendall(f'{WORD} {index} {count}\n'.encode())
        answer = connection.recv(1000).decode(errors='replace').strip()
      if answer == READY:
        return
      if answer:
        raise UserError(answer)
      reason = 'it closed the connection'
    except OSError as error:
      reason = error.strerror or str(error) or type(error).__name__
    time.sleep(min(POLL, max(0.0, deadline - time.monotonic())))
  raise UserError(f'{where} was not reached within {timeout:g} s: {reason}.')
