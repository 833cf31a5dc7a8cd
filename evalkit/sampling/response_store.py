"""A file of SQLite that many threads and processes read and write at the same time.

Readers borrow a connection and never wait for writers (the file has a write-ahead log). One thread writes for all of
the process: what comes while a transaction is written goes into the next one, so many small writes cost few.
"""

from __future__ import annotations

import collections
import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import final

from evalkit.errors import CacheError
from evalkit.sampling.claims import Claims

_PATIENCE_S = 120.0  # how long a transaction waits for those of other processes
_OURS = 0x65766B72  # says that a file of SQLite is one of these
_FORM = 1
_BATCH = 5_000

Item = tuple[bytes, bytes]


@final
class ResponseStore:
    """Values by key; of two values for a key the first stays."""

    def __init__(self, path: Path, claims: Claims) -> None:
        """Opens the file, which it makes if it is missing.

        Raises:
          CacheError: it is no file of this kind, damaged, or cannot be opened.
        """
        self._path = path
        self._idle: collections.deque[sqlite3.Connection] = collections.deque()
        self._adding = threading.Lock()
        self._items: list[Item] = []
        self._written: Future[None] = Future()
        self._writing = self._closed = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="evalkit-responses")
        try:
            with claims.alone():  # the first to come makes the table; changing to a log needs the file for itself
                self._set_up()
        except BaseException:
            self.close()
            raise

    def get(self, key: bytes) -> bytes | None:
        """The value of a key; None if it has none.

        Raises:
          CacheError: the file is damaged.
        """
        with self._connection() as connection:
            row = connection.execute("SELECT value FROM responses WHERE key = ?", (key,)).fetchone()
        return None if row is None else row[0]

    def put(self, items: list[Item]) -> Future[None]:
        """Writes values; the future is done when they are in the file, or has a CacheError."""
        with self._adding:
            if not items:
                return _done(None)
            if not self._writing:
                try:
                    self._thread.submit(self._write_all)
                except RuntimeError as error:  # closed, or the interpreter is about to end
                    return _done(CacheError(f"The response cache {self._path} takes no more responses: {error}."))
                self._writing = True
            self._items += items
            return self._written

    def close(self) -> None:
        """Writes what is to be written, and closes the file."""
        with self._adding:
            self._closed = True
        self._thread.shutdown()
        self._close_idle()

    def _close_idle(self) -> None:
        with contextlib.suppress(IndexError):  # what others, who also close, have left
            while True:
                self._idle.pop().close()

    def _write_all(self) -> None:
        while True:
            with self._adding:
                if not self._items:
                    self._writing = False
                    return
                items, written = self._items, self._written
                self._items, self._written = [], Future()
            try:
                for start in range(0, len(items), _BATCH):
                    self._write(items[start : start + _BATCH])
            except BaseException as error:  # noqa: BLE001 - whoever waits for these values is told
                written.set_exception(error)
            else:
                written.set_result(None)

    def _write(self, items: list[Item]) -> None:
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                connection.executemany("INSERT OR IGNORE INTO responses VALUES (?, ?)", items)
                connection.execute("COMMIT")
            except BaseException:
                connection.rollback()
                raise

    def _set_up(self) -> None:
        with self._connection() as connection:
            (ours,), (form,) = (
                connection.execute(f"PRAGMA {name}").fetchone() for name in ("application_id", "user_version")
            )
            (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if tables and (ours, form) != (_OURS, _FORM):
                raise CacheError(
                    f"{self._path} is a database, and no response cache of this evalkit. Choose another path."
                )
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA application_id = {_OURS}")
            connection.execute(f"PRAGMA user_version = {_FORM}")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS responses (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID"
            )

    @contextlib.contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """A connection for as long as the body runs; what SQLite raises in it names the file."""
        try:
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = self._connected()
            try:
                yield connection
            finally:
                self._idle.append(connection)
                if self._closed:
                    self._close_idle()
        except sqlite3.Error as error:
            raise CacheError(
                f"The response cache {self._path} cannot be used: {error}. If the file is damaged, delete it."
            ) from error

    def _connected(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False)
        try:
            # A power failure may take the last responses, never the file: they can be computed again.
            connection.execute("PRAGMA synchronous = NORMAL")
        except BaseException:
            connection.close()
            raise
        return connection


def _done(error: CacheError | None) -> Future[None]:
    future: Future[None] = Future()
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
    return future
