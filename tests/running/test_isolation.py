"""A function in a process of its own: whatever it does, the parent gets an outcome, and nothing stays behind."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from featbench.isolation import FAILURES, run_in_child

pytestmark = pytest.mark.long

# A child that is killed is gone for the system a moment later.
_GONE_S = 5.0


def ended(pid: int) -> bool:
    """Tell whether a process is gone, waiting a moment for it; one that nobody has waited for is."""
    start = time.monotonic()
    while time.monotonic() - start < _GONE_S:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.01)
    return False


def wait_for(path: Path) -> None:
    """Wait until a process has written its number there."""
    begin = time.monotonic()
    while not (path.exists() and path.read_text()) and time.monotonic() - begin < 60:
        time.sleep(0.02)


def add(a: Any, b: Any) -> Any:
    return a + b


def child_of(parent: str, path: Path) -> None:
    Path(path).write_text(str(os.getpid()))
    time.sleep(60)


def fail() -> None:
    raise ValueError("a bug in a plug-in")


def leave() -> None:
    sys.exit("enough")


def end_by_signal(number: int) -> None:
    os.kill(os.getpid(), number)
    time.sleep(60)


def point_nowhere() -> None:
    ctypes.string_at(0)


def stubborn() -> None:
    signal.signal(signal.SIGABRT, signal.SIG_IGN)
    while True:
        time.sleep(60)


def take(megabytes: int, seconds: float = 0.0) -> int:
    taken = np.ones(megabytes * 1_000_000, np.uint8)
    time.sleep(seconds)
    return int(taken[-1])


def chatter(n: int) -> str:
    print("x" * n)
    os.write(1, b"from below\n")
    return "done"


def chatter_and_die() -> None:
    print("the last that was heard", flush=True)
    os._exit(3)


def leave_a_process(path: str, *, answer: bool) -> str:
    grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    Path(path).write_text(str(grandchild.pid))
    if not answer:
        time.sleep(60)
    return "done"


def unpicklable() -> Any:
    return lambda: 1


class _OnlyThere:
    def __reduce__(self) -> Any:
        return _refuse, (os.getpid(),)


def _refuse(pid: int) -> None:
    if os.getpid() != pid:
        raise ValueError("is not made here")


def only_there() -> Any:
    return _OnlyThere()


def environment() -> tuple[int, int, bool, str]:
    return os.getpid(), os.getpgid(0), "pytest" in sys.argv[0], str(Path.cwd())


def test_a_value_comes_back_with_what_the_start_took() -> None:
    rows = np.arange(1_000_000.0)
    outcome = run_in_child(partial(add, rows, 1))
    np.testing.assert_array_equal(outcome.value, rows + 1)
    assert outcome.failure is None
    assert outcome.start_s is not None
    assert 0 < outcome.start_s < 60


def test_the_child_is_a_new_process_of_a_group_of_its_own() -> None:
    pid, group, pytest_there, folder = run_in_child(environment).value or ()
    assert pid == group != os.getpgid(0)
    assert not pytest_there
    assert folder == str(Path.cwd())
    assert ended(pid)


def test_an_exception_comes_back_with_its_traceback() -> None:
    outcome = run_in_child(fail)
    assert outcome.value is None
    assert outcome.failure is not None
    assert outcome.failure.kind == "exception"
    assert outcome.failure.reason == "ValueError: a bug in a plug-in"
    assert "in fail" in outcome.failure.traceback
    assert outcome.start_s is not None


def test_leaving_the_interpreter_is_an_exception_of_the_task() -> None:
    failure = run_in_child(leave).failure
    assert failure is not None
    assert (failure.kind, failure.reason) == ("exception", "SystemExit: enough")


def test_a_timeout_ends_the_child_and_tells_where_it_was() -> None:
    start = time.monotonic()
    failure = run_in_child(partial(time.sleep, 60), timeout_s=3.0).failure
    assert time.monotonic() - start < 30
    assert failure is not None
    assert failure.kind == "timeout"
    assert "3 s" in failure.reason
    assert "in serve" in failure.traceback, "the stack at the end"


def test_a_child_that_will_not_end_is_killed() -> None:
    failure = run_in_child(stubborn, timeout_s=3.0).failure
    assert failure is not None
    assert failure.kind == "timeout"


@pytest.mark.parametrize(
    ("number", "told"), [(signal.SIGKILL, "out of memory"), (signal.SIGTERM, "SIGTERM"), (37, "signal 37")]
)
def test_a_killed_child_is_a_failure_that_names_the_signal(number: int, told: str) -> None:
    failure = run_in_child(partial(end_by_signal, int(number))).failure
    assert failure is not None
    assert failure.kind == "killed"
    assert told in failure.reason


def test_a_crash_in_compiled_code_tells_the_python_stack() -> None:
    failure = run_in_child(point_nowhere).failure
    assert failure is not None
    assert failure.kind == "killed"
    assert "SIGSEGV" in failure.reason
    assert "point_nowhere" in failure.traceback


def test_a_process_that_ends_itself_without_an_answer() -> None:
    failure = run_in_child(chatter_and_die).failure
    assert failure is not None
    assert failure.kind == "exited"
    assert "exit code 3" in failure.reason
    assert failure.traceback == "the last that was heard\n"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the limit is Linux's")
def test_a_memory_limit_is_the_tasks_own() -> None:
    assert run_in_child(partial(take, 100), memory_mb=300).value == 1
    failure = run_in_child(partial(take, 1000), memory_mb=300).failure
    assert failure is not None
    assert failure.kind == "memory"
    assert "out of memory" in failure.reason
    assert "fewer images" in failure.reason
    assert "in take" in failure.traceback


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells it")
def test_memory_is_that_of_the_child() -> None:
    ballast = np.ones(300_000_000, np.uint8)
    small, large = (run_in_child(partial(take, n, 0.2)).anonymous_mb for n in (1, 200))
    assert small is not None
    assert large is not None
    assert small < 300, "the parent's ballast is not in it"
    assert large - small == pytest.approx(200, rel=0.1), "interpreters differ by a few MB"
    assert len(ballast)


def test_what_a_task_writes_reaches_nobody(capfd: pytest.CaptureFixture[str]) -> None:
    assert run_in_child(partial(chatter, 1_000_000)).value == "done", "a full pipe would hold it up"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("answer", [True, False])
def test_grandchildren_are_killed(tmp_path: Path, answer: bool) -> None:
    outcome = run_in_child(
        partial(leave_a_process, str(tmp_path / "pid"), answer=answer), timeout_s=60.0 if answer else 5.0
    )
    assert (outcome.failure is None) == answer
    assert ended(int((tmp_path / "pid").read_text()))


@pytest.mark.parametrize(("task", "told"), [(unpicklable, "cannot be sent"), (only_there, "cannot be read")])
def test_a_result_that_cannot_travel_is_a_failure(task: Any, told: str) -> None:
    failure = run_in_child(task).failure
    assert failure is not None
    assert failure.kind == "exception"
    assert told in failure.reason


def test_a_task_that_cannot_travel_is_refused_and_leaves_no_child() -> None:
    before = {child.pid for child in psutil.Process().children()}
    with pytest.raises((AttributeError, TypeError, ImportError)):
        run_in_child(lambda: 1)
    assert {child.pid for child in psutil.Process().children()} <= before


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9), (signal.SIGTERM, -15)]
)
def test_a_parent_that_is_interrupted_or_killed_leaves_no_child(
    tmp_path: Path, number: int, code: int
) -> None:
    path = tmp_path / "pid"
    program = (
        f"import sys; sys.path[:] = {sys.path!r}\n"
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # shells' jobs may ignore it
        "from functools import partial\n"
        "from featbench.isolation import run_in_child\n"
        "from test_isolation import child_of\n"
        f"try: run_in_child(partial(child_of, 'parent', {str(path)!r}))\n"
        "except KeyboardInterrupt: sys.exit(130)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program])
    wait_for(path)
    parent.send_signal(number)
    assert parent.wait(120) == code
    assert ended(int(path.read_text()))


class _SlowToRead:
    """Takes long to be put together, as a task does that imports much."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return child_of, ("the reading", self.path)


def test_a_parent_that_is_killed_while_its_task_is_read_leaves_no_child(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    program = (
        f"import sys; sys.path[:] = {sys.path!r}\n"
        "from functools import partial\n"
        "from pathlib import Path\n"
        "from featbench.isolation import run_in_child\n"
        "from test_isolation import _SlowToRead, add\n"
        f"run_in_child(partial(add, _SlowToRead(Path({str(path)!r})), 1))\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program])
    wait_for(path)
    parent.kill()
    parent.wait()
    assert ended(int(path.read_text()))


def test_nothing_stays_open() -> None:
    before = psutil.Process().num_fds()
    run_in_child(partial(add, 1, 2))
    run_in_child(chatter_and_die)
    assert psutil.Process().num_fds() == before


def test_the_kinds_of_failure_are_told() -> None:
    assert FAILURES == ("refused", "exception", "memory", "timeout", "killed", "exited")
