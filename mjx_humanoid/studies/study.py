"""The Optuna study of a sweep: its storage, and the check that it belongs to this sweep."""

from __future__ import annotations

import contextlib
import json
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mjx_humanoid.core.errors import UserError

if TYPE_CHECKING:
  from optuna import Study

FILE = 'study.log'  # Optuna's journal: several processes, also on several machines, may share it
SQLITE_SECONDS = 10.0  # until a locked SQLite file counts as out of reach
STARTUP_TRIALS = 10  # random ones, before TPE has something to go by
UNPRUNED_TRIALS = 6  # before the median means something


def need_optuna() -> None:
  """Raises UserError if Optuna is not installed."""
  try:
    import optuna  # noqa: F401
  except ImportError:
    raise UserError("sweep needs the extra studies: pip install 'mjx_humanoid[studies]'") from None


@contextlib.contextmanager
def reaching(where: str) -> Iterator[None]:
  """Turns errors of a storage in the block into a UserError."""
  import optuna
  import sqlalchemy

  kinds = (optuna.exceptions.StorageInternalError, sqlalchemy.exc.SQLAlchemyError, OSError, ImportError, ValueError)
  try:
    yield
  except kinds as error:
    cause = error.__cause__ or error
    reason = str(cause).split('\n')[0].rstrip('.')
    raise UserError(
      f'the storage {where} is locked or out of reach: {reason}; wait for the other process, or give another --storage.'
    ) from error


def open_study(name: str, storage: str, out: Path, seed: int) -> Study:
  """The study of this name, made if it does not exist. It maximises, by TPE, and prunes below the median.

  Args:
    storage: a URL of a storage of Optuna, such as sqlite:///study.db; empty for a file in `out`.
    seed: of the sampler.

  Raises:
    UserError: the storage is locked or out of reach.
  """
  import optuna
  from optuna.storages import JournalStorage, RDBStorage
  from optuna.storages.journal import JournalFileBackend

  optuna.logging.set_verbosity(optuna.logging.ERROR)
  where = storage or str(out / FILE)
  with reaching(where), warnings.catch_warnings():
    warnings.simplefilter('ignore', optuna.exceptions.ExperimentalWarning)
    if storage:
      locks = {'connect_args': {'timeout': SQLITE_SECONDS}} if storage.startswith('sqlite') else {}
      store: Any = RDBStorage(storage, engine_kwargs=locks)
    else:
      out.mkdir(parents=True, exist_ok=True)
      store = JournalStorage(JournalFileBackend(str(out / FILE)))
    study = optuna.create_study(
      storage=store,
      study_name=name,
      direction='maximize',
      load_if_exists=True,
      pruner=optuna.pruners.MedianPruner(n_startup_trials=UNPRUNED_TRIALS),
    )
    study.sampler = optuna.samplers.TPESampler(seed=seed + len(study.trials), n_startup_trials=STARTUP_TRIALS)
  return study


def claim(study: Study, about: Mapping[str, Any], where: str) -> None:
  """Writes what a new study is of. Raises UserError if an old one is of something else.

  Args:
    about: JSON types by name: the space, the settings of the config, the metric.
  """
  found = study.user_attrs
  for name, value in about.items():
    text = json.dumps(value, sort_keys=True)
    if name not in found and not study.trials:
      study.set_user_attr(name, text)
    elif found.get(name) != text:
      raise UserError(
        f'the study {study.study_name!r} in {where} was made for another {name}: continue it with that one, or give'
        ' another --out.'
      )
