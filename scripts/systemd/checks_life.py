"""Start, readiness, hangs, crashes, wrong configurations, reload, stop. Each function is a check; its first line is its name."""

import os
import signal
import time

import freeze
from stage import UNIT, WATCHDOG_SECONDS, PLANT_PORT, silent_listener
from support.processes import wait_for


def is_ready_only_when_subscribed(stage):
    """Without a broker, and with one that does not answer, it is starting and says what it waits for; then it is ready."""
    stage.begin()
    stage.systemctl("stop", UNIT, "mosquitto")
    stage.systemctl("start", "--no-block", UNIT)
    wait_for(lambda: "waiting" in stage.status_text(), 10, "a status that says what it waits for")
    text = stage.status_text()
    assert "plant" in text and "127.0.0.1:1883" in text, f"the status does not name the broker: {text}"
    assert stage.state() == "activating"
    with silent_listener(PLANT_PORT) as listener:
        connection, _ = listener.accept()
        time.sleep(0.5)
        assert stage.state() == "activating", "it is ready before anything was granted"
        connection.close()
    stage.systemctl("start", "mosquitto")
    stage.await_state("active")
    # The model is loaded and the subscription granted: what is published now is decided.
    stage.assert_works()
    return f"while it waited: {text!r}"


def says_how_it_is(stage):
    """The status line tells models, assets, alarms and the outbox, and that a broker has gone."""
    stage.begin()
    if not stage.raise_or_clear():
        stage.raise_or_clear()
    wait_for(lambda: "running" in stage.status_text() and "5 alarms" in stage.status_text(), 10, "5 alarms in the status")
    text = stage.status_text()
    for word in ("pumps", "line", "level 1.0.0"):
        assert word in text, f"no {word!r} in {text!r}"
    stage.systemctl("stop", "mosquitto")
    wait_for(lambda: "waiting" in stage.status_text(), 10, "a status that says that the broker has gone")
    assert stage.state() == "active"
    stage.systemctl("start", "mosquitto")
    wait_for(lambda: "waiting" not in stage.status_text(), 10, "a status that says that the broker is back")
    stage.raise_or_clear()
    return repr(text)


def survives_quiet(stage):
    """A quiet plant does not look like a hang: no reading for longer than the watchdog's time, and it lives."""
    stage.begin()
    pid = stage.main_pid()
    time.sleep(WATCHDOG_SECONDS + 2)
    assert (stage.main_pid(), stage.restarts()) == (pid, 0)


def restarts_when_stopped(stage):
    """A process that hangs (SIGSTOP) is restarted by the watchdog."""
    stage.begin()
    pid = stage.main_pid()
    begin = time.monotonic()
    os.kill(stage.box.host_process(pid), signal.SIGSTOP)
    stage.await_restart(pid, "watchdog", WATCHDOG_SECONDS + 15)
    seconds = time.monotonic() - begin
    stage.assert_works()
    return f"ready again after {seconds:.1f} s, WatchdogSec={WATCHDOG_SECONDS}"


def restarts_when_a_thread_hangs(stage):
    """One pipeline's thread that makes no progress, while all others do, is enough for the watchdog."""
    stage.begin()
    pid = stage.main_pid()
    freeze.freeze(stage.children, stage.box.host_process(pid), "pipe-line")
    begin = time.monotonic()
    stage.await_restart(pid, "watchdog", WATCHDOG_SECONDS + 15)
    seconds = time.monotonic() - begin
    stage.assert_works()
    return f"ready again after {seconds:.1f} s"


def restarts_when_killed(stage):
    """After kill -9 it is restarted, and goes on with the alarms that were raised."""
    stage.begin()
    if not stage.raise_or_clear():
        stage.raise_or_clear()
    wait_for(lambda: "5 alarms" in stage.status_text(), 10, "5 alarms")
    pid = stage.main_pid()
    os.kill(stage.box.host_process(pid), signal.SIGKILL)
    stage.await_restart(pid, "signal", 15)
    before = stage.consumer.count
    stage.raise_or_clear()
    events = stage.await_alerts(before, 5)
    assert {event["type"] for event in events} == {"edge.alert.cleared.v1"}, [event["type"] for event in events]


