"""The process all workers are forked from.

    hub ──control socket──► zygote ──fork──► worker ──its own socket──► hub

It is started with an empty environment and imports the kit once, so that a worker is there in a few milliseconds.
Its memory is every worker's memory: nothing secret may ever get in here. It ends when its control socket closes, and
its workers end with it.
"""

from __future__ import annotations

import faulthandler
import fcntl
import gc
import os
import resource
import select
import signal
import socket
import sys
import traceback
from pathlib import Path
from typing import NoReturn

from jackfield_hub.sandbox import orders
from jackfield_hub.sandbox.failures import NOT_CONFINED
from jackfield_hub.sandbox.jail import Jail, Rung
from jackfield_hub.sandbox.warm import warm_up
from jackfield_hub.sandbox.worker import work

MAX_DESCRIPTORS = 1024
WORKER_SOCKET = 3
NICENESS = 5  # the hub goes first

_CLOSED = b""

__all__ = ["Jail", "Rung", "give_up", "main"]  # what boot needs


def main(control_descriptor: int, jail: Jail) -> NoReturn:
    """Take orders until the hub closes the control socket."""
    os.environ.clear()  # Python itself sets LC_CTYPE
    resource.setrlimit(resource.RLIMIT_NOFILE, (MAX_DESCRIPTORS, MAX_DESCRIPTORS))
    sys.dont_write_bytecode = True
    warm_up()
    _Zygote(socket.socket(fileno=control_descriptor), jail).serve()
    os._exit(0)


def give_up(control_descriptor: int, reason: str) -> None:
    """Tell the hub that the host does not let workers be confined that way."""
    with socket.socket(fileno=control_descriptor) as control:
        control.send(orders.to_bytes(orders.Stuck(reason)))


class _Zygote:
    def __init__(self, control: socket.socket, jail: Jail) -> None:
        self._control = control
        self._jail = jail
        self._workers: dict[int, int] = {}  # process id -> the hub's number of that worker
        self._wake_reader, self._wake_writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.set_wakeup_fd(self._wake_writer)

    def serve(self) -> None:
        gc.collect()
        gc.freeze()  # a collection in a worker would otherwise touch, and so copy, every shared page
        self._tell(orders.Risen())
        poll = select.poll()
        for descriptor in (self._control.fileno(), self._wake_reader):
            poll.register(descriptor, select.POLLIN)
        while True:
            ready = [descriptor for descriptor, _ in poll.poll()]
            if self._wake_reader in ready:
                self._bury()
            if self._control.fileno() in ready and not self._take_order():
                return

    def _take_order(self) -> bool:
        """Do what the hub says; return False when it has hung up."""
        message, descriptors, _, _ = socket.recv_fds(self._control, orders.MAX_MESSAGE_BYTES, 2)
        if message == _CLOSED:
            return False
        order = orders.from_bytes(message)
        if isinstance(order, orders.Hire):
            self._hire(order, *descriptors)
        elif isinstance(order, orders.Kill):
            self._kill(order.worker)
        return True

    def _hire(self, order: orders.Hire, connection: int, stderr: int) -> None:
        parent = os.getpid()
        process_id = os.fork()
        if not process_id:
            self._become_worker(order, connection, stderr, parent)
        self._workers[process_id] = order.worker
        os.close(connection)
        os.close(stderr)
        self._tell(orders.Hired(order.worker, process_id))

    def _kill(self, worker: int) -> None:
        for process_id, number in self._workers.items():
            if number == worker:
                os.kill(process_id, signal.SIGKILL)

    def _bury(self) -> None:
        """Collect the exit status of every worker that has ended, and tell the hub."""
        os.read(self._wake_reader, 4096)
        while self._workers:
            process_id, status = os.waitpid(-1, os.WNOHANG)
            if not process_id:
                return
            worker = self._workers.pop(process_id)
            self._tell(orders.Ended(worker, os.waitstatus_to_exitcode(status)))

    def _tell(self, news: orders.News) -> None:
        self._control.send(orders.to_bytes(news))

    def _become_worker(self, order: orders.Hire, connection: int, stderr: int, parent: int) -> NoReturn:
        status = NOT_CONFINED
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _take_seat(connection, stderr)
            if order.stands_back:
                os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
            faulthandler.enable(2)
            folder = self._jail.lock(order.worker, Path(order.folder), Path(order.scratch), parent)
            work(order, folder, socket.socket(fileno=WORKER_SOCKET))
            status = 0
        except BaseException:  # the top of this process: whatever it is, it must not run on as a second zygote
            os.write(2, traceback.format_exc().encode())
        finally:
            os._exit(status)


def _take_seat(connection: int, stderr: int) -> None:
    """Keep four descriptors: nothing on 0 and 1, the log pipe on 2, the socket on 3."""
    # Not a session: many kernels share processors out between those, and each worker would get as much as the hub.
    os.setpgid(0, 0)
    os.nice(NICENESS)
    nothing = os.open(os.devnull, os.O_RDWR)
    # 3 may hold one of those we still need: move them out of the way first.
    high = [_move_up(descriptor) for descriptor in (nothing, nothing, stderr, connection)]
    for seat, descriptor in enumerate(high):
        os.dup2(descriptor, seat, inheritable=False)
    os.closerange(WORKER_SOCKET + 1, MAX_DESCRIPTORS)


def _move_up(descriptor: int) -> int:
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, WORKER_SOCKET + 1)
