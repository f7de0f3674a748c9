"""Who may come in: which Host, Origin and token a request must show, how many viewers, how many messages.

Nothing here knows a server. `asgi.py` and `guarded_viser.py` ask the gate for every request and WebSocket.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping
from http.cookies import CookieError, SimpleCookie
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

LOOPBACK = '127.0.0.1'
MOST_VIEWERS = 16
RATE = 100.0  # messages/s of one viewer
BURST = 300  # messages at once
MOST_BAD = 50  # messages that are malformed or too many, until a viewer is sent away


class Refusal(NamedTuple):
  """Why a request is refused."""

  status: int
  reason: str


class Visit(NamedTuple):
  """What the gate looks at in a request. Names of headers in lower case."""

  path: str  # with the query
  headers: Mapping[str, str]

  @property
  def token(self) -> str:
    """The token in the query; '' if there is none."""
    return (parse_qs(self.path.partition('?')[2]).get('token') or [''])[0]  # urlsplit raises for //[

  def cookie(self, name: str) -> str:
    """A cookie; '' if there is none."""
    try:
      found = SimpleCookie(self.headers.get('cookie', '')).get(name)
    except CookieError:
      return ''
    return found.value if found else ''


class Gate:
  """Decides about every request and WebSocket of one server.

  - Host must be this machine's: a loopback name, a literal address or the machine's own name. A web page that has its
    name resolve to this machine (DNS rebinding) has another.
  - Origin, which browsers send with every WebSocket, must be the same as Host.
  - Beyond loopback, a token from the link must come with each request, in the query or as the cookie that the first
    answer sets.
  """

  def __init__(self, host: str = LOOPBACK, port: int = 0, token: str | None = None) -> None:
    """Args: host: that the server binds to; token: None makes one where `host` is not loopback, '' needs none."""
    self.host, self.port = host, port
    self.token = token if token is not None else '' if is_loopback(host) else secrets.token_urlsafe(24)
    self._lock, self._inside = threading.Lock(), 0

  def link(self, path: str = '') -> str:
    """The link that a user opens, with the token. Args: path: without the first slash."""
    name = self.host if self.host not in ('0.0.0.0', '::', '') else socket.gethostname()
    name = f'[{name}]' if ':' in name else name
    return f'http://{name}:{self.port}/{path}' + (f'?token={self.token}' if self.token else '')

  @property
  def cookie(self) -> str:
    """The name of the cookie that carries the token. Cookies are shared by all ports of a host."""
    return f'mjx_humanoid_view_{self.port}'

  def check(self, visit: Visit) -> Refusal | None:
    """Why a request is refused; None if it may come in."""
    host = visit.headers.get('host', '')
    if not self._is_ours(host):
      return Refusal(403, 'foreign Host')
    origin = visit.headers.get('origin')
    if origin is not None and origin not in (f'http://{host}', f'https://{host}'):
      return Refusal(403, 'foreign Origin')
    navigates = visit.headers.get('sec-fetch-mode') == 'navigate' and visit.headers.get('sec-fetch-dest') == 'document'
    if visit.headers.get('sec-fetch-site') == 'cross-site' and not navigates:
      return Refusal(403, 'another site')
    if self.token and not self._shows_token(visit):
      return Refusal(403, 'the token is missing or wrong: open the whole link that was printed')
    return None

  def set_cookie(self, visit: Visit) -> str | None:
    """The value of a Set-Cookie header for a visit that shows the token in its query."""
    if not self.token or not visit.token:
      return None
    return f'{self.cookie}={self.token}; Path=/; HttpOnly; SameSite=Strict'

  def enter(self) -> bool:
    """Counts a viewer in. Returns False if there are as many as may be."""
    with self._lock:
      if self._inside >= MOST_VIEWERS:
        return False
      self._inside += 1
      return True

  def leave(self) -> None:
    """Counts a viewer out."""
    with self._lock:
      self._inside -= 1

  @property
  def inside(self) -> int:
    """How many viewers there are."""
    return self._inside

  def _shows_token(self, visit: Visit) -> bool:
    shown = (visit.token, visit.cookie(self.cookie))
    return any([hmac.compare_digest(text.encode(errors='replace'), self.token.encode()) for text in shown])

  def _is_ours(self, host: str) -> bool:
    name = host_name(host)
    if name in ('localhost', self.host.lower()) or is_loopback(name):
      return bool(name)
    if is_loopback(self.host):
      return False
    return is_address(name) or name in own_names()


def host_name(host: str) -> str:
  """The name or address in a Host header, in lower case; '' if it is malformed."""
  try:
    parts = urlsplit(f'//{host}')
    _ = parts.port  # raises ValueError for a port that is none
  except ValueError:
    return ''
  malformed = parts.path or parts.query or parts.fragment or '@' in host or not host.isascii()
  return '' if malformed else (parts.hostname or '').lower()


def is_address(name: str) -> bool:
  """Whether a name is a literal IP address, which no DNS can redirect."""
  try:
    ipaddress.ip_address(name)
  except ValueError:
    return False
  return True


def is_loopback(name: str) -> bool:
  """Whether a name is localhost or a loopback address."""
  return name.lower() == 'localhost' or (is_address(name) and ipaddress.ip_address(name).is_loopback)


def own_names() -> set[str]:
  """Names of this machine."""
  name = socket.gethostname().lower()
  return {name, f'{name}.local'}


class Flow:
  """Limits the messages of one viewer: a bucket of BURST that refills at RATE."""

  def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
    self._clock, self._left, self._last, self._bad = clock, float(BURST), clock(), 0

  def admits(self) -> bool:
    """Takes a message; False if it is one too many and must be dropped."""
    now = self._clock()
    self._left = min(BURST, self._left + (now - self._last) * RATE)
    self._last = now
    if self._left < 1:
      self._bad += 1
      return False
    self._left -= 1
    return True

  def blame(self) -> None:
    """Counts a malformed message."""
    self._bad += 1

  @property
  def over(self) -> bool:
    """Whether the viewer must be sent away."""
    return self._bad > MOST_BAD
