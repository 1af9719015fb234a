#!/usr/bin/env python3
"""Breaks everything around the agent at random, seeded instants, and audits that no alert is lost. See docs/reliability.md.

    make faults                            the short form
    make faults LONG=1                     500 agent kills, 100 broker faults, 100 link faults, 50 power cuts, 20 full disks and the rest
    make faults FAULTS="--only power-cut --count 20 --seed 7"
    make faults FAULTS="--one-broker --tls"
    make soak SOAK_SECONDS=3600            2 000 readings a second, a fault a minute, memory and descriptors watched

A loader publishes numbered readings; a consumer knows which predictions and alerts must come of them, in which order, and how each alarm has to
stand in the end.
The last line is one JSON object with the counts. Status 0: nothing lost, order kept, alarms right; otherwise 1, and the directory of the run is kept.
"""

import argparse
import asyncio
import collections
import contextlib
import json
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

import audit
import disk
import injections
import mqtt
import plant

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.processes import Children  # noqa: E402  (found by the line above)

SHORT = {"agent-kill": 25, "agent-restart": 2, "agent-pause": 1, "uplink-restart": 2, "uplink-kill": 2, "sensors-restart": 2, "sensors-kill": 2,
         "link-cut": 2, "link-reset": 2, "link-drop": 2, "link-stall": 2, "disk-full": 2, "no-space": 1, "disk-eio": 2, "disk-and-uplink": 3, "read-only": 1,
         "read-only-start": 1, "power-cut": 5, "damage-flip": 2, "damage-truncate": 1, "damage-zero": 1, "clock-jump": 3, "refuse-topic": 2,
         "refuse-size": 1, "refuse-quota": 2, "backlog": 1}
LONG = {"agent-kill": 500, "agent-restart": 20, "agent-pause": 10, "uplink-restart": 30, "uplink-kill": 25, "sensors-restart": 30, "sensors-kill": 25,
        "link-cut": 25, "link-reset": 25, "link-drop": 30, "link-stall": 30, "disk-full": 20, "no-space": 10, "disk-eio": 20, "disk-and-uplink": 20,
        "read-only": 10, "read-only-start": 5, "power-cut": 60, "damage-flip": 10, "damage-truncate": 8, "damage-zero": 4, "clock-jump": 15, "refuse-topic": 8,
        "refuse-size": 4, "refuse-quota": 10, "backlog": 1}
# The second part: one broker for both sides, over TLS. The pipeline publishes by itself, the outbox only what has no answer in time.
ONE_BROKER = {"agent-kill": 8, "agent-restart": 1, "uplink-restart": 1, "uplink-kill": 1, "link-cut": 2, "link-reset": 2, "link-drop": 1, "link-stall": 2,
              "disk-full": 1, "disk-eio": 1, "power-cut": 2, "damage-flip": 1, "clock-jump": 1, "refuse-topic": 1, "refuse-quota": 2}
SOAK = ("agent-kill", "agent-restart", "uplink-restart", "sensors-restart", "link-cut", "link-reset", "link-stall", "clock-jump", "no-space", "disk-eio")
QUIET = 25.0  # seconds without any progress after which what is missing is lost