def gives_up_on_a_crash_loop(stage):
    """What crashes again and again is failed after five starts in a minute, and not tried for ever."""
    stage.begin()
    kills = 0
    deadline = time.monotonic() + 30
    while stage.state() != "failed":
        assert time.monotonic() < deadline, f"after {kills} kills it is {stage.state()}"
        pid = stage.main_pid()
        if pid:
            stage.systemctl("kill", "--signal=KILL", UNIT, check=False)
            kills += 1
            wait_for(lambda: stage.main_pid() != pid, 5, "the end of the process")
    journal = stage.box.journal(None, UNIT, "--lines=20")
    assert "Start request repeated too quickly" in journal, journal
    restarts = stage.restarts()
    # The last one counted is the one that was refused.
    assert restarts <= 6, f"{restarts} restarts"
    stage.begin()
    stage.assert_works()
    return f"{kills} kills"


def does_not_retry_a_wrong_configuration(stage):
    """A wrong configuration is not tried again (status 78), and the journal has file, line and key."""
    stage.begin()
    stage.systemctl("stop", UNIT)
    stage.configure(line_budget="20parsec")
    cursor = stage.box.cursor()
    started = stage.systemctl("start", UNIT, check=False)
    assert started.returncode != 0
    time.sleep(1)
    values = stage.box.show(UNIT, "ActiveState", "ExecMainStatus", "NRestarts", "Result")
    assert values == {"ActiveState": "failed", "ExecMainStatus": "78", "NRestarts": "0", "Result": "exit-code"}, values
    journal = stage.box.journal(cursor)
    line = next((line for line in journal.splitlines() if "edge-agent.yaml:" in line and "pipelines[1].budget" in line), None)
    assert line, f"no line with file and key:\n{journal}"
    stage.configure(line_model="/opt/nothing")
    stage.systemctl("reset-failed", UNIT)
    stage.systemctl("start", UNIT, check=False)
    values = stage.box.show(UNIT, "ActiveState", "ExecMainStatus", "NRestarts")
    assert values["ActiveState"] == "failed" and values["NRestarts"] == "0", f"a bundle that is not there: {values}"
    return line


def stops_in_good_order(stage):
    """A stop takes less than 2 s: windows saved, outbox committed, offline said and not by the will."""
    stage.begin()
    stage.publish_pumps(100)
    stage.assert_works()
    # Something in the outbox, too.
    stage.uplink.stop()
    stage.raise_or_clear()
    time.sleep(0.3)
    before = stage.consumer.count
    stage.uplink.start()
    stage.await_alerts(before, 5)
    before = stage.consumer.count
    cursor = stage.box.cursor()
    begin = time.monotonic()
    stage.systemctl("stop", UNIT)
    seconds = time.monotonic() - begin
    values = stage.box.show(UNIT, "Result", "ExecMainStatus", "ActiveState")
    assert values == {"Result": "success", "ExecMainStatus": "0", "ActiveState": "inactive"}, values
    assert seconds < 2, f"{seconds:.2f} s"
    wait_for(lambda: stage.consumer.messages("edge/box/status", before), 5, "the message that it is offline")
    said = [event for _, _, event in stage.consumer.messages("edge/box/status", before)]
    assert [(event["status"], event["reason"]) for event in said] == [("offline", "stopped")], said
    journal = stage.box.journal(cursor)
    assert "recordsKept=0" in journal, journal
    cursor = stage.box.cursor()
    stage.systemctl("start", UNIT)
    journal = stage.box.journal(cursor)
    restarted = next((line for line in journal.splitlines() if "restarted" in line and "pipeline=pumps" in line), "")
    assert "windows=5" in restarted, f"the pumps' windows were not saved:\n{journal}"
    return f"{1000 * seconds:.0f} ms, with 5 windows of a second pipeline saved"


def stops_without_its_brokers(stage):
    """Without any broker it stops within 2 s as well, and what was not sent is on the disk."""
    stage.begin()
    stage.assert_works()
    stage.uplink.stop()
    stage.raise_or_clear()
    time.sleep(0.2)
    stage.systemctl("stop", "mosquitto")
    cursor = stage.box.cursor()
    begin = time.monotonic()
    stage.systemctl("stop", UNIT)
    seconds = time.monotonic() - begin
    assert seconds < 2, f"{seconds:.2f} s"
    assert "recordsKept=10" in stage.box.journal(cursor), stage.box.journal(cursor)
    before = stage.consumer.count
    stage.begin()
    stage.await_alerts(before, 5)
    return f"{1000 * seconds:.0f} ms, 10 records kept"


CHECKS = [is_ready_only_when_subscribed, says_how_it_is, survives_quiet, restarts_when_stopped, restarts_when_a_thread_hangs,
          restarts_when_killed, gives_up_on_a_crash_loop, does_not_retry_a_wrong_configuration, stops_in_good_order,
          stops_without_its_brokers]
