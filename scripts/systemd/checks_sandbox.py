"""What the unit allows, and that it is enough: security score, credentials, updates, ONNX Runtime, instances, real time."""

import json
import pathlib
import shutil
import socket
import subprocess

from stage import DROP_IN, LEVEL, REGISTRY_PORT, ROOT, Skipped, UNIT
from support.processes import wait_for

INSTANCE = "edge-agent@press.service"
# Debian's own asks for a password.
REGISTRY = f"""\
version: 0.1
storage: {{ filesystem: {{ rootdirectory: /var/lib/docker-registry }} }}
http: {{ addr: "127.0.0.1:{REGISTRY_PORT}" }}
"""


def exposes_little(stage):
    """systemd-analyze security says 1.5 or less for both units, and verify finds nothing."""
    box = stage.box
    found = {}
    for unit in (UNIT, INSTANCE):
        verified = box.run("systemd-analyze", "verify", "--man=no", unit)
        assert not (verified.stdout + verified.stderr).strip(), verified.stderr
        text = box.run("systemd-analyze", "security", "--no-pager", "--threshold=15", unit, check=False).stdout
        line = next(line for line in text.splitlines() if "Overall exposure level" in line)
        found[unit] = float(line.split(":")[1].split()[0])
        assert found[unit] <= 1.5, text
    return ", ".join(f"{unit} {exposure}" for unit, exposure in found.items())


def hides_its_credentials(stage):
    """A broker's password comes as a credential: its file is root's, and the agent's user cannot read it."""
    stage.begin()
    stage.assert_works()
    file = "/etc/edge-agent/uplink-password"
    assert stage.box.out("stat", "--format=%U %a", file) == "root 600"
    assert stage.box.run("runuser", "-u", "edge-agent", "--", "cat", file, check=False).returncode != 0
    password = stage.box.path(file).read_text()
    for journal in (stage.box.journal(), stage.box.out("systemctl", "show", UNIT)):
        assert password not in journal


def reloads(stage):
    """systemctl reload applies what it can without a restart, names what waits for one, and refuses a wrong configuration."""
    stage.begin()
    if stage.raise_or_clear():
        stage.raise_or_clear()
    pid = stage.main_pid()
    # The readings' scores are 32 when raised and 0 when not: above 40 none is an alarm any more.
    stage.configure(log_level="debug", line_budget="2s", line_more="alarm: { raiseAbove: 40.0, clearBelow: 4.0 }")
    cursor = stage.box.cursor()
    stage.systemctl("reload", UNIT)
    wait_for(lambda: "alarm.raiseAbove: left out → 40" in stage.box.journal(cursor), 10, "the last applied key")
    journal = stage.box.journal(cursor)
    for line in ("reloaded, agent.logLevel: info → debug", "reloaded, pipelines[line].alarm.raiseAbove: left out → 40",
                 "not before a restart, pipelines[line].budget: 20ms → 2s"):
        assert line in journal, f"no {line!r} in:\n{journal}"
    wait_for(lambda: stage.state() == "active", 5, "an active unit")
    before = stage.consumer.count
    assert stage.raise_or_clear()
    stage.raise_or_clear()
    stage.configure(line_budget="2s", line_more="alarm: { raiseAbove: forty }")
    cursor = stage.box.cursor()
    stage.systemctl("reload", UNIT)
    wait_for(lambda: "nothing changes" in stage.box.journal(cursor), 10, "the refusal")
    assert "edge-agent.yaml:" in stage.box.journal(cursor)
    stage.configure()
    cursor = stage.box.cursor()
    stage.systemctl("reload", UNIT)
    wait_for(lambda: "alarm.raiseAbove: 40 → left out" in stage.box.journal(cursor), 10, "the reload back")
    assert not stage.alerts(before), "a score of 32 was an alarm above 40"
    stage.assert_works()
    stage.assert_works()
    assert (stage.main_pid(), stage.restarts()) == (pid, 0), "it was restarted"


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def pulls_updates(stage):
    """A new version is pulled from a registry beside it: the worker and libcurl work inside the sandbox."""
    box = stage.box
    stage.begin()
    box.write("/etc/docker/registry/config.yml", REGISTRY)
    stage.systemctl("start", "docker-registry")
    bundle = stage.directory / "level-2"
    shutil.copytree(LEVEL, bundle)
    manifest = json.loads((bundle / "bundle.json").read_text())
    manifest.update(version="2.0.0", release=2)
    (bundle / "bundle.json").write_text(json.dumps(manifest))
    push = [stage.agent, "model", "push", bundle, f"127.0.0.1:{REGISTRY_PORT}/models/level:2.0.0", "--plain-http"]
    wait_for(lambda: answers(REGISTRY_PORT), 20, "the registry")
    subprocess.run(push, check=True, stdout=subprocess.DEVNULL)
    stage.configure(
        more=f"registries: {{ site: {{ type: oci, url: \"http://127.0.0.1:{REGISTRY_PORT}\" }} }}\n"
             "updates: { signature: off, shadow: { minimumTime: 0s, windows: 0 }, trial: { minimumTime: 0s, windows: 0 } }",
        line_more="update: { registry: site, model: \"models/level\" }", line_budget="1s")
    stage.systemctl("restart", UNIT)

    def has_it():
        stage.raise_or_clear()
        return "level 2.0.0" in stage.status_text()

    try:
        wait_for(has_it, 30, "level 2.0.0 at work")
    finally:
        stage.configure()
        stage.systemctl("restart", UNIT)
        stage.systemctl("stop", "docker-registry")
    stage.assert_works()


