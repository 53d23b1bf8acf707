"""A process of its own that reads for us, so that two cores share the work.

Splitting and decoding text hold Python's lock nearly all the time, so that a thread gains nothing.
The process is told on its standard input what to do, and answers with Arrow's stream of records;
what else there is to say stands beside a batch.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from typing import IO, TypeAlias

import pyarrow as pa

_BESIDE, _DEFECT = b"moshtari", b"defect"
# As much as anybody may ask for: so that the process can go on while we are busy.
_PIPE_BYTES = 1 << 20

Write: TypeAlias = Callable[[pa.RecordBatch | None, bytes], None]
"""Answers with a batch, or with none, and with what there is to say beside it."""


class EndedEarlyError(Exception):
    """The process ended before it had said all."""


class Process:
    """One that has begun."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._told, self._answer = process.stdin, process.stdout

    def answers(self, task: bytes) -> Iterator[tuple[pa.RecordBatch, bytes]]:
        """What it answers to the task; one of these is to be the last.

        Raises EndedEarlyError, and RuntimeError where the process met what nobody expected.
        """
        # That the process has ended already shows in its answer.
        with suppress(BrokenPipeError):
            self._told.write(task)
            self._told.close()
        try:
            with pa.ipc.open_stream(self._answer) as stream:
                while True:
                    batch, metadata = stream.read_next_batch_with_custom_metadata()
                    if _DEFECT in metadata:
                        defect = metadata[_DEFECT].decode()
                        raise RuntimeError(f"reading apart broke down with {defect}")
                    yield batch, metadata[_BESIDE]
        except (StopIteration, pa.ArrowException, OSError) as error:
            raise EndedEarlyError from error


@contextmanager
def begun(module: str, *arguments: object, keep: Collection[int] = ()) -> Iterator[Process]:
    """Run the module, with these files kept open; it ends with the context."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        # `spare_memory` comes too late for what Arrow allocates on its own account.
        "ARROW_DEFAULT_MEMORY_POOL": "system",
    }
    with subprocess.Popen(
        [sys.executable, "-m", module, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        pass_fds=keep,
    ) as process:
        try:
            assert process.stdout is not None
            with suppress(AttributeError, OSError):
                fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
            yield Process(process)
        finally:
            process.kill()


@contextmanager
def answering(schema: pa.Schema, out: IO[bytes]) -> Iterator[Write]:
    """In the process: what answers with batches of the schema.

    An error is answered by its name. The process ends when nobody listens.
    """
    empty = pa.RecordBatch.from_pylist([], schema)
    with pa.ipc.new_stream(out, schema) as stream:

        def write(batch: pa.RecordBatch | None, beside: bytes, name: bytes = _BESIDE) -> None:
            some = empty if batch is None else batch
            try:
                stream.write_batch(some, custom_metadata={name: beside})
            except BrokenPipeError:
                os._exit(1)

        try:
            yield write
        except Exception as error:
            # Its text may quote what was read.
            write(None, type(error).__name__.encode(), _DEFECT)
