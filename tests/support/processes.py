"""Run code in child processes: one that can be killed, or two that do one run together."""

import os
import signal
import socket
import time
import traceback
import warnings

from empirical.system.ranks import launched


def in_child(function, kill_after=None):
    """Call a function in a forked process and return its exit code; a signal that ended it is negative."""
    child = os.fork()
    if child == 0:
        try:
            if kill_after is not None:
                signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
                signal.setitimer(signal.ITIMER_REAL, kill_after)
            function()
            os._exit(0)
        except BaseException:  # whatever it was must not go on in a copy of the test session
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def two(work, folder, seconds=90):
    """Call `work(ranks, device)` in two processes that do it together; raise an error of either one here."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    children = []
    for rank in range(2):
        child = os.fork()
        if child == 0:
            try:
                warnings.simplefilter("ignore")  # those of accelerate and torch.distributed are not this project's
                os.environ.update(place, RANK=str(rank), LOCAL_RANK=str(rank), ACCELERATE_USE_CPU="true")
                with launched("cpu") as (ranks, device):
                    work(ranks, device)
                os._exit(0)
            except BaseException:
                (folder / f"error_{rank}").write_text(traceback.format_exc())
                os._exit(1)
        children.append(child)
    codes = [_wait(child, seconds) for child in children]
    errors = [path.read_text() for path in sorted(folder.glob("error_*"))]
    assert codes == [0, 0], "\n".join(errors) or codes


def _wait(child, seconds):
    """Return the exit code of a child; kill it if it does not end."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return "killed: it did not end"
