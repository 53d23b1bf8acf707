"""dbt in a process of its own: ``python -m moshtari.transform.dbt_process MANIFEST ARGUMENTS``.

dbt takes about as long to read the project as to run it on a quiet night. What it has read is kept
in the file MANIFEST, whose name says what it was read from (`manifest_file`), and is given to dbt's
programmatic runner. dbt's own partial parsing would begin anew whenever a variable changes, and the
day is one.
"""

from __future__ import annotations

import hashlib
import json
import sys
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moshtari.atomic import write_atomically
from moshtari.settings import Settings

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

_READ = ("*.sql", "*.yml", "*.csv", "*.md")
_VERBS = ("build", "run", "seed", "test")
_FINISHED = ("LogModelResult", "LogTestResult", "LogSeedResult")
# A build anew, one that goes on, and one that goes on without its changes: of two releases.
_KEPT = 6


def manifest_file(
    settings: Settings, project: Path, variables: dict[str, Any], of_the_run: frozenset[str]
) -> Path:
    """Where the parse of this project with these variables is kept.

    Of the variables named in ``of_the_run`` it counts only whether they are set: a build anew may
    look at other models than one that goes on, but no model depends on others by the value.
    """
    digest = hashlib.sha256()
    for pattern in _READ:
        for file in sorted(project.rglob(pattern)):
            digest.update(str(file).encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    settled = {
        name: bool(value) if name in of_the_run else value for name, value in variables.items()
    }
    # The parse names the database with every relation.
    settled |= {"": [settings.pg_database, version("dbt-core"), version("dbt-postgres")]}
    digest.update(json.dumps(settled, sort_keys=True).encode())
    return settings.home / "dbt" / "manifests" / f"{digest.hexdigest()[:20]}.msgpack"


def main(kept: Path, arguments: list[str]) -> int:
    """Run one dbt command; returns 0 when it succeeded. Prints a line of JSON per finished node."""
    from dbt.cli.main import dbtRunner
    from dbt.contracts.graph.manifest import Manifest
    from dbt.parser.manifest import extended_mashumaro_encoder

    manifest = kept_manifest(kept)
    if manifest is None:
        verb = next(n for n, word in enumerate(arguments) if word in _VERBS)
        parsed = dbtRunner().invoke([*arguments[:verb], "parse", *_of_parse(arguments[verb + 1 :])])
        if not isinstance(parsed.result, Manifest):
            return _failed(parsed.exception)
        manifest = parsed.result
        content = manifest.to_msgpack(extended_mashumaro_encoder)
        write_atomically(kept, lambda part: part.write_bytes(content))
        for old in sorted(kept.parent.glob("*.msgpack"), key=lambda f: -f.stat().st_mtime)[_KEPT:]:
            old.unlink(missing_ok=True)
    done = dbtRunner(manifest=manifest, callbacks=[_tell]).invoke(arguments)
    return 0 if done.success else _failed(done.exception)


def kept_manifest(kept: Path) -> Manifest | None:
    """The parse in the file, or None where there is none that can be read: it is then made anew."""
    from dbt.contracts.graph.manifest import Manifest
    from dbt.parser.manifest import extended_mashumuro_decoder

    try:
        manifest: Manifest = Manifest.from_msgpack(
            kept.read_bytes(), decoder=extended_mashumuro_decoder
        )
        kept.touch()
    except (OSError, ValueError, LookupError, TypeError):
        return None
    manifest.build_flat_graph()
    return manifest


def _of_parse(arguments: list[str]) -> list[str]:
    """Those of a command's arguments that a parse takes, too."""
    taken = ("--vars", "--project-dir", "--profiles-dir")
    return [word for name, value in pairwise(arguments) if name in taken for word in (name, value)]


def _failed(exception: BaseException | None) -> int:
    # By its kind: an error of the database can quote a row.
    if exception:
        sys.stderr.write(f"dbt: {type(exception).__name__}\n")
    return 1


def _tell(event: Any) -> None:
    """A finished node as a line: name, status, seconds. Nothing else of dbt's log is passed on."""
    if event.info.name in _FINISHED:
        node = event.data.node_info
        seconds = round(event.data.execution_time, 1)
        sys.stdout.write(json.dumps([node.node_name, node.node_status, seconds]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
