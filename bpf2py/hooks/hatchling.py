"""``[tool.hatch.build.hooks.bpf2py]``: hatchling generates the modules of a wheel.

In: a build that hatchling has begun.  Out: modules in the source tree, and in the wheel also where
``.gitignore`` names them.  A source distribution gets what they are made from, not the modules.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.plugin import hookimpl

from . import BuildFailed, generate


class Hook(BuildHookInterface[BuilderConfig]):
    """The hook; it has no options of its own."""

    PLUGIN_NAME = "bpf2py"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it collects files."""
        if self.target_name == "sdist":
            return
        root = Path(self.root)
        try:
            build_data["artifacts"] += [
                f"/{path.relative_to(root).as_posix()}" for path in generate(root)
            ]
        except BuildFailed as error:
            self.app.abort(str(error))


@hookimpl
def hatch_register_build_hook() -> type[Hook]:
    """Called by hatchling, which finds this module by its entry point."""
    return Hook
