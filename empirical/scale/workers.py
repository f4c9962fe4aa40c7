"""Spread runs over processes of one thread each, which end with this one however it ends."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path

import torch

from empirical.runs.folder import run_name
from empirical.scale.sweep import Case, do, work
from empirical.system.devices import available
from empirical.system.errors import InputError, require

# glibc hands large blocks back to the kernel after every use; keeping them makes sampling on a CPU 1.4 times faster.
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**28), "MALLOC_TRIM_THRESHOLD_": str(2**30)}


def sweep(cases: Sequence[Case], root: Path, device: str, workers: int, progress: Callable[[int, int], None]) -> None:
    """Finish all `cases` under `root`; `progress(done, total)`, in runs, is called about twice a second.

    Runs already finished are left alone, interrupted ones go on. The first failure stops the sweep and is raised.
    """
    require(workers >= 1, "--workers", workers, "an integer >= 1")
    available(device)
    jobs = work(cases, root)
    waiting = [case for case in cases if not case.done(root)]
    total = len({run_name(case.run) for case in cases})

    def report() -> None:
        waiting[:] = [case for case in waiting if not case.done(root)]
        progress(total - len({run_name(case.run) for case in waiting}), total)

    report()
    if not jobs:
        return
    for name, value in KEEP_MEMORY.items():
        os.environ.setdefault(name, value)  # read by the workers when they start
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(jobs)), context, _start_worker, (os.getpid(),))
    with _signals_held() as signals, pool:
        try:
            with _blocked(signal.SIGINT, signal.SIGUSR2):  # Ctrl-C, and SLURM's notice of the end of a job
                pending = {pool.submit(do, job, root, device) for job in jobs}  # this starts the workers
            while pending:
                done, pending = wait(pending, timeout=0.5, return_when=FIRST_EXCEPTION)
                for future in done:
                    future.result()
                with signals.heard():
                    report()
        except BrokenProcessPool:
            allowed, do_this = "enough memory for all --workers", "rerun, perhaps with fewer: finished work is kept"
            raise InputError("worker", "a process that was killed", allowed, do_this) from None
        except BaseException:
            for worker in multiprocessing.active_children():
                worker.kill()  # a run can be cut off anywhere
            raise


@contextmanager
def _blocked(*signals: signal.Signals) -> Iterator[None]:
    """Start processes inside deaf to these signals: they are for the parent, which then stops the sweep."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Held:
    """Signals that wait, since a handler may raise between any two lines.

    A worker that is just being started would be missed, a lock of the process pool kept for ever, and the program would
    not end.
    """

    def __init__(self) -> None:
        main = threading.current_thread() is threading.main_thread()  # other threads have no signals
        known = {int(number): signal.getsignal(number) for number in signal.valid_signals()} if main else {}
        self.handlers = {number: handler for number, handler in known.items() if callable(handler)}
        self.arrived: list[int] = []

    def hold(self) -> None:
        """Collect signals from now on."""
        for number in self.handlers:
            signal.signal(number, lambda number, _: self.arrived.append(number))

    def release(self) -> None:
        """Restore the handlers and call those of the signals that have arrived."""
        for number, handler in self.handlers.items():
            signal.signal(number, handler)
        while self.arrived:
            number = self.arrived.pop(0)
            self.handlers[number](number, None)

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Let signals interrupt the code inside, which starts and stops no process."""
        try:
            self.release()
            yield
        finally:
            self.hold()


@contextmanager
def _signals_held() -> Iterator[_Held]:
    """Hold signals until the end, but where `heard` lets them in."""
    held = _Held()
    held.hold()
    try:
        yield held
    finally:
        held.release()


def _start_worker(parent: int) -> None:
    """One thread per process, and no process outlives a killed parent."""
    torch.set_num_threads(1)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
