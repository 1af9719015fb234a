"""The package from its installation to its purge. Each function is a check; its first line is its name."""

import shutil
import sqlite3
import subprocess
import time

from stage import ASSETS, DROP_IN, LEVEL, PASSWORD, UNIT
from support.processes import wait_for

APT = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--yes", "--quiet", "--no-install-recommends"]


def installs(stage):
    """The package installs, and makes user and files, but starts nothing before its configuration was edited."""
    box = stage.box
    box.copy_in(stage.package, "/opt/edge-agent.deb")
    box.run(*APT, "install", "/opt/edge-agent.deb")
    assert box.out("getent", "passwd", "edge-agent").split(":")[6].endswith("nologin")
    assert box.run("systemctl", "is-enabled", UNIT, check=False).stdout.strip() == "disabled"
    assert stage.state() == "inactive"
    for file in ("/usr/share/man/man1/edge-agent.1.gz", "/usr/share/bash-completion/completions/edge-agent"):
        assert box.path(file).exists(), f"{file} is missing"
    return box.out("edge-agent", "--version")


def runs_as_shipped(stage):
    """With the configuration as it comes and a broker on the box it is enabled, started and ready."""
    box = stage.box
    stage.systemctl("enable", "--now", "mosquitto")
    wait_for(lambda: box.run("edge-agent", "check", check=False).returncode == 0, 5, "an edge-agent check without complaint")
    begin = time.monotonic()
    stage.systemctl("enable", "--now", UNIT)
    seconds = time.monotonic() - begin
    assert stage.state() == "active"
    assert "pumps" in stage.status_text(), stage.status_text()
    stage.systemctl("stop", UNIT)
    # What a boot does with an enabled service.
    stage.systemctl("isolate", "multi-user.target")
    stage.await_state("active")
    stage.systemctl("stop", UNIT)
    return f"ready {1000 * seconds:.0f} ms after systemctl"


def prepare(stage):
    """The checks' own configuration, with a password as a credential, is accepted by the check command."""
    box = stage.box
    box.write(f"/etc/systemd/system/{UNIT}.d/10-checks.conf", DROP_IN)
    box.write("/etc/edge-agent/uplink-password", PASSWORD, 0o600)
    box.copy_in(LEVEL, "/opt/level")
    box.run("systemctl", "daemon-reload")
    stage.configure()
    stage.uplink.start()
    stage.consumer.start()
    wait_for(lambda: "consumer" in stage.uplink.directory.joinpath("broker.log").read_text(), 5, "the consumer")
    stage.begin()
    stage.assert_works()


def newer(stage):
    """Makes a package of the next version, whose configuration has changed, too."""
    tree = stage.directory / "newer"
    shutil.rmtree(tree, ignore_errors=True)
    subprocess.run(["dpkg-deb", "--raw-extract", stage.package, tree], check=True)
    control = tree / "DEBIAN/control"
    lines = [line + "+next" if line.startswith("Version:") else line for line in control.read_text().splitlines()]
    control.write_text("\n".join(lines) + "\n")
    with open(tree / "etc/edge-agent/edge-agent.yaml", "a") as file:
        file.write("# The next version has a line more.\n")
    package = stage.directory / "newer.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, package], check=True, capture_output=True)
    return package


def upgrade_keeps_the_backlog(stage):
    """An upgrade with a backlog in the outbox restarts the agent, keeps the edited configuration, and all is sent, in order."""
    box = stage.box
    stage.begin()
    stage.assert_works()
    stage.uplink.stop()
    before = stage.consumer.count
    changes = 20
    first = stage.reading
    for _ in range(changes):
        stage.raise_or_clear()
        time.sleep(0.02)
    depth = outbox_depth(stage, at_least=changes * ASSETS)
    pid = stage.main_pid()
    box.copy_in(newer(stage), "/opt/newer.deb")
    edited = box.path("/etc/edge-agent/edge-agent.yaml").read_text()
    box.run(*APT, "-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold", "install", "/opt/newer.deb")
    assert box.out("dpkg-query", "--show", "--showformat=${Version}", "edge-agent").endswith("+next")
    assert box.path("/etc/edge-agent/edge-agent.yaml").read_text() == edited, "the edited configuration was replaced"
    stage.await_state("active")
    assert stage.main_pid() != pid, "it was not restarted"
    stage.uplink.start()
    events = stage.await_alerts(before, changes * ASSETS, 20)
    for asset in range(ASSETS):
        kinds = [event["type"] for event in events if event["subject"] == f"L-{asset}"]
        expected = ["edge.alert.raised.v1" if (first + 1 + change) % 2 else "edge.alert.cleared.v1" for change in range(changes)]
        assert kinds == expected, f"L-{asset}: {kinds}"
    assert len({event["id"] for event in events}) == len(events), "an alert came twice"
    stage.assert_works()
    return f"{depth} records waited, {len(events)} alerts arrived in order"


def outbox_depth(stage, at_least):
    """How many records wait in the database, once there are so many."""
    database = "/var/lib/edge-agent/outbox.sqlite"
    copy = stage.directory / "outbox.sqlite"

    def depth():
        for suffix in ("", "-wal"):
            shutil.copyfile(stage.box.path(database + suffix), f"{copy}{suffix}")
        with sqlite3.connect(copy) as connection:
            return connection.execute("SELECT count(*) FROM record").fetchone()[0]

    wait_for(lambda: depth() >= at_least, 10, f"an outbox with {at_least} records")
    return depth()


def remove_keeps_the_state(stage):
    """Removing the package stops the service and keeps configuration and state."""
    box = stage.box
    stage.begin()
    box.run(*APT, "remove", "edge-agent")
    assert not box.path("/usr/bin/edge-agent").exists()
    assert stage.state() == "inactive", stage.state()
    assert not box.run("pgrep", "-x", "edge-agent", check=False).stdout
    assert box.path("/etc/edge-agent/edge-agent.yaml").exists()
    assert box.path("/var/lib/edge-agent/outbox.sqlite").exists()


def purge_leaves_nothing(stage):
    """Purging it takes configuration, state and user away."""
    box = stage.box
    box.run("rm", "-f", "/etc/edge-agent/uplink-password", "/etc/edge-agent/press.yaml")
    box.run(*APT, "purge", "edge-agent")
    left = [path for path in ("/var/lib/edge-agent", "/var/lib/edge-agent-press", "/etc/edge-agent", "/run/edge-agent",
                              "/usr/share/edge-agent", "/lib/systemd/system/edge-agent.service") if box.path(path).exists()]
    assert not left, f"left behind: {left}"
    assert box.run("getent", "passwd", "edge-agent", check=False).returncode == 2, "the user is still there"
    assert box.run("getent", "group", "edge-agent", check=False).returncode == 2, "the group is still there"


NEEDED = [installs, prepare]
FIRST = [installs, runs_as_shipped, prepare]
LAST = [upgrade_keeps_the_backlog, remove_keeps_the_state, purge_leaves_nothing]
