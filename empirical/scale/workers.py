"""Spread runs over processes of one thread each, which end when this process ends, even if it is killed."""

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
from multiprocessing.queues import SimpleQueue
from pathlib import Path

import torch

from empirical.runs.folder import run_name
from empirical.scale.sweep import Case, Job, do, work
from empirical.system.devices import available, spread
from empirical.system.errors import InputError, require

# glibc hands large blocks back to the kernel after every use; keeping them makes sampling on a CPU 1.4 times faster.
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**28), "MALLOC_TRIM_THRESHOLD_": str(2**30)}
_device = ""  # the device on which this process does jobs, where it is a worker


def sweep(cases: Sequence[Case], root: Path, device: str, workers: int, progress: Callable[[int, int], None]) -> None:
    """Finish all `cases` under `root`; `progress(done, total)`, in runs, is called about twice a second.

    device: "cuda" spreads the workers over all visible GPUs, "cuda:1" keeps them on one.

    Finished runs are not repeated, interrupted ones go on. The first failure stops the sweep and is raised.
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
    count, devices = min(workers, len(jobs)), context.SimpleQueue()
    for place in spread(device, count):
        devices.put(place)
    pool = ProcessPoolExecutor(count, context, _start_worker, (os.getpid(), devices))
    with _signals_delayed() as signals, pool:
        try:
            with _blocked(signal.SIGINT, signal.SIGUSR2):  # Ctrl-C, and SLURM's notice that a job ends
                pending = {pool.submit(_do, job, root) for job in jobs}  # starts the workers
            while pending:
                done, pending = wait(pending, timeout=0.5, return_when=FIRST_EXCEPTION)
                for future in done:
                    future.result()
                with signals.delivered():
                    report()
        except BrokenProcessPool:
            allowed, do_this = "enough memory for all --workers", "rerun, perhaps with fewer: finished work is kept"
            raise InputError("worker", "a process that was killed", allowed, do_this) from None
        except BaseException:
            for worker in multiprocessing.active_children():
                worker.kill()  # a run can be stopped at any point
            raise


def _do(job: Job, root: Path) -> None:
    """Do a job on this worker's device."""
    do(job, root, _device)


@contextmanager
def _blocked(*signals: signal.Signals) -> Iterator[None]:
    """Block signals: processes started inside never get them; the parent does, and stops the sweep."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _DelayedSignals:
    """Delay signals, since a handler may raise between any two lines.

    An exception while a worker is being started would leave that worker alive, or keep a lock of the process pool for
    ever, and the program would not end.
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
    def delivered(self) -> Iterator[None]:
        """Let signals interrupt the code inside, which starts and stops no process."""
        try:
            self.release()
            yield
        finally:
            self.hold()


@contextmanager
def _signals_delayed() -> Iterator[_DelayedSignals]:
    """Delay signals until the end, except inside `delivered`."""
    delayed = _DelayedSignals()
    delayed.hold()
    try:
        yield delayed
    finally:
        delayed.release()


def _start_worker(parent: int, devices: SimpleQueue[str]) -> None:
    """Limit a worker to one thread, take one of the devices for it, and end it when its parent is gone."""
    global _device
    torch.set_num_threads(1)
    _device = devices.get()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
