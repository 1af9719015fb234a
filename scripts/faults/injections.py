"""The faults, each a function of the run: it breaks something, holds it for a while, and mends it. See docs/reliability.md."""

import asyncio
import os
import re
import shutil
import signal
import time

import disk
import plant
import proxy

FAULTS = {}  # name → (group, function)
MOST_GONE_BY_A_FLIP = 24  # a page has ten records at most, and another page may point to it
REPORTS = re.compile(r"the outbox was damaged|records were given up|not readable|is damaged")


def fault(name, group):
    def register(function):
        FAULTS[name] = (group, function)
        return function
    return register


class Skip(Exception):
    """Why a fault cannot be injected on this machine."""


# MARK: the agent

@fault("agent-kill", "agent kills")
async def agent_kill(run):
    await run.kill_agent()


@fault("agent-restart", "agent restarts")
async def agent_restart(run):
    await run.agent.stop(signal.SIGTERM)
    run.agent.start()


@fault("agent-pause", "agent pauses")
async def agent_pause(run):
    """SIGSTOP: to its brokers it looks alive, then dead."""
    child = run.agent.child
    os.kill(child.pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(run.random.choice((0.2, 1.0, 1.0, 8.0)))
    finally:
        os.kill(child.pid, signal.SIGCONT)


# MARK: brokers

async def broker(run, station, how):
    """With one broker for both sides it is the one of either."""
    loses_readings = station is run.sensors and how == signal.SIGKILL
    if loses_readings:
        run.loader.running = False
        run.loader.client.forget()
    await station.stop(how)
    if station is run.uplink and how == signal.SIGKILL:
        run.audit.uplink_kills.append(time.monotonic())
    await run.meanwhile(0.1, 1.5)
    await station.resume()
    if loses_readings:
        await plant.wait_for(lambda: station.proxy.is_subscribed, 30, "the agent's subscription after a kill of the sensors' broker")
        run.loader.rewind()
        run.loader.running = True


@fault("uplink-restart", "broker faults")
async def uplink_restart(run):
    await broker(run, run.uplink, signal.SIGTERM)


@fault("uplink-kill", "broker faults")
async def uplink_kill(run):
    await broker(run, run.uplink, signal.SIGKILL)


@fault("sensors-restart", "broker faults")
async def sensors_restart(run):
    await broker(run, run.sensors, signal.SIGTERM)


@fault("sensors-kill", "broker faults")
async def sensors_kill(run):
    await broker(run, run.sensors, signal.SIGKILL)


# MARK: links

def link(run):
    return run.random.choice((run.uplink, run.uplink, run.sensors)).proxy


async def hold_link(run, one, may_outlast_keep_alive=False):
    try:
        if may_outlast_keep_alive and run.random.random() < 0.15:
            await asyncio.sleep(9)  # beyond 1.5 times the keep alive of 5 s
        else:
            await run.meanwhile(0.1, 1.5)
    finally:
        one.heal()


@fault("link-cut", "link faults")
async def link_cut(run):
    one = link(run)
    one.cut()
    await hold_link(run, one)


@fault("link-reset", "link faults")
async def link_reset(run):
    one = link(run)
    one.cut(reset=True)
    await hold_link(run, one)


@fault("link-drop", "link faults")
async def link_drop(run):
    """One way only."""
    one = link(run)
    one.drop(run.random.choice((proxy.UP, proxy.DOWN)))
    await hold_link(run, one, may_outlast_keep_alive=True)


@fault("link-stall", "link faults")
async def link_stall(run):
    """One way, in the middle of a packet as likely as not; then it goes on where it was."""
    one = link(run)
    one.stall(run.random.choice((proxy.UP, proxy.DOWN)), after=run.random.randrange(20_000))
    await hold_link(run, one, may_outlast_keep_alive=True)


# MARK: the disk

@fault("disk-full", "full disks")
async def disk_full(run):
    if not run.volume.mounted:
        raise Skip(run.volume.reason)
    await run.agent_runs()
    run.volume.fill(leave=run.random.choice((0, 0, 4096, 65536)))
    try:
        await run.meanwhile(0.2, 2.0, may_start=False)
    finally:
        run.volume.empty()


async def failing(run, faults, percent):
    await run.agent_runs()
    run.shim.fail(faults, percent)
    try:
        await run.meanwhile(0.2, 2.0, may_start=False)
    finally:
        run.shim.fail(0)


@fault("no-space", "full disks")
async def no_space(run):
    """As disk-full, at a random call in place of all."""
    await failing(run, disk.NO_SPACE, run.random.choice((5, 50, 100)))


@fault("disk-eio", "disk errors")
async def disk_eio(run):
    kinds = run.random.choice((disk.FAIL_WRITE, disk.FAIL_SYNC, disk.FAIL_READ, disk.FAIL_WRITE | disk.FAIL_SYNC | disk.FAIL_READ))
    await failing(run, kinds, run.random.choice((5, 50, 100)))


@fault("read-only", "disk errors")
async def read_only(run):
    """The file system turns read-only under the running agent, as ext4 does after an error."""
    await failing(run, disk.READ_ONLY, 100)


@fault("disk-and-uplink", "disk errors")
async def disk_and_uplink(run):
    """Both are away, for less than the five seconds after which memory counts; either may be back first."""
    await run.agent_runs()
    run.uplink.proxy.cut()
    await asyncio.sleep(run.random.uniform(0.0, 0.5))
    kinds = run.random.choice((disk.NO_SPACE, disk.READ_ONLY, disk.FAIL_WRITE | disk.FAIL_SYNC, disk.FAIL_WRITE | disk.FAIL_SYNC | disk.FAIL_READ))
    run.shim.fail(kinds, run.random.choice((50, 100, 100)))
    try:
        await asyncio.sleep(run.random.uniform(0.1, 1.0))
        if run.random.random() < 0.6:
            run.uplink.proxy.heal()
        await run.meanwhile(0.1, 1.5, may_start=False)
    finally:
        run.shim.fail(0)
        run.uplink.proxy.heal()


@fault("read-only-start", "disk errors")
async def read_only_start(run):
    """The agent starts on a file system that is mounted read-only; it is mounted anew while it runs."""
    if not run.volume.mounted:
        raise Skip(run.volume.reason)
    await run.agent.stop(signal.SIGKILL)
    await run.agent_is_gone()
    run.audit.allow_late()
    if not run.volume.remount("ro"):
        run.agent.start()
        raise Skip("the kernel does not remount the tmpfs read-only")
    run.agent.start()
    try:
        await asyncio.sleep(run.random.uniform(0.3, 1.5))
    finally:
        run.volume.remount("rw")


@fault("power-cut", "power cuts")
async def power_cut(run):
    offline = run.random.random() < 0.6
    run.shim.slow_down(run.random.choice((0, 5, 40)))
    if offline:
        run.uplink.proxy.cut()
    await asyncio.sleep(run.random.uniform(0.05, 0.8))
    await run.agent.stop(signal.SIGKILL)
    run.shim.slow_down(0)
    run.counts["writes without a synchronisation at power cuts"] += await asyncio.to_thread(run.power.cut)
    run.agent.start()
    if offline:
        await asyncio.sleep(run.random.uniform(0.0, 0.5))
        run.uplink.proxy.heal()


# MARK: damage

async def damaged(run, how):
    """Damages the database of a dead agent that has a backlog. What it lost has to be said in the log."""
    await run.arrive("the damage")
    run.uplink.proxy.cut()
    await asyncio.sleep(run.random.uniform(0.3, 1.0))
    await run.agent.stop(signal.SIGKILL)
    await run.agent_is_gone()
    lost_before = set(run.audit.lost()[2])
    exposed = run.audit.expose()
    path = run.volume.path / ("outbox.sqlite" + run.random.choice(("", "-wal", "-wal")))
    run.damages += 1
    before_damage = run.directory / f"damage-{run.damages}"
    disk.keep(run.volume.path, before_damage)
    description = disk.damage(path, how, run.random)
    if run.power:
        run.power.rebase()
    before = run.agent.log_path.stat().st_size
    run.agent.start()
    run.uplink.proxy.heal()
    await run.catch_up()

    def gone():
        return sorted(set(run.audit.lost()[2]) - lost_before)

    def is_reported():
        with open(run.agent.log_path, "rb") as log:
            log.seek(before)
            return bool(REPORTS.search(log.read().decode(errors="replace")))

    # The agent looks for what there is to log a few times a second.
    until = time.monotonic() + 2
    while gone() and not is_reported() and time.monotonic() < until:
        await asyncio.sleep(0.05)
    lost, reported = gone(), is_reported()
    run.audit.settle_damage(reported)
    run.note(f"{description}: {len(lost)} of {exposed} records gone, {'reported' if reported else 'nothing reported'}")
    run.counts["records in damaged databases"] += exposed
    if lost and not reported:
        run.counts["damage without a report"] += 1
        run.note(f"gone: {lost}")
        run.audit.fail(f"{description}: {len(lost)} of {exposed} records are gone and the log says nothing; as it was before: {before_damage}")
    elif how == "flip" and len(lost) > MOST_GONE_BY_A_FLIP * (description or "").count("bit "):
        run.note(f"gone: {lost}")
        run.audit.fail(f"{description}: {len(lost)} of {exposed} records are gone, more than that explains; as it was before: {before_damage}")
    else:
        shutil.rmtree(before_damage)


@fault("damage-flip", "damaged databases")
async def damage_flip(run):
    await damaged(run, "flip")


@fault("damage-truncate", "damaged databases")
async def damage_truncate(run):
    await damaged(run, "truncate")


@fault("damage-zero", "damaged databases")
async def damage_zero(run):
    await damaged(run, "zero")


# MARK: the clock

@fault("clock-jump", "clock jumps")
async def clock_jump(run):
    to_1970 = 3600 - time.time()
    run.shim.set_clock(int(run.random.choice((86400, -86400, to_1970))))
    try:
        await run.meanwhile(0.3, 1.5)
    finally:
        run.shim.set_clock(0)


# MARK: a consumer that refuses

@fault("refuse-topic", "refusals")
async def refuse_topic(run):
    """The uplink's broker does not authorise one asset's topic (MQTT 5 reason code 0x87)."""
    run.set_access(denied=run.refused_asset)
    try:
        await run.meanwhile(0.3, 1.0)
    finally:
        run.set_access()


@fault("refuse-size", "refusals")
async def refuse_size(run):
    """The uplink's broker takes no message as large as one asset's alerts (reason code 0x95)."""
    run.set_size_limit(run.size_limit)
    try:
        await run.meanwhile(0.3, 1.0)
    finally:
        run.set_size_limit(0)


@fault("refuse-quota", "refusals")
async def refuse_quota(run):
    """The uplink's broker takes nothing more for the moment (reason code 0x97); what comes then stands in its place."""
    run.uplink.proxy.refusal = 0x97
    try:
        await run.meanwhile(0.3, 2.0)
    finally:
        run.uplink.proxy.refusal = 0


# MARK: a long outage

@fault("backlog", "backlogs")
async def backlog(run):
    """Readings come as fast as the agent takes them while the uplink is away; it is killed on the way."""
    if run.uplink is run.sensors:
        raise Skip("with one broker no readings come while the uplink is away")
    loader, before = run.loader, (run.loader.rate, run.loader.longest_lag)
    await run.catch_up()
    run.uplink.proxy.cut()
    loader.rate, loader.longest_lag = 5000, run.backlog
    end = run.audit.taken_count + run.backlog
    started = time.monotonic()
    try:
        while run.audit.taken_count < end - 2000 and time.monotonic() < started + 180:
            await asyncio.sleep(0.1)
            if run.random.random() < 0.01:
                await run.kill_agent()
    finally:
        loader.rate, loader.longest_lag = before
    run.counts["largest backlog"] = max(run.counts["largest backlog"], run.audit.lag)
    await run.kill_agent()
    healed = time.monotonic()
    run.uplink.proxy.heal()
    await run.catch_up(120)
    run.note(f"{run.backlog} records of backlog delivered in {time.monotonic() - healed:.1f} s")
