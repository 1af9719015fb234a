"""The operating system of the box: a minimal Debian with systemd, made once and kept. Standard library only."""

import hashlib
import pathlib
import platform
import shutil
import subprocess

# What runs beside the agent.
BASE = ["systemd", "systemd-sysv", "dbus", "procps", "mosquitto", "docker-registry"]


def dependencies(package):
    """The names of the packages that a .deb depends on and recommends (libraries that it opens), the first of each alternative."""
    fields = [subprocess.run(["dpkg-deb", "--field", package, field], check=True, capture_output=True, text=True).stdout
              for field in ("Depends", "Recommends")]
    text = ",".join(fields)
    return [item.split("|")[0].split("(")[0].strip() for item in text.split(",") if item.strip()]


def make(directory, package, say):
    """The root directory of the image, made if it is not there. Its name tells what is in it."""
    names = sorted(set(BASE + dependencies(package)))
    release = platform.freedesktop_os_release().get("VERSION_CODENAME", "stable")
    # The second edition of how it is made: a change below has to make a new one.
    digest = hashlib.sha256(" ".join(["2", release, *names]).encode()).hexdigest()[:12]
    root = pathlib.Path(directory) / f"image-{release}-{digest}"
    if root.is_dir():
        return root
    say(f"making the image of the box, once: {release} with {len(names)} packages")
    fresh = root.with_name(root.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    root.parent.mkdir(parents=True, exist_ok=True)
    made = subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(names)}", release, fresh],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if made.returncode != 0:
        shutil.rmtree(fresh, ignore_errors=True)
        raise SystemExit(f"mmdebstrap ended with {made.returncode}:\n{made.stderr[-2000:]}")
    # What an installer writes, and mmdebstrap copies from this machine.
    (fresh / "etc/hostname").write_text("box\n")
    (fresh / "etc/hosts").write_text("127.0.0.1 localhost\n127.0.1.1 box\n::1 localhost\n")
    # Nothing of these is there unless a check starts it.
    for unit in ("mosquitto", "docker-registry"):
        subprocess.run(["systemctl", f"--root={fresh}", "--quiet", "disable", unit], check=True, capture_output=True)
    fresh.rename(root)
    return root