def opens_onnx_runtime(stage):
    """ONNX Runtime is opened inside the sandbox (no memory both writable and executable), and its model decides."""
    libraries = sorted(ROOT.glob(".build-python/lib/python3*/site-packages/onnxruntime/capi/libonnxruntime.so.*"))
    if not libraries:
        raise Skipped("there is no ONNX Runtime in .build-python: make .build-python/bin/python")
    box = stage.box
    stage.begin()
    fixture = ROOT / "Tests/EdgeAgentTests/Fixtures/spectrum"
    bundle = stage.directory / "spectrum"
    subprocess.run([stage.agent, "model", "pack", fixture / "model.onnx", "--description", fixture / "description.json", "--data",
                    fixture / "samples.csv", "--output", bundle, "--onnxruntime", libraries[-1]], check=True, capture_output=True)
    box.copy_in(bundle, "/opt/spectrum")
    box.copy_in(libraries[-1], "/opt/libonnxruntime.so.1")
    cursor = box.cursor()
    stage.configure(more="inference: { onnxRuntimeLibrary: /opt/libonnxruntime.so.1 }", line_model="/opt/spectrum", line_budget="1s")
    try:
        stage.systemctl("restart", UNIT)
        journal = box.journal(cursor)
        engine = next((line for line in journal.splitlines() if "model tested" in line and "pipeline=line" in line), "")
        assert "onnxruntime 1." in engine, journal
    finally:
        stage.configure()
        stage.systemctl("restart", UNIT)
    return engine[engine.index("onnxruntime"):].split('"')[0]


def runs_instances(stage):
    """An instance of the template runs beside the service: own configuration, own state, own readings."""
    box = stage.box
    stage.begin()
    text = box.path("/etc/edge-agent/edge-agent.yaml").read_text()
    box.write("/etc/edge-agent/press.yaml", text.replace("id: box", "id: press"), 0o640)
    box.run("chgrp", "edge-agent", "/etc/edge-agent/press.yaml")
    box.write(f"/etc/systemd/system/{INSTANCE}.d/10-checks.conf", DROP_IN)
    box.run("systemctl", "daemon-reload")
    before = stage.consumer.count
    stage.systemctl("start", INSTANCE)
    # Whatever it was before: one of two changes raises its alarms.
    stage.raise_or_clear()
    stage.raise_or_clear()
    wait_for(lambda: len(stage.consumer.messages("edge/press/alerts/line/", before)) >= 5, 10, "alerts of the instance")
    assert box.path("/var/lib/edge-agent-press/outbox.sqlite").exists()
    assert stage.state() == "active"
    stage.systemctl("stop", INSTANCE)
    assert stage.state() == "active"
    assert box.out("stat", "--format=%U %a", "/var/lib/edge-agent-press") == "edge-agent 750"


def takes_the_real_time_drop_in(stage):
    """With the real-time drop-in a pipeline's thread has SCHED_FIFO; without, it says so and works."""
    box = stage.box
    stage.begin()
    drop_in = f"/etc/systemd/system/{UNIT}.d/real-time.conf"
    box.run("cp", "/usr/share/doc/edge-agent/examples/real-time.conf.example", drop_in)
    box.run("systemctl", "daemon-reload")
    stage.configure(line_more="scheduling: { fifoPriority: 10 }")
    cursor = box.cursor()
    try:
        stage.systemctl("restart", UNIT)
        process = box.host_process(stage.main_pid())
        task = next(task for task in pathlib.Path(f"/proc/{process}/task").iterdir() if (task / "comm").read_text().strip() == "pipe-line")
        # proc(5): the 40th and 41st field are priority and policy; 1 is SCHED_FIFO.
        fields = (task / "stat").read_text().rpartition(")")[2].split()
        priority, policy = int(fields[37]), int(fields[38])
        stage.assert_works()
        if (priority, policy) != (10, 1):
            assert "scheduling could not be set" in box.journal(cursor)
            raise Skipped("systemd-nspawn here has no right to SCHED_FIFO to give (RLIMIT_RTPRIO); the agent said so and works")
    finally:
        box.run("rm", drop_in)
        box.run("systemctl", "daemon-reload")
        stage.configure()
        stage.systemctl("restart", UNIT)


CHECKS = [exposes_little, hides_its_credentials, reloads, pulls_updates, opens_onnx_runtime, runs_instances, takes_the_real_time_drop_in]
