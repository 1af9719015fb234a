"""Child processes, free ports and private mosquitto brokers for the demo and the benchmarks. Standard library only."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time


def free_port():
    """A loopback port that nothing listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def find(program):
    """The path of a program, also where Debian keeps daemons."""
    path = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if path is None:
        raise SystemExit(f"{program} is not installed: run scripts/install-packages")
    return path


class Children:
    """Processes that end with this one: each is ended by its own process id, the last one first."""

    def __init__(self):
        self.running = []

    def start(self, *command, **options):
        # A session of its own: Ctrl-C reaches only the script, which ends its children in order.
        child = subprocess.Popen([str(word) for word in command], start_new_session=True, **options)
        self.running.append(child)
        return child

    def stop(self, child, patience=5.0, how=signal.SIGTERM):
        """Asks a process to end, and kills it if it has not after `patience` seconds; returns its exit status."""
        if child.poll() is None:
            child.send_signal(how)
            try:
                child.wait(patience)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        if child in self.running:
            self.running.remove(child)
        return child.returncode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for child in reversed(list(self.running)):
            self.stop(child)


class Broker:
    """A mosquitto of our own on a loopback port. It keeps sessions over a restart if `persistent`."""

    def __init__(self, children, directory, name, persistent=False, port=None, log=True, settings=()):
        self.children, self.name = children, name
        self.port = port or free_port()
        self.directory = pathlib.Path(directory) / name
        self.directory.mkdir(parents=True)
        lines = [
            f"listener {self.port} 127.0.0.1",
            "allow_anonymous true",
            "set_tcp_nodelay true",
            # Not 0 for any number: mosquitto 2.0.11 of Debian 12 then ends the connection of each refused PUBLISH.
            "max_queued_messages 1000000",
            *settings,
        ]
        if os.geteuid() == 0:
            lines.append("user root")  # else it becomes another user, who cannot write here
        if persistent:
            lines += ["persistence true", f"persistence_location {self.directory}/"]
        if log:
            lines += [f"log_dest file {self.directory}/broker.log"]
        else:
            lines += ["log_type none"]
        self.configuration = self.directory / "mosquitto.conf"
        self.configuration.write_text("\n".join(lines) + "\n")
        self.child = None

    def start(self):
        self.child = self.children.start(find("mosquitto"), "-c", self.configuration, stdout=subprocess.DEVNULL,
                                         stderr=subprocess.DEVNULL)
        wait_for(lambda: self.answers() or self._gone(), 10, f"the broker '{self.name}'")

    def stop(self):
        self.children.stop(self.child)

    def answers(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 0.2).close()
            return True
        except OSError:
            return False

    def _gone(self):
        if self.child.poll() is not None:
            raise SystemExit(f"mosquitto ended at once with {self.child.returncode}: see {self.directory}/broker.log")
        return False


def wait_for(condition, seconds, what):
    """Waits until `condition()` holds; raises TimeoutError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} was not there within {seconds:g} s")
        time.sleep(0.05)
