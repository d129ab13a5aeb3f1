"""A language server as an editor talks to it: JSON-RPC over standard input and output.

In: source text with the cursor as ``|``.  Out: what is completed there, what is shown on hovering.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from threading import Timer
from types import TracebackType
from typing import Any, Self

#: Seconds for a whole session; a server that hangs is killed and the test fails.
DEADLINE = 120.0


class LanguageServer:
    """``pyright-langserver`` over the files of *folder*."""

    def __init__(self, folder: Path) -> None:
        self._uri = (folder / "use.py").as_uri()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pyright.langserver", "--stdio"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._timer = Timer(DEADLINE, self._process.kill)
        self._timer.start()
        self._asked = 0
        self._opened = 0
        root = folder.as_uri()
        self._ask(
            "initialize",
            {
                "processId": None,
                "rootUri": root,
                "capabilities": {
                    "textDocument": {"hover": {"contentFormat": ["plaintext"]}},
                    "workspace": {"configuration": True},
                },
                "workspaceFolders": [{"uri": root, "name": "use"}],
            },
        )
        self._tell("initialized", {})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._ask("shutdown", None)
            self._tell("exit", None)
            self._process.wait(10)
        finally:
            self._timer.cancel()
            self._process.kill()
            for pipe in (self._process.stdin, self._process.stdout):
                assert pipe is not None
                pipe.close()
            self._process.wait()

    def complete(self, text: str) -> list[str]:
        """The names offered at the cursor."""
        found = self._at_cursor("textDocument/completion", text)
        return [row["label"] for row in found["items"]]

    def hover(self, text: str) -> str:
        """What is shown over the name at the cursor."""
        found = self._at_cursor("textDocument/hover", text)
        assert found is not None, f"nothing is shown over the cursor of {text!r}"
        shown: str = found["contents"]["value"]
        return shown

    def _at_cursor(self, method: str, text: str) -> Any:
        before, cursor, after = text.partition("|")
        assert cursor
        self._opened += 1
        document: dict[str, object] = {"uri": self._uri, "version": self._opened}
        if self._opened == 1:
            document |= {"languageId": "python", "text": before + after}
            self._tell("textDocument/didOpen", {"textDocument": document})
        else:
            changes = [{"text": before + after}]
            self._tell(
                "textDocument/didChange", {"textDocument": document, "contentChanges": changes}
            )
        place = {"line": before.count("\n"), "character": len(before.rpartition("\n")[2])}
        return self._ask(method, {"textDocument": {"uri": self._uri}, "position": place})

    # ---- messages ----

    def _ask(self, method: str, params: object) -> Any:
        self._asked += 1
        self._send({"id": self._asked, "method": method, "params": params})
        while True:
            message = self._receive()
            if "method" in message and "id" in message:  # the server asks for settings
                items = (message["params"] or {}).get("items", ())
                self._send({"id": message["id"], "result": [None for _ in items] or None})
            elif message.get("id") == self._asked:
                assert "error" not in message, message["error"]
                return message["result"]

    def _tell(self, method: str, params: object) -> None:
        self._send({"method": method, "params": params})

    def _send(self, message: Mapping[str, object]) -> None:
        assert self._process.stdin is not None
        data = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(data), data))
        self._process.stdin.flush()

    def _receive(self) -> dict[str, Any]:
        pipe = self._process.stdout
        assert pipe is not None
        size = 0
        while (line := pipe.readline().strip()) or not size:
            name, _, value = line.partition(b":")
            if not name:
                raise EOFError("the language server ended, or took too long")
            if name == b"Content-Length":
                size = int(value)
        message: dict[str, Any] = json.loads(pipe.read(size))
        return message
