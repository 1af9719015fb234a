"""A box with a real systemd: systemd-nspawn over the image, whose changes are gone when it is switched off. Standard library only.

It has the network of whoever starts it; `suite.py` gives it one of its own, with nothing but the loopback in it.
"""

import os
import pathlib
import subprocess
import time


class CannotBoot(Exception):
    """systemd-nspawn does not work here: the machine's reason, not the agent's."""


class Box:
    def __init__(self, root, directory):
        self.directory = pathlib.Path(directory)
        self.console = self.directory / "console.log"
        self.machine = f"edge-agent-{os.getpid()}"
        with open(self.console, "wb") as console:
            self.nspawn = subprocess.Popen(
                ["systemd-nspawn", "--quiet", f"--directory={root}", "--boot", f"--machine={self.machine}", "--volatile=overlay",
                 "--register=no", "--keep-unit", "--console=pipe", "--link-journal=no", "--resolv-conf=off", "--timezone=off"],
                stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT,
                env=dict(os.environ, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY="1"))
        self.leader = self._wait_for_boot()
        self.root = pathlib.Path(f"/proc/{self.leader}/root")

    def _wait_for_boot(self):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if self.nspawn.poll() is not None:
                raise CannotBoot(self.console.read_text(errors="replace").strip()[-300:] or f"status {self.nspawn.returncode}")
            leader = self._leader()
            if leader:
                state = subprocess.run(["nsenter", f"--target={leader}", "--all", "systemctl", "is-system-running"],
                                       capture_output=True, text=True).stdout.strip()
                if state in ("running", "degraded"):
                    return leader
            time.sleep(0.05)
        raise CannotBoot(f"the box was not up within 30 s: {self.console.read_text(errors='replace')[-300:]}")

    def _leader(self):
        """The process id of the box's systemd."""
        try:
            children = pathlib.Path(f"/proc/{self.nspawn.pid}/task/{self.nspawn.pid}/children").read_text().split()
            return next((int(child) for child in children
                         if pathlib.Path(f"/proc/{child}/comm").read_text().strip() == "systemd"), None)
        except OSError:
            return None

    def run(self, *command, check=True, **options):
        """Runs a command as root in the box; returns what subprocess.run does."""
        done = subprocess.run(["nsenter", f"--target={self.leader}", "--all", "--", *map(str, command)],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, **options)
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(map(str, command))}: status {done.returncode}\n{done.stdout}{done.stderr}".rstrip())
        return done

    def out(self, *command, **options):
        return self.run(*command, **options).stdout.strip()

    def path(self, path):
        """A path of the box as this side sees it."""
        return self.root / str(path).lstrip("/")

    def write(self, path, text, mode=0o644):
        file = self.path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)

    def copy_in(self, source, target):
        """Copies a directory or a file; a link is followed."""
        subprocess.run(["cp", "--recursive", "--dereference", str(source), str(self.path(target))], check=True)

    def show(self, unit, *properties):
        """The properties of a unit: a dictionary, or the value of a single one."""
        text = self.out("systemctl", "show", unit, f"--property={','.join(properties)}")
        values = dict(line.partition("=")[::2] for line in text.splitlines())
        return values[properties[0]] if len(properties) == 1 else values

    def cursor(self):
        """A place in the journal, for `journal(since)`."""
        text = self.out("journalctl", "--sync", "--quiet") or self.out("journalctl", "--quiet", "--lines=1", "--show-cursor", "--output=cat")
        return next(line.partition(": ")[2] for line in reversed(text.splitlines()) if line.startswith("-- cursor"))

    def journal(self, since=None, unit="edge-agent.service", *options):
        """What the journal has of a unit: the agent's lines and systemd's about it."""
        after = [f"--after-cursor={since}"] if since else []
        return self.run("journalctl", "--quiet", "--output=cat", f"--unit={unit}", *after, *options, check=False).stdout

    def host_process(self, pid):
        """The process id on this side of a process id of the box."""
        for status in pathlib.Path("/proc").glob("[0-9]*/status"):
            try:
                ids = next(line.split()[1:] for line in status.read_text().splitlines() if line.startswith("NSpid:"))
            except (OSError, StopIteration):
                continue
            # The last is the innermost: the one in the box.
            if ids[-1] == str(pid) and len(ids) > 1 and os.path.samefile(f"/proc/{status.parent.name}/root", self.root):
                return int(status.parent.name)
        raise AssertionError(f"there is no process {pid} in the box")

    def power_off(self):
        """Switches it off; returns the status of systemd-nspawn, 0 when it went down in good order."""
        if self.nspawn.poll() is None:
            self.run("systemctl", "poweroff", check=False)
            try:
                self.nspawn.wait(20)
            except subprocess.TimeoutExpired:
                self.nspawn.kill()
                self.nspawn.wait()
        leftover = pathlib.Path(f"/run/systemd/nspawn/propagate/{self.machine}")
        if leftover.is_dir() and not any(leftover.iterdir()):
            leftover.rmdir()
        return self.nspawn.returncode
