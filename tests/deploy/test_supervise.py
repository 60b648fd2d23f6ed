"""The supervisor, with a stand-in for the server."""

import subprocess
import sys
import threading
from typing import Any

import pytest

from deploy import server, supervise


class Starts:
    """A server whose start does what `plan` says: runs to its end at once, is refused with an error, or runs until it is stopped."""

    port = 1

    def __init__(self, *plan: str | Exception) -> None:
        self.plan, self.running = list(plan), threading.Event()
        self.process: subprocess.Popen[bytes]

    def start(self) -> "subprocess.Popen[bytes]":
        step = self.plan.pop(0)
        if isinstance(step, Exception):
            raise step
        self.process = subprocess.Popen([sys.executable, "-S", "-c", step], start_new_session=True)
        if not self.plan:
            self.running.set()
        return self.process

    def stop(self) -> bool:
        self.process.kill()
        return True


ENDS, RUNS = "", "import time; time.sleep(60)"


@pytest.mark.parametrize("fault", [server.ServerError("the port is in use"), OSError(28, "No space left on device")])
def test_a_server_that_cannot_be_started_again_yet_is_tried_until_it_can(fault: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    starts: Any = Starts(ENDS, fault, RUNS)
    ended = threading.Event()
    supervisor = threading.Thread(target=supervise.supervise, args=(starts, ended))
    supervisor.start()
    assert starts.running.wait(20)
    ended.set()
    supervisor.join(20)
    assert not supervisor.is_alive()
    assert starts.process.poll() is not None
    assert f"{fault}; trying again" in capsys.readouterr().err


def test_a_first_start_that_fails_is_no_matter_for_a_restart() -> None:
    starts: Any = Starts(server.ServerError("no archives"))
    with pytest.raises(server.ServerError, match="no archives"):
        supervise.supervise(starts, threading.Event())


def test_a_kind_of_token_that_there_is_not_is_refused_with_those_that_there_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["deploy.server", "token", "--kind", "metrics"])
    with pytest.raises(SystemExit, match="2"):
        server.main()
    assert "invalid choice: 'metrics'" in capsys.readouterr().err