class Run:
    def __init__(self, options, directory, children):
        self.options, self.directory, self.children = options, pathlib.Path(directory), children
        self.random = random.Random(options.seed)
        self.counts = collections.Counter()
        self.skipped = {}
        self.started = time.monotonic()
        self.damages = 0
        self.samples = []  # (seconds, kilobytes, descriptors) of the agent
        self.backlog = options.backlog
        self.refused_asset = "refused"
        # One key is so long that its alerts, and no others, are beyond the limit of `refuse-size`.
        self.large_asset = "large-" + "x" * 90
        self.size_limit = 1050
        names = [f"pump-{index}" for index in range(options.assets)] + [self.refused_asset, self.large_asset]
        self.audit = audit.Audit(plant.AGENT, plant.PIPELINE, names, options.period, options.audit)

    def note(self, text):
        line = f"{time.monotonic() - self.started:8.2f}  {text}"
        with open(self.directory / "faults.log", "a") as log:
            log.write(line + "\n")
        if self.options.verbose:
            print(line, flush=True)

    # MARK: start and end

    async def start(self):
        # An error of the harness must not look like one of the agent, nor be overlooked.
        asyncio.get_running_loop().set_exception_handler(
            lambda loop, context: self.audit.fail(f"the harness itself failed: {context.get('exception')!r}"))
        self.access = self.directory / "access"
        self.set_access()
        authority = plant.Authority(self.directory) if self.options.tls else None
        rules = [f"acl_file {self.access}"]
        if self.options.one_broker:
            self.sensors = self.uplink = plant.Station(self.children, self.directory, "sensors", rules, authority)
        else:
            self.sensors = plant.Station(self.children, self.directory, "sensors", authority=authority)
            self.uplink = plant.Station(self.children, self.directory, "uplink", rules, authority)
        self.stations = list(dict.fromkeys((self.sensors, self.uplink)))
        for station in self.stations:
            await station.start()
        self.volume = disk.Volume(self.directory, self.options.volume)
        library = self.directory / "fault_shim.so"
        source = pathlib.Path(__file__).with_name("fault_shim.c")
        subprocess.run(["clang", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-o", library, source, "-ldl"], check=True)
        self.shim = disk.Shim(library, self.directory, self.volume.path)
        self.power = None if self.options.soak else disk.PowerCut(self.shim, self.random)
        configuration = self.directory / "edge-agent.yaml"
        configuration.write_text(plant.CONFIGURATION.format(
            agent=plant.AGENT, state=self.volume.path, brokers="".join(station.configuration for station in self.stations),
            uplink=self.uplink.broker.name, pipeline=plant.PIPELINE, bundle=plant.BUNDLE, predictions="full" if "predictions" in self.options.audit else "off"))
        self.agent = plant.AgentProcess(self.children, self.options.agent, self.directory,
                                        self.shim.environment(journalled=self.power is not None), configuration)
        self.agent.on_unexpected_end = self.agent_ended
        consumer = mqtt.Client(self.uplink.broker.port, "consumer", ["edge/#"])
        consumer.on_message = self.audit.receive
        self.uplink.clients.append(consumer)
        producer = mqtt.Client(self.sensors.broker.port, "loader")
        self.sensors.clients.append(producer)
        self.sensors.proxy.on_taken = self.audit.taken
        self.uplink.proxy.on_published = self.audit.published
        if self.options.trace:
            self.trace_to(self.directory / "trace.log")
        self.loader = plant.Loader(producer, self.audit, self.options.rate, longest_lag=3000)
        for station in self.stations:
            await plant.wait_for(lambda station=station: station.is_ready, 10, f"the {station.broker.name} broker")
        self.agent.start()
        await plant.wait_for(lambda: self.sensors.proxy.is_subscribed or self.agent.child.poll() is not None, 15, "the agent's subscription")
        self.background = [asyncio.create_task(self.loader.run()), asyncio.create_task(self.agent.supervise()), asyncio.create_task(self.watch())]
        self.loader.running = True

    def trace_to(self, path):
        """Writes a line for each packet between the agent and its brokers: large, to look for the cause of a failure."""
        trace = open(path, "w", encoding="utf-8", buffering=1)
        for station in self.stations:
            def write(connection, direction, kind, flags, body, name=station.broker.name):
                trace.write(f"{time.monotonic() - self.started:.4f} {name} {connection} {'^v'[direction]} {kind} {flags} {body[:300]!r}\n")
            station.proxy.trace = write

    def agent_ended(self, status):
        self.note(f"the agent ended by itself with {status}")
        if status < 0:
            self.audit.fail(f"the agent crashed with signal {-status}")

    async def watch(self):
        while True:
            await asyncio.sleep(2)
            usage = self.agent.resident_kilobytes()
            if usage:
                self.samples.append((time.monotonic() - self.started, time.monotonic() - self.agent.started_at, *usage))
            for task in self.background:
                if task.done() and task.exception():
                    self.audit.fail(f"the harness itself failed: {task.exception()!r}")

    # MARK: what faults use

    async def kill_agent(self):
        self.counts["agent-kill"] += 1
        await self.agent.stop(signal.SIGKILL)
        self.agent.start()

    async def agent_runs(self):
        """Waits until the agent is beyond its start: it connects when its database is open."""
        await plant.wait_for(lambda: any(connection.since > self.agent.started_at for station in self.stations
                                         for connection in station.proxy.connections), 20, "a connection of the agent")

    async def agent_is_gone(self):
        """Waits until all is read that a dead agent has written: what it has confirmed counts."""
        await plant.wait_for(lambda: not any(station.proxy.connections for station in self.stations), 5, "the end of the agent's connections")

    async def meanwhile(self, least, most, may_start=True):
        """While a fault holds: time passes, and often the agent is killed in it.

        `may_start`: an agent that starts on a failing disk knows neither its alarms nor its backlog, so it is started when that is over.
        """
        await asyncio.sleep(self.random.uniform(least, most))
        if self.options.kills_within and self.random.random() < 0.4:
            if may_start:
                await self.kill_agent()
                await asyncio.sleep(self.random.uniform(0.05, 0.5))
            else:
                self.counts["agent-kill"] += 1
                await self.agent.stop(signal.SIGKILL)
                await self.agent_is_gone()
                self.audit.expose_alarms()
                self.volume.empty()
                self.shim.fail(0)
                self.agent.start()

    async def arrive(self, before):
        """Everything must have arrived before something that may cost records: what is missing now was lost otherwise."""
        await self.catch_up(resumes=False)
        try:
            until = time.monotonic() + 5
            while self.audit.lost()[0] and time.monotonic() < until:
                await asyncio.sleep(0.05)
            for missing in self.audit.lost()[0]:
                self.audit.fail(f"missing before {before}: {missing}")
        finally:
            self.loader.running = True

    async def catch_up(self, seconds=QUIET, resumes=True):
        """Lets everything that is on its way arrive."""
        self.loader.running = False
        try:
            quiet, before = time.monotonic(), None
            while self.audit.lag or self.loader.client.unacknowledged:
                now = (self.audit.lag, self.audit.received, len(self.loader.client.unacknowledged))
                if now != before:
                    quiet, before = time.monotonic(), now
                if time.monotonic() - quiet > seconds:
                    break
                # What a damaged database or a refusal has taken is not waited for.
                if time.monotonic() - quiet > 3 and not self.audit.lost()[0]:
                    break
                await asyncio.sleep(0.02)
        finally:
            self.loader.running = resumes

    def set_access(self, denied=None):
        rules = [f"topic deny edge/{plant.AGENT}/+/{plant.PIPELINE}/{denied}"] if denied else []
        # The pattern is for sessions whose client is away: after the broker's start they have no other rights, and would be sent nothing.
        self.access.write_text("\n".join([*rules, "topic readwrite #", "pattern readwrite #"]) + "\n")
        self.reload_uplink()

    def set_size_limit(self, limit):
        path = self.uplink.broker.configuration
        lines = [line for line in path.read_text().splitlines() if not line.startswith("message_size_limit")]
        path.write_text("\n".join([*lines, f"message_size_limit {limit}"]) + "\n")
        self.reload_uplink()

    def reload_uplink(self):
        station = getattr(self, "uplink", None)
        if station and station.broker.child.poll() is None:
            station.broker.child.send_signal(signal.SIGHUP)

    # MARK: the run

    def plan(self):
        if self.options.is_second_part:
            counts = {name: count * (10 if self.options.long else 1) for name, count in ONE_BROKER.items()}
        else:
            counts = LONG if self.options.long else SHORT
        if self.options.only:
            counts = {name: self.options.count or counts[name] for name in self.options.only}
        plan = [name for name, count in counts.items() for _ in range(count)]
        self.random.shuffle(plan)
        return plan

    async def inject(self, name):
        if name in self.skipped:
            return
        self.note(name)
        _, function = injections.FAULTS[name]
        try:
            await function(self)
            if name != "agent-kill":
                self.counts[name] += 1
        except injections.Skip as reason:
            self.skipped[name] = str(reason)
            print(f"  skipped: {name}: {reason}", flush=True)
        except TimeoutError as error:
            self.audit.fail(f"after {name}: {error}")

    async def run(self):
        await self.start()
        await asyncio.sleep(0.5)
        end = self.started + self.options.seconds
        plan = self.plan()
        if self.options.soak:
            plan = self.random.choices(self.options.only or SOAK, k=1 + int(self.options.seconds // self.options.interval))
        for index, name in enumerate(plan):
            if time.monotonic() > end or len(self.audit.failures) > 10:
                self.note(f"ended before its time: {len(plan) - index} faults left")
                break
            # What an agent-kill in a fault's course has done counts.
            if name == "agent-kill" and self.options.long and not self.options.is_second_part and self.counts[name] >= LONG[name]:
                continue
            await self.inject(name)
            if self.options.soak:
                await asyncio.sleep(max(0.0, min(self.started + (index + 1) * self.options.interval, end) - time.monotonic()))
            else:
                await asyncio.sleep(self.random.choice((0.0, 0.05, 0.2, 0.2, 0.5)))
            if index % 50 == 49:
                print(f"  {time.monotonic() - self.started:6.0f} s, {index + 1} of {len(plan)} faults, {self.audit.sent} readings, lag {self.audit.lag}",
                      flush=True)
        await asyncio.sleep(1)
        await self.catch_up()
        self.loader.running = False
        await self.settle()
        retained = await plant.retained_messages(self.uplink.broker.port)
        for text in self.audit.wrong_states({topic: json.loads(payload) for topic, payload in retained.items()}):
            self.audit.fail(text)
        await self.agent.stop()
        self.check_quarantine()

    async def settle(self):
        """The states come behind the last alert; and what was refused for now comes again, for up to 15 s, or goes to the quarantine."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and (self.audit.wrong_states() or self.audit.lost()[0] or self.are_refused_on_their_way()):
            await asyncio.sleep(0.2)

    def are_refused_on_their_way(self):
        if not self.audit.lost()[3]:
            return False
        try:
            found = self.quarantined()
        except (sqlite3.Error, ValueError, KeyError):
            return True  # the agent is writing
        return any(asset.predictions.refused - found[name, "predictions"] or asset.alerts.refused - found[name, "alerts"]
                   for name, asset in self.audit.assets.items())

    def quarantined(self):
        """(asset, kind) → the items of it in the quarantine"""
        found = collections.defaultdict(set)
        with contextlib.closing(sqlite3.connect(f"file:{self.volume.path}/outbox.sqlite?mode=ro", uri=True)) as database:
            for topic, payload in database.execute("SELECT topic, payload FROM quarantine"):
                parts = topic.rstrip("\0").split("/")
                if parts[2] in ("predictions", "alerts") and parts[-1] in self.audit.assets:
                    _, item = self.audit.item(self.audit.assets[parts[-1]], parts[2], json.loads(bytes(payload)))
                    found[parts[-1], parts[2]].add(item)
        return found

    def check_quarantine(self):
        """What the broker refused is in the quarantine."""
        found = collections.defaultdict(set)
        try:
            found = self.quarantined()
        except (sqlite3.Error, ValueError, KeyError) as error:
            self.audit.fail(f"the quarantine could not be read: {error!r}")
        self.counts["quarantined"] = sum(len(items) for items in found.values())
        for name, asset in self.audit.assets.items():
            asset.predictions.refused &= found[name, "predictions"]
            asset.alerts.refused &= found[name, "alerts"]

    def summary(self):
        lost, brokers, damaged, refused = self.audit.lost()
        for name, kind, item in lost[:20]:
            self.audit.fail(f"lost: {name}, {kind} {item}")
        groups = collections.Counter()
        for name, (group, _) in injections.FAULTS.items():
            groups[group] += self.counts[name]
        seconds = time.monotonic() - self.started
        result = {
            "benchmark": "soak" if self.options.soak else "faults", "seed": self.options.seed, "seconds": round(seconds, 1),
            "ok": not self.audit.failures, "lost": len(lost), "duplicates": self.audit.duplicates, "reevaluated": self.audit.repeated,
            "late": self.audit.late, "readings": self.audit.sent, "received": self.audit.received, "transitions": self.audit.transitions,
            "states": self.audit.state_messages,
            "brokers": len(self.stations), "tls": self.options.tls, "answersInPlaceOfTheBroker": self.uplink.proxy.refused,
            "lostByKilledBroker": len(brokers), "reportedLosses": len(damaged), "quarantined": self.counts["quarantined"], "refusedForGood": len(refused),
            "agentStarts": self.agent.starts, "agentEndedByItself": self.agent.exits, "failedCalls": self.shim.injected,
            "groups": dict(groups), "faults": {name: self.counts[name] for name in sorted(injections.FAULTS) if self.counts[name]},
            "other": {name: count for name, count in self.counts.items() if name not in injections.FAULTS and name != "quarantined"},
            "agentAlerts": dict(self.audit.agent_alerts), "skipped": self.skipped, "failures": self.audit.failures,
        }
        if self.options.soak:
            result["memory"] = self.memory()
        return result

    def memory(self):
        """The slope of the agent's memory: of each life of the process the part after its first half minute."""
        lives, last = [], None
        for seconds, age, kilobytes, descriptors in self.samples:
            if last is None or age < last:
                lives.append([])
            last = age
            if age > 30:
                lives[-1].append((age, kilobytes, descriptors))
        slopes, weights = [], []
        for life in lives:
            if len(life) < 5:
                continue
            mean = sum(age for age, *_ in life) / len(life)
            level = sum(size for _, size, _ in life) / len(life)
            spread = sum((age - mean) ** 2 for age, *_ in life)
            slopes.append(sum((age - mean) * (size - level) for age, size, _ in life) / spread)
            weights.append(spread)
        everything = [sample for life in lives for sample in life]
        if not weights:
            return {"samples": len(self.samples)}
        # The longest life, in ten parts: where memory goes when nothing ends the process.
        longest = max(lives, key=len)
        tenth = max(len(longest) // 10, 1)
        levels = [round(statistics.median(size for _, size, _ in longest[at:at + tenth])) for at in range(0, len(longest) - tenth + 1, tenth)]
        return {"slopeKilobytesPerHour": round(3600 * sum(s * w for s, w in zip(slopes, weights)) / sum(weights), 1),
                "leastKilobytes": min(size for _, size, _ in everything), "mostKilobytes": max(size for _, size, _ in everything),
                "leastDescriptors": min(count for *_, count in everything), "mostDescriptors": max(count for *_, count in everything),
                "samples": len(everything), "longestLifeSeconds": round(longest[-1][0]), "longestLifeKilobytes": levels}


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--agent", required=True, help="the edge-agent command")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "little"))
    parser.add_argument("--long", action="store_true", help="the long form")
    parser.add_argument("--seconds", type=float, default=None, help="when to end at the latest")
    parser.add_argument("--only", action="append", choices=sorted(injections.FAULTS), help="only this fault; may be given more than once")
    parser.add_argument("--count", type=int, help="with --only: how often")
    parser.add_argument("--rate", type=float, default=300, help="readings a second")
    parser.add_argument("--assets", type=int, default=6)
    parser.add_argument("--audit", default="predictions,alerts", help="what is audited: predictions (one a reading), alerts (one a change)")
    parser.add_argument("--period", type=int, default=400, help="readings of an asset from one change of its alarm to the next")
    parser.add_argument("--backlog", type=int, default=None, help="records of the fault 'backlog'")
    parser.add_argument("--volume", type=int, default=None, help="MiB of the agent's file system")
    parser.add_argument("--one-broker", action="store_true", help="one broker for sensors and uplink: the pipeline publishes by itself")
    parser.add_argument("--tls", action="store_true", help="TLS to the brokers, with an authority of the run's own")
    parser.add_argument("--no-kills-within", dest="kills_within", action="store_false", help="no kill while another fault holds")
    parser.add_argument("--soak", action="store_true")
    parser.add_argument("--interval", type=float, default=60, help="seconds between a soak's faults")
    parser.add_argument("--trace", action="store_true", help="write each packet into trace.log of the directory")
    parser.add_argument("--keep", action="store_true", help="keep the directory of the run in any case")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    options.audit = options.audit.split(",")
    if options.seconds is None:
        options.seconds = 3600 if options.long or options.soak else 95
    if options.backlog is None:
        options.backlog = 100_000 if options.long else 4_000
    if options.volume is None:
        options.volume = 512 if options.backlog > 20_000 else 64
    return options


def run_part(options):
    """One run; returns its result, None where it could not come to one."""
    directory = tempfile.mkdtemp(prefix="edge-agent-faults-")
    sides = "one broker" if options.one_broker else "two brokers"
    print(f"  {sides}{', TLS' if options.tls else ''}, seed {options.seed}, directory {directory}", flush=True)
    run, result = None, None
    try:
        with Children() as children:
            run = Run(options, directory, children)
            asyncio.run(run.run())
            result = run.summary()
            if not result["ok"]:
                disk.keep(run.volume.path, run.directory / "state-at-the-end")
    finally:
        if run and hasattr(run, "volume"):
            run.volume.close()
        if result and result["ok"] and not options.keep:
            shutil.rmtree(directory, ignore_errors=True)
    if not result["ok"]:
        print("\n".join(f"  ✘ {failure}" for failure in result["failures"]))
        print(f"  kept: {directory} (faults.log, agent.log, state-at-the-end); again with --seed {options.seed}")
    return result


def main():
    options = parse()
    # By SIGTERM, as from timeout(1): the children and the mount have to go as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options.is_second_part = False
    result = run_part(options)
    if not (options.only or options.soak or options.one_broker or options.tls):
        second = argparse.Namespace(**vars(options))
        second.is_second_part = second.one_broker = second.tls = True
        # The two together stay below two and a half minutes in the short form.
        second.seconds *= 0.45
        result["second"] = run_part(second)
        result["ok"] = result["ok"] and result["second"]["ok"]
    print(json.dumps(result, ensure_ascii=False))
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
