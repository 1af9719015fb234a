"""Holds what the consumer received against what the loader sent. Knows nothing of processes; see faults.py for the whole."""

import collections
import json
import time

import readings

QUOTA_EXCEEDED = 0x97  # the one refusal here that passes
RANDOM_BOOT = 1 << 52  # boot numbers from here up are random: the agent could not write its disk at that start


class Series:
    """What must come on one topic: 1, 2, 3, … in this order, each at least once."""

    def __init__(self, highest=0):
        self.highest = highest  # the last one received
        self.missing = set()  # below `highest`, and not received
        self.confirmed = {}  # confirmed to the agent by the uplink's broker and not received yet → when
        self.exposed = set()  # stood in a database that was damaged on purpose
        self.excused = set()  # of these, what is gone and was reported
        self.unshown = set()  # changes of an alarm that the next start need not know for one
        self.refused = set()  # refused by the uplink's broker
        self.put_aside = set()  # of these, once and for all: should its reading be evaluated again, it comes when it comes
        self.late_until = 0  # up to here they may come after later ones: their agent was killed while its disk failed
        self.order = (0, 0)  # boot and sequence of the newest event
        self.last = None  # the id of the newest event

    def confirm(self, item):
        if item > self.highest or item in self.missing:
            self.confirmed[item] = time.monotonic()

    def receive(self, item):
        """Returns None, 'repeated' or 'late'."""
        self.confirmed.pop(item, None)
        self.refused.discard(item)  # for now only
        if item > self.highest:
            self.missing.update(range(self.highest + 1, item))
            self.highest = item
            return None
        if item in self.missing:
            self.missing.discard(item)
            return "repeated" if item in self.put_aside else "late"
        return "repeated"

    def absent(self, until):
        return sorted(self.missing) + list(range(self.highest + 1, until + 1))


class Asset:
    def __init__(self, period, offset):
        self.period, self.offset = period, offset
        self.issued = 0  # the last reading given to the client
        self.sent = 0  # the last one that the sensors' broker has confirmed
        self.taken = 0  # all up to here were confirmed by the agent to its broker
        self.predictions = Series()  # one for each reading
        self.alerts = Series()  # one for each phase from 1 on
        self.state = None  # the last message on its state topic
        self.state_confirmed = 0.0  # when the uplink's broker last confirmed one

    def phase(self, number):
        return (number + self.offset) // self.period

    def payload(self, number):
        return readings.payload(number, self.phase(number))


