"""The agent's disk: its failures (fault_shim.c), what a power cut leaves of it, and damage to its files. Standard library only."""

import mmap
import os
import pathlib
import shutil
import struct
import subprocess

FAIL_WRITE, FAIL_SYNC, FAIL_READ, NO_SPACE, READ_ONLY = 1, 2, 4, 8, 16
OPEN, WRITE, TRUNCATE, SYNC, SYNC_FAILED, RENAME, UNLINK = 1, 2, 3, 4, 5, 6, 7
SECTOR = 512


class Shim:
    """The steering side of fault_shim.c."""

    def __init__(self, library, directory, state):
        self.library, self.state = library, pathlib.Path(state)
        self.journal = pathlib.Path(directory) / "journal"
        self.control_path = pathlib.Path(directory) / "shim-control"
        self.control_path.write_bytes(bytes(4096))
        with open(self.control_path, "r+b") as file:
            self.control = mmap.mmap(file.fileno(), 4096)

    def environment(self, journalled):
        variables = {"LD_PRELOAD": str(self.library), "FAULT_SHIM_CONTROL": str(self.control_path),
                     "FAULT_SHIM_DIRECTORY": str(self.state)}
        if journalled:
            variables["FAULT_SHIM_JOURNAL"] = str(self.journal)
        return variables

    def fail(self, faults, percent=100):
        self.control[0:8] = struct.pack("<II", faults, percent)

    def set_clock(self, offset):
        self.control[8:16] = struct.pack("<q", offset)

    def slow_down(self, milliseconds):
        """Lets each synchronisation take so long that a power cut often comes in its middle."""
        self.control[24:28] = struct.pack("<I", milliseconds)

    @property
    def injected(self):
        return struct.unpack("<Q", self.control[16:24])[0]


class File:
    """What of a file is on the disk for certain, and what may be."""

    def __init__(self, content=b""):
        self.content = bytearray(content)
        self.pending = []  # (offset, data) of writes, (length, None) of truncations

    @staticmethod
    def apply(content, offset, data):
        if data is None:
            if offset < len(content):
                del content[offset:]
            else:
                content.extend(bytes(offset - len(content)))
            return
        if offset > len(content):
            content.extend(bytes(offset - len(content)))
        content[offset:offset + len(data)] = data

    def synchronise(self):
        for offset, data in self.pending:
            self.apply(self.content, offset, data)
        self.pending.clear()

    def after_cut(self, random):
        """Of what was not synchronised each write may have arrived or not, or some sectors of it."""
        content = bytearray(self.content)
        chance = random.choice((0.0, 0.5, 0.9, 1.0))
        for offset, data in self.pending:
            if data is None:
                if random.random() < chance:
                    self.apply(content, offset, None)
            elif random.random() < chance:
                if random.random() < 0.3:
                    for start in range(0, len(data), SECTOR):
                        if random.random() < 0.5:
                            self.apply(content, offset + start, data[start:start + SECTOR])
                else:
                    self.apply(content, offset, data)
        return bytes(content)


