#!/usr/bin/env python3
"""Stops a single thread of a process with ptrace: the others go on, as when one hangs. Standard library only.

SIGSTOP stops all threads of a process, and a hot thread that spins or waits for ever in some library cannot be had without
changing the program. PTRACE_SEIZE and PTRACE_INTERRUPT stop one, in the program as it is. Run as a process of its own, which
ends with the one that it has stopped: a tracer has to reap it.
"""

import ctypes
import os
import pathlib
import subprocess
import sys

PTRACE_SEIZE, PTRACE_INTERRUPT = 0x4206, 0x4207
WALL = 0x40000000  # __WALL: threads, too


def freeze(children, process, name):
    """Stops the thread of a process that is called so, until the process ends."""
    thread = next(task.name for task in pathlib.Path(f"/proc/{process}/task").iterdir()
                  if (task / "comm").read_text().strip() == name)
    tracer = children.start(sys.executable, __file__, thread, stdout=subprocess.PIPE, text=True)
    assert tracer.stdout.readline() == "stopped\n", "the thread could not be stopped"


def main(thread):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.restype = ctypes.c_long
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    for request in (PTRACE_SEIZE, PTRACE_INTERRUPT):
        if libc.ptrace(request, thread, None, None) != 0:
            sys.exit(os.strerror(ctypes.get_errno()))
    os.waitpid(thread, WALL)
    print("stopped", flush=True)
    while os.WIFSTOPPED(os.waitpid(thread, WALL)[1]):
        pass


if __name__ == "__main__":
    main(int(sys.argv[1]))
