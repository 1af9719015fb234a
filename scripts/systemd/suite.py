#!/usr/bin/env python3
"""The package and its service in a real systemd: `make test-systemd`. Standard library only.

    scripts/systemd/suite.py --package dist/edge-agent_VERSION_ARCH.deb [--only WORD]

Boots a box (systemd-nspawn) with a network of its own, installs the package, and tries on it what happens on a box in the field.
Each check is a line; the status is 0 when all hold. Where systemd-nspawn cannot work it says why and ends with 0.
"""

import argparse
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

INSIDE = "SYSTEMD_SUITE_IMAGE"  # the image, for the process in the namespaces
ROOT = pathlib.Path(__file__).resolve().parents[2]
NAMESPACES = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]


def skip(reason):
    print(f"➜ systemd suite skipped: systemd-nspawn {reason}")
    sys.exit(0)


def enter_namespaces(arguments):
    """Makes the image, which needs the network, and starts this script again, alone with its processes and a loopback.

    Whatever happens, all of it ends with it.
    """
    if os.geteuid() != 0:
        skip("needs root")
    for program in ("systemd-nspawn", "mmdebstrap", "nsenter", "unshare", "ip"):
        if shutil.which(program) is None:
            raise SystemExit(f"{program} is not installed: run scripts/install-packages systemd")
    tried = subprocess.run([*NAMESPACES, "true"], capture_output=True, text=True)
    if tried.returncode != 0:
        skip(f"cannot work here: {tried.stderr.strip()}")
    import image
    root = image.make(arguments.images, arguments.package, lambda text: print(text, flush=True))
    os.execvpe(NAMESPACES[0], [*NAMESPACES, sys.executable, __file__, *sys.argv[1:]], dict(os.environ, **{INSIDE: str(root)}))


def run_checks(stage, checks):
    failed = []
    for check in checks:
        name = check.__doc__.strip().splitlines()[0].rstrip(".")
        begin = time.monotonic()
        cursor = None
        try:
            cursor = stage.box.cursor()
            note = check(stage)
            verdict = f"✔ {name}{f': {note}' if note else ''}"
        except stage.Skipped as reason:
            verdict = f"➜ {name} skipped: {reason}"
        except Exception as error:  # a check that breaks is a check that fails, whatever it was
            failed.append(name)
            verdict = f"✘ {name}: {type(error).__name__}: {error}"
            if not isinstance(error, (AssertionError, TimeoutError)):
                traceback.print_exc()
            verdict += "\n    " + "\n    ".join(stage.box.journal(cursor, "edge-agent*").splitlines()[-25:])
        print(f"{verdict} ({time.monotonic() - begin:.1f} s)", flush=True)
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--package", type=pathlib.Path, required=True)
    parser.add_argument("--agent", type=pathlib.Path, default=ROOT / ".build/release/edge-agent", help="the same executable, to push models with")
    parser.add_argument("--only", action="append", default=[], metavar="WORD", help="only checks with this in their names, and the installation")
    parser.add_argument("--images", type=pathlib.Path, default=ROOT / ".build-systemd")
    arguments = parser.parse_args()
    if INSIDE not in os.environ:
        enter_namespaces(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)

    # Inside the namespaces: the imports read nothing that matters before.
    import box
    import checks_life
    import checks_package
    import checks_sandbox
    import stage as stages
    from support.processes import Children

    begin = time.monotonic()
    every = [*checks_package.FIRST, *checks_life.CHECKS, *checks_sandbox.CHECKS, *checks_package.LAST]
    chosen = [check for check in every if not arguments.only or check in checks_package.NEEDED
              or any(word in check.__name__ or word in check.__doc__ for word in arguments.only)]
    with tempfile.TemporaryDirectory(prefix="edge-agent-systemd-") as directory, Children() as children:
        try:
            machine = box.Box(os.environ[INSIDE], directory)
        except box.CannotBoot as reason:
            if any(word in str(reason) for word in ("not permitted", "ermission denied", "not supported")):
                skip(f"cannot work here: {reason}")
            raise SystemExit(f"the box did not boot: {reason}") from None
        try:
            failed = run_checks(stages.Stage(machine, children, directory, arguments.package, arguments.agent), chosen)
        finally:
            status = machine.power_off()
        if status != 0:
            failed.append(f"the box went down with status {status}")
    print(f"{len(chosen)} checks in {time.monotonic() - begin:.0f} s, {len(failed)} failed")
    for name in failed:
        print(f"  failed: {name}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
