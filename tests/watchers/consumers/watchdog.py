"""An agent that watches with Python's watchdog: python3 watchdog.py DIRECTORY

It hears of an update as `created` or `moved`, not as `modified`: it must listen to all of them. Versions
before 7 do not watch a directory that is moved in: what changes in a skill that came later is lost to them.
"""

import json
import os
import re
import signal
import sys

# This file has the library's own name.
sys.path = [path for path in sys.path if path != os.path.dirname(os.path.abspath(__file__))]

from watchdog.events import (  # noqa: E402
    DirCreatedEvent,
    DirMovedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer  # noqa: E402

DIRECTORY = sys.argv[1]
LINE = re.compile(r"made (\d+) for (\d+)")


def tell(**message: object) -> None:
    print(json.dumps(message), flush=True)


def read(path: str) -> tuple[str, str]:
    """Which change made a file, and for which version of its skill."""
    mode = os.stat(path).st_mode
    with open(path, encoding="utf-8") as file:
        lines = file.read().rstrip().split("\n")
    first = next((line for line in lines if line.startswith("made ")), None)
    found = LINE.fullmatch(lines[-1])
    if first != lines[-1] or not found:
        raise ValueError(f"{path} is torn")
    return found[1] + ("x" if mode & 0o100 else ""), found[2]


def versions(folder: str) -> set[str]:
    """The versions that the files of a skill are made for, of those that every version has."""
    lasting = ("SKILL.md", "references/guide.md", "scripts/run.sh")
    return {read(os.path.join(folder, name))[1] for name in lasting}


def look(path: str) -> None:
    name = os.path.relpath(path, DIRECTORY)
    if name.startswith(".skill-sync") or os.path.isdir(path):
        return
    try:
        what, _ = read(path)
    except (FileNotFoundError, NotADirectoryError):
        return tell(path=name, what="gone")
    except ValueError as error:
        return tell(mixed=str(error))
    tell(path=name, what=what)
    if os.path.basename(name) != "SKILL.md" or name.startswith("flat"):
        return
    try:
        if len(found := versions(os.path.dirname(path))) > 1:
            tell(mixed=f"{name}: files for {' and '.join(sorted(found))}")
    except (FileNotFoundError, NotADirectoryError):
        pass  # It goes: its own events are on their way.
    except ValueError as error:
        tell(mixed=str(error))


class Handler(FileSystemEventHandler):
    def on_any_event(self, event: FileSystemEvent) -> None:
        look(os.fsdecode(event.src_path))
        if event.dest_path:
            look(os.fsdecode(event.dest_path))


# Without a filter it is told of every opening and closing too, its own included.
WANTED = [FileCreatedEvent, FileModifiedEvent, FileMovedEvent, FileDeletedEvent]
observer = Observer()
observer.schedule(Handler(), DIRECTORY, recursive=True, event_filter=[*WANTED, DirCreatedEvent, DirMovedEvent])
observer.start()
tell(ready=True)
signal.sigwait({signal.SIGTERM, signal.SIGINT})
