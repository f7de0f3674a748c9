"""Protects the search for the detector's model file, and that nothing is downloaded or used unasked."""

from __future__ import annotations

import hashlib
import http.server
import io
import threading
import zipfile

import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.motions import bundle


def content(*names):
  buffer = io.BytesIO()
  with zipfile.ZipFile(buffer, 'w') as file:
    for name in names:
      file.writestr(name, b'model')
  return buffer.getvalue()


GOOD = content(*bundle.MODELS)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
  """A cache folder of the test's own, and no variable."""
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
  monkeypatch.delenv(bundle.VARIABLE, raising=False)
  return bundle.cached_model()


@pytest.fixture
def official(monkeypatch):
  """official(content) -> the official address is a server on this machine that answers with this."""
  servers = []

  def serve(answer):
    class Handler(http.server.BaseHTTPRequestHandler):
      def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(answer)

      def log_message(self, *args):
        pass

    server = http.server.HTTPServer(('127.0.0.1', 0), Handler)
    servers.append(server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(bundle, 'ADDRESS', f'http://127.0.0.1:{server.server_port}/model')

  yield serve
  for server in servers:
    server.shutdown()
    server.server_close()


def test_the_order_of_places(tmp_path, cache, monkeypatch):
  """The option, the variable, the cache."""
  files = {name: tmp_path / f'{name}.task' for name in ('option', 'variable')}
  for path in (*files.values(), cache):
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_bytes(GOOD)
  assert bundle.find_model() == cache
  monkeypatch.setenv(bundle.VARIABLE, str(files['variable']))
  assert bundle.find_model() == files['variable']
  assert bundle.find_model(str(files['option'])) == files['option']


def test_without_any_the_place_is_named_and_nothing_is_fetched(cache, official):
  official(GOOD)
  with pytest.raises(UserError) as error:
    bundle.find_model()
  assert str(cache) in str(error.value)
  assert '--fetch-model' in str(error.value)
  assert not cache.exists()


@pytest.mark.parametrize(('given', 'words'), [(True, '--model'), (False, bundle.VARIABLE)])
def test_a_name_without_a_file_is_refused(given, words, monkeypatch):
  monkeypatch.setenv(bundle.VARIABLE, 'nowhere.task')
  with pytest.raises(UserError, match=f"there is no pose model '(other|nowhere).task' .*{words}"):
    bundle.find_model('other.task' if given else '')


@pytest.mark.parametrize(
  ('wrong', 'words'),
  [(b'no zip', 'is no pose model, a .task file'), (content('a'), 'it lacks pose_detector.tflite, pose_landmarks')],
)
def test_a_file_that_is_no_bundle_is_refused(tmp_path, wrong, words):
  (tmp_path / 'm.task').write_bytes(wrong)
  with pytest.raises(UserError, match=words):
    bundle.find_model(str(tmp_path / 'm.task'))


def test_a_model_that_is_asked_for_is_fetched_once_and_recorded(cache, official):
  official(GOOD)
  path, digest = bundle.fetch_model()
  assert (path, digest) == (cache, hashlib.sha256(GOOD).hexdigest())
  assert bundle.find_model() == cache
  assert bundle.fetch_model(digest.upper()) == (cache, digest)
  cache.write_bytes(content(*bundle.MODELS, 'more'))
  with pytest.raises(UserError, match='has changed since it was fetched'):
    bundle.find_model()


def test_another_digest_or_another_file_is_not_kept(cache, official):
  official(GOOD)
  with pytest.raises(UserError, match=f'has SHA-256 {hashlib.sha256(GOOD).hexdigest()}, not {"0" * 64}'):
    bundle.fetch_model('0' * 64)
  official(b'<html>')
  with pytest.raises(UserError, match='is no pose model'):
    bundle.fetch_model()
  assert not list(cache.parent.glob('*')) if cache.parent.exists() else True


def test_without_a_network_it_says_where_the_file_belongs(cache, monkeypatch):
  monkeypatch.setattr(bundle, 'ADDRESS', 'http://127.0.0.1:9/model')  # nothing listens there
  with pytest.raises(UserError, match='cannot be fetched') as error:
    bundle.fetch_model()
  assert str(cache) in str(error.value)
  assert '\n' not in str(error.value)