class Audit:
    def __init__(self, agent, pipeline, names, period, kinds):
        self.agent, self.pipeline, self.kinds = agent, pipeline, kinds
        # Changes of different assets are spread over the period.
        self.assets = {name: Asset(period, index * period // len(names)) for index, name in enumerate(names)}
        self.seen = collections.OrderedDict()  # the ids of the last events, to know duplicates
        self.received = self.duplicates = self.repeated = self.late = self.state_messages = 0
        self.transitions = 0
        self.agent_alerts = collections.Counter()
        self.failures = []
        self.started = time.monotonic()
        self.uplink_kills = []  # when the uplink's broker was killed: what it had confirmed may be gone with it

    def fail(self, text):
        if len(self.failures) < 50:
            self.failures.append(f"{time.monotonic() - self.started:.2f} s: {text}"[:300])

    # MARK: what the proxies and the loader see

    def acknowledged(self, token):
        """The sensors' broker confirmed a reading."""
        name, number = token
        asset = self.assets[name]
        asset.sent = max(asset.sent, number)

    def taken(self, topic, payload):
        """The agent confirmed a reading to the sensors' broker: from now on it answers for it."""
        asset = self.assets[topic.split("/")[1]]
        number = json.loads(payload)["n"]
        if number > asset.taken + 1:
            self.fail(f"{topic}: the agent confirmed reading {number}, the one before was {asset.taken}: the harness or a broker lost some")
        asset.taken = max(asset.taken, number)

    def published(self, topic, payload, reason):
        """The uplink's broker confirmed or refused a message of the agent."""
        parts = topic.split("/")
        if len(parts) != 5 or parts[4] not in self.assets:
            return
        asset = self.assets[parts[4]]
        if parts[2] == "state":
            asset.state_confirmed = time.monotonic()
        elif parts[2] in ("predictions", "alerts"):
            event = json.loads(payload)
            series, item = self.item(asset, parts[2], event)
            if item is None:
                self.fail(f"{topic}: no reading explains {event['id']}, score {event['data']['score']}")
            elif reason >= 0x80:
                series.refused.add(item)
                if reason != QUOTA_EXCEEDED:
                    series.put_aside.add(item)
            else:
                series.confirm(item)

    def expose(self):
        """A database is going to be damaged. Returns how many events stand in it."""
        count = 0
        for asset in self.assets.values():
            for series, until in self.expected(asset):
                # From the first that is not at the consumer up to the last that the agent answers for.
                until = min(until, asset.taken if series is asset.predictions else asset.phase(asset.taken))
                items = [item for item in series.absent(until) if item not in series.confirmed and item not in series.excused]
                series.exposed.update(items)
                count += len(items)
        self.expose_alarms()
        return count

    def settle_damage(self, reported):
        """All that the damage has left has arrived: from now on it excuses what is missing if that was reported, and nothing else."""
        for asset in self.assets.values():
            for series, until in self.expected(asset):
                if reported:
                    series.excused |= series.exposed & set(series.absent(until))
                series.exposed.clear()

    def expose_alarms(self):
        """The last change of an alarm may not be on the disk, though its event has arrived: the next start believes the phase before.

        A reading that is still to come of the same phase shows it what is right. Where there is none, the next change is none to it. So
        this is all that may be missing; call it when the agent is dead and has no connection.
        """
        for asset in self.assets.values():
            phase = asset.phase(asset.taken)
            if asset.phase(asset.taken + 1) > phase:
                asset.alerts.unshown.add(phase + 1)

    def allow_late(self):
        """The agent is killed while its disk fails: what stands on the disk may come after what it decides next."""
        for asset in self.assets.values():
            asset.predictions.late_until = asset.issued
            asset.alerts.late_until = asset.phase(asset.issued) + 1
        self.expose_alarms()

    # MARK: what the consumer sees

    def receive(self, topic, payload, retained, again):
        parts = topic.split("/")
        if not payload or retained:
            return
        if parts[2] == "state" and len(parts) == 5:
            self.state_messages += 1
            self.assets[parts[4]].state = json.loads(payload)
        elif parts[2] == "alerts" and len(parts) == 3:
            event = json.loads(payload)
            self.agent_alerts[f"{event['data']['label']} {event['data']['transition']}"] += 1
        elif parts[2] in ("predictions", "alerts") and len(parts) == 5:
            self._event(parts[4], parts[2], json.loads(payload))

    def item(self, asset, kind, event):
        number = readings.number_of(event["data"]["score"], max(asset.predictions.highest, asset.taken))
        if number is None or not 1 <= number <= asset.issued:
            return None, None
        return (asset.predictions, number) if kind == "predictions" else (asset.alerts, asset.phase(number))

    def _event(self, name, kind, event):
        asset, identifier = self.assets[name], event["id"]
        self.received += 1
        if identifier in self.seen:
            self.duplicates += 1
            return
        self.seen[identifier] = None
        if len(self.seen) > 200_000:
            self.seen.popitem(last=False)
        series, item = self.item(asset, kind, event)
        if item is None:
            return self.fail(f"{name}: no reading explains {identifier}, score {event['data']['score']}")
        order = tuple(int(part) for part in identifier.split("/")[1:])
        if order <= series.order and max(order[0], series.order[0]) < RANDOM_BOOT:
            self.fail(f"{name}, {kind}: out of order: {identifier} after {series.order}")
        series.order, series.last = order, identifier
        if kind == "alerts":
            self.transitions += 1
            expected = "raised" if readings.is_raised(item) else "cleared"
            if event["data"]["transition"] != expected:
                self.fail(f"{name}: phase {item} is {expected}, {identifier} says {event['data']['transition']}")
        before = series.highest
        outcome = series.receive(item)
        if outcome == "repeated":
            self.repeated += 1
        elif outcome == "late":
            self.late += 1
            if item > series.late_until:
                self.fail(f"{name}, {kind}: out of order: {item} came after {before}")

    # MARK: verdict

    def expected(self, asset):
        """(series, its last item that must come)"""
        series = [(asset.predictions, asset.sent), (asset.alerts, asset.phase(asset.sent))]
        return [one for kind, one in zip(("predictions", "alerts"), series) if kind in self.kinds]

    @property
    def sent(self):
        return sum(asset.sent for asset in self.assets.values())

    @property
    def taken_count(self):
        return sum(asset.taken for asset in self.assets.values())

    @property
    def lag(self):
        """Readings whose predictions are still to come."""
        return sum(max(0, until - series.highest) for asset in self.assets.values() for series, until in self.expected(asset)
                   if len(self.kinds) == 1 or series is asset.predictions)

    def lost(self):
        """(lost, lost by a killed broker, damaged, refused): lists of (asset, kind, item) that are not at the consumer."""
        lost, brokers, damaged, refused = [], [], [], []
        for name, asset in self.assets.items():
            for series, until in self.expected(asset):
                kind = "prediction" if series is asset.predictions else "alert of phase"
                for item in series.absent(until):
                    confirmed = series.confirmed.get(item)
                    if confirmed is not None and any(0 <= kill - confirmed < 5 for kill in self.uplink_kills):
                        brokers.append((name, kind, item))
                    elif item in series.refused:
                        refused.append((name, kind, item))
                    elif item in series.exposed | series.excused | series.unshown:
                        damaged.append((name, kind, item))
                    else:
                        lost.append((name, kind, item))
        return lost, brokers, damaged, refused

    def wrong_states(self, retained=None):
        """How the alarms stand at the consumer, and (`retained`: topic → message) as one finds them who comes now."""
        if "alerts" not in self.kinds:
            return []
        wrong = []
        for name, asset in self.assets.items():
            phase = asset.phase(asset.sent)
            if phase in asset.alerts.refused:
                continue  # its state was refused with it
            expected = "raised" if readings.is_raised(phase) else "cleared"
            topic = f"edge/{self.agent}/state/{self.pipeline}/{name}"
            states = [("last", asset.state)]
            if retained is not None and not any(0 <= kill - asset.state_confirmed < 5 for kill in self.uplink_kills):
                states.append(("retained", retained.get(topic)))
            for what, state in states:
                if state is None:
                    if asset.alerts.highest:
                        wrong.append(f"{topic}: no {what} state")
                elif state["state"] != expected:
                    wrong.append(f"{topic}: the {what} state is {state['state']} in phase {phase}, which is {expected}")
                elif asset.alerts.last and state["event"] != asset.alerts.last:
                    wrong.append(f"{topic}: the {what} state goes with {state['event']}, the last alert is {asset.alerts.last}")
        return wrong
