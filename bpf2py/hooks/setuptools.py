"""setuptools generates the modules of a wheel; that bpf2py is installed and configured is enough.

In: a distribution that setuptools sets up, in the working directory.  Out: modules in the source
tree before setuptools collects them, and what they are made from in source distributions.
setuptools asks in every project that is built where bpf2py is installed; one without
``[tool.bpf2py]`` is left alone.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from setuptools.errors import BaseError

from . import BuildFailed, generate, inputs

if TYPE_CHECKING:
    from setuptools import Distribution
    from setuptools.command.build_py import build_py as _BuildPy


def finalize(distribution: Distribution) -> None:
    """Put the generator before ``build_py``; called by setuptools through its entry point."""
    root = Path.cwd()
    if not _is_configured(root / "pyproject.toml"):
        return
    base: Any = distribution.get_command_class("build_py")
    distribution.cmdclass["build_py"] = _generating(base, root)


def _is_configured(file: Path) -> bool:
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False  # setuptools says what is wrong with it, if it matters
    tool = document.get("tool")
    return isinstance(tool, dict) and "bpf2py" in tool


def _generating(base: type[_BuildPy], root: Path) -> type[_BuildPy]:
    """*base*, with the modules there before it looks for them."""

    class build_py(base):  # type: ignore[misc]  # a command has the name of its class
        """``build_py`` that generates BPF modules first."""

        def run(self) -> None:
            try:
                files = generate(root)
            except BuildFailed as error:
                raise BaseError(str(error)) from error
            self._add_packages({file.parent.resolve() for file in files})
            self._add_data([file.resolve() for file in files if file.suffix != ".py"])
            super().run()

        def _add_data(self, files: list[Path]) -> None:
            """What is no Python belongs into the wheel as well."""
            for name in self.packages or ():
                folder = Path(root, self.get_package_dir(name)).resolve()
                inside = [file.name for file in files if file.parent == folder]
                self.package_data.setdefault(name, []).extend(inside)

        def _add_packages(self, folders: set[Path]) -> None:
            """Packages that were not there when setuptools looked: a copy of the runtime."""
            known = {
                Path(root, self.get_package_dir(name)).resolve(): name
                for name in self.packages or ()
            }
            for folder in sorted(folders - known.keys()):
                if above := next((each for each in folder.parents if each in known), None):
                    inside = folder.relative_to(above).parts
                    known[folder] = ".".join((known[above], *inside))
                    self.packages.append(known[folder])

        def get_source_files(self) -> list[str]:
            try:
                ours = [path.as_posix() for path in inputs(root)]
            except BuildFailed as error:
                raise BaseError(str(error)) from error
            return [*super().get_source_files(), *ours]

    return build_py