class PowerCut:
    """Replays the journal of the shim over a copy of the directory: what a power cut at its end leaves.

    Two file systems. Strict: a name made, changed or removed is on the disk once its directory was synchronised. Ordered (as ext4, XFS
    and Btrfs do it): once anything was synchronised after it.
    """

    def __init__(self, shim, random):
        self.shim, self.random = shim, random
        self.baseline = {}
        self.rebase()

    def rebase(self):
        """From now on what is in the directory is on the disk. The agent does not run."""
        self.baseline = {path.name: path.read_bytes() for path in self.shim.state.iterdir()
                         if path.is_file() and not path.name.endswith("-shm")}
        self.shim.journal.write_bytes(b"")

    def cut(self):
        """Leaves in the directory what the cut would. Returns how many writes it may have lost. The agent does not run."""
        names = {name: File(content) for name, content in self.baseline.items()}  # as the agent saw them
        durable = dict(names)  # as the disk knows them
        waiting = []  # changes of names that no directory's synchronisation has followed: (name, file or None)
        strict = self.random.random() < 0.5
        for operation, name, offset, data in self._records():
            file = names.get(name)
            if operation == OPEN:
                if file is None:
                    names[name] = File()
                    waiting.append((name, names[name]))
                elif offset:
                    file.pending.append((0, None))
            elif operation == WRITE and file is not None:
                file.pending.append((offset, data))
            elif operation == TRUNCATE and file is not None:
                file.pending.append((offset, None))
            elif operation == SYNC:
                if file is not None:
                    file.synchronise()
                if name == "" or not strict:
                    self._settle(durable, waiting)
            elif operation == SYNC_FAILED and file is not None:
                file.pending.clear()
            elif operation == RENAME and file is not None:
                target = data.decode().lstrip("/")
                names[target] = names.pop(name)
                waiting.append(((name, target), file))
            elif operation == UNLINK and file is not None:
                del names[name]
                waiting.append((name, None))
        unsynchronised = sum(len(file.pending) for file in durable.values())
        # Changes of names go to the disk in their order.
        self._settle(durable, waiting[:self.random.randint(0, len(waiting))])
        for path in self.shim.state.iterdir():
            if path.is_file():
                path.unlink()
        for name, file in durable.items():
            (self.shim.state / name).write_bytes(file.after_cut(self.random))
        self.rebase()
        return unsynchronised

    @staticmethod
    def _settle(durable, waiting):
        for name, file in waiting:
            if isinstance(name, tuple):
                durable.pop(name[0], None)
                durable[name[1]] = file
            elif file is None:
                durable.pop(name, None)
            else:
                durable[name] = file
        waiting.clear()

    def _records(self):
        content = self.shim.journal.read_bytes()
        position = 0
        while position + 24 <= len(content):
            operation, size, offset, length = struct.unpack_from("<IIQQ", content, position)
            position += 24
            carried = length if operation in (WRITE, RENAME) else 0
            if position + size + carried > len(content):
                return
            name = content[position:position + size].decode().lstrip("/")
            position += size
            yield operation, name, offset, content[position:position + carried]
            position += carried


class Volume:
    """The agent's state directory: a small tmpfs of its own where that may be mounted, else a plain directory."""

    def __init__(self, directory, megabytes):
        self.path = pathlib.Path(directory) / "state"
        self.path.mkdir()
        self.filler = self.path / "filler"
        self.reason = "mounting a tmpfs needs root"
        self.mounted = False
        if os.geteuid() == 0:
            outcome = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0750", "edge-agent-faults", self.path],
                                     capture_output=True, text=True)
            self.mounted = outcome.returncode == 0
            self.reason = f"mounting a tmpfs failed: {outcome.stderr.strip()}"

    def fill(self, leave=0):
        """Takes all the room but `leave` bytes."""
        with open(self.filler, "ab", buffering=0) as file:
            block = bytes(65536)
            try:
                while True:
                    file.write(block)
            except OSError:
                block = bytes(4096)
                try:
                    while True:
                        file.write(block)
                except OSError:
                    pass
            if leave:
                file.truncate(max(0, file.tell() - leave))

    def empty(self):
        self.filler.unlink(missing_ok=True)

    def remount(self, mode):
        """'ro' or 'rw'; returns whether the kernel did it (not read-only while a file is open for writing)."""
        return subprocess.run(["mount", "-o", f"remount,{mode}", self.path], capture_output=True).returncode == 0

    def close(self):
        if self.mounted:
            subprocess.run(["umount", "-l", self.path], capture_output=True)


def damage(path, how, random):
    """Damages a file of the database; returns a description, None if there is nothing to damage."""
    size = path.stat().st_size if path.exists() else 0
    if size == 0:
        return None
    if how == "zero":
        os.truncate(path, 0)
        return f"{path.name} emptied ({size} bytes)"
    if how == "truncate":
        length = random.randrange(size)
        os.truncate(path, length)
        return f"{path.name} truncated from {size} to {length} bytes"
    flips = [(random.randrange(size), random.randrange(8)) for _ in range(random.choice((1, 1, 8)))]
    with open(path, "r+b") as file:
        for offset, bit in flips:
            file.seek(offset)
            byte = file.read(1)[0]
            file.seek(offset)
            file.write(bytes([byte ^ 1 << bit]))
    return f"{path.name} of {size} bytes, flipped: " + ", ".join(f"bit {bit} of byte {offset}" for offset, bit in flips)


def keep(source, target):
    """A copy of the files that stand in a directory, for later inspection."""
    def others(directory, names):
        return [name for name in names if name == "filler" or not (pathlib.Path(directory) / name).is_file()]

    shutil.copytree(source, target, ignore=others, dirs_exist_ok=True)
