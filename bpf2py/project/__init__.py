"""A project that makes BPF modules: ``[tool.bpf2py]`` of ``pyproject.toml``, and what it asks for.

    project = load(find(Path.cwd()))
    for outcome in build(project):
        print(outcome.job.module, outcome.status)

In: the configuration, C sources or objects.  Out: objects and modules on disk, an
:class:`Outcome` each.  Nothing is printed here, and nothing knows the command line: the command
and the build hooks are two users of this room.
"""

from __future__ import annotations

from .compiler import INCLUDE_FOLDER
from .config import Project, Target, find, load
from .errors import CompileError, ConfigError
from .plan import Job, inputs, plan
from .run import Outcome, Status, build
from .state import State

__all__ = [
    "CompileError",
    "ConfigError",
    "INCLUDE_FOLDER",
    "Job",
    "Outcome",
    "Project",
    "State",
    "Status",
    "Target",
    "build",
    "find",
    "inputs",
    "load",
    "plan",
]
