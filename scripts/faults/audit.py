"""Holds what the consumer received against what the loader sent. Knows nothing of processes; see faults.py for the whole."""

import collections
import json
import re
import time

import readings

IDENTIFIER = re.compile(rb'"(?:id|event)":"([^"]*)"')


class Asset:
    """What is known of one asset's readings, numbered 1, 2, 3, …"""

    def __init__(self):
        self.issued = 0  # the last reading given to the client
        self.sent = 0  # the last one that the sensors' broker has confirmed
        self.taken = 0  # all up to here were confirmed by the agent to its broker
        self.highest = 0  # of the alerts received
        self.missing = {}  # readings below `highest` without an alert → when the gap was seen
        self.confirmed = {}  # reading → when the uplink's broker confirmed its alert to the agent; only what has not been received
        self.last_order = (0, 0)  # boot and sequence of the newest alert
        self.last_alert = None  # the event of the newest alert
        self.state = None  # the last message on its state topic
        self.state_confirmed = 0.0  # when the uplink's broker last confirmed one
        self.exposed = set()  # readings whose alerts stood in a database that was damaged on purpose
        self.refused = set()  # readings whose alerts the broker refused


class Audit:
    def __init__(self, agent, pipeline, assets, kind="alerts"):
        self.agent, self.pipeline, self.kind = agent, pipeline, kind
        self.assets = {name: Asset() for name in assets}
        self.prefix = f"edge/{agent}/"
        self.seen = collections.OrderedDict()  # the ids of the last events, to know duplicates
        self.received = self.duplicates = self.repeated = self.state_messages = 0
        self.agent_alerts = collections.Counter()
        self.failures = []
        self.started = time.monotonic()
        self.uplink_kills = []  # when the uplink's broker was killed: what it had confirmed may be gone with it
        self.last_receipt = time.monotonic()
        self.on_progress = lambda: None

    def fail(self, text):
        text = f"{time.monotonic() - self.started:.2f} s: {text}"
        if len(self.failures) < 50:
            self.failures.append(text[:300])

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
        if number == asset.taken + 1:
            asset.taken = number
        elif number > asset.taken + 1:
            self.fail(f"{topic}: the agent confirmed reading {number}, the one before was {asset.taken}: the harness or a broker lost some")
            asset.taken = number

    def published(self, topic, payload, reason):
        """The uplink's broker confirmed or refused a message of the agent."""
        parts = topic.split("/")
        if len(parts) != 5 or parts[4] not in self.assets:
            return
        asset = self.assets[parts[4]]
        if parts[2] == "state":
            asset.state_confirmed = time.monotonic()
        elif parts[2] == self.kind:
            number = self._number(asset, json.loads(payload))
            if number is None:
                self.fail(f"{topic}: the score is none of ours: {payload[:60]}")
            elif reason >= 0x80:
                asset.refused.add(number)
            elif number > asset.highest or number in asset.missing:
                asset.confirmed[number] = time.monotonic()

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
        elif parts[2] == self.kind and len(parts) == 5:
            self._alert(parts[4], json.loads(payload))

    def _number(self, asset, event):
        return readings.number_of(event["data"]["score"], max(asset.highest, asset.taken))

    def _alert(self, name, event):
        asset, identifier = self.assets[name], event["id"]
        self.received += 1
        self.last_receipt = time.monotonic()
        if identifier in self.seen:
            self.duplicates += 1
            return
        self.seen[identifier] = None
        if len(self.seen) > 200_000:
            self.seen.popitem(last=False)
        data, number = event["data"], self._number(asset, event)
        if number is None or number < 1 or number > asset.issued:
            return self.fail(f"{name}: an alert that no reading explains: {identifier}, score {data['score']}")
        if self.kind == "alerts":
            expected = "raised" if readings.raises(number) else "cleared"
            if data["transition"] != expected:
                self.fail(f"{name}: reading {number} must be {expected}, {identifier} says {data['transition']}")
        order = tuple(int(part) for part in identifier.split("/")[1:])
        if order <= asset.last_order:
            self.fail(f"{name}: out of order: {identifier} after {asset.last_order}")
        asset.last_order = max(order, asset.last_order)
        asset.last_alert = event
        asset.confirmed.pop(number, None)
        if number > asset.highest:
            now = time.monotonic()
            for missing in range(asset.highest + 1, number):
                asset.missing[missing] = now
            asset.highest = number
        elif number in asset.missing:
            del asset.missing[number]
            self.fail(f"{name}: out of order: the alert of reading {number} came after that of {asset.highest}")
        else:
            self.repeated += 1
        self.on_progress()

    # MARK: verdict

    @property
    def sent(self):
        return sum(asset.sent for asset in self.assets.values())

    @property
    def taken_count(self):
        return sum(asset.taken for asset in self.assets.values())

    @property
    def lag(self):
        """Alerts that are still to come."""
        return sum(max(0, asset.sent - asset.highest) for asset in self.assets.values())

    def lost(self):
        """(lost, broker's, reported, refused): lists of (asset, reading) without an alert at the consumer."""
        lost, brokers, damaged, refused = [], [], [], []
        for name, asset in self.assets.items():
            absent = list(asset.missing) + list(range(asset.highest + 1, asset.sent + 1))
            for number in absent:
                confirmed = asset.confirmed.get(number)
                if confirmed is not None and any(0 <= kill - confirmed < 5 for kill in self.uplink_kills):
                    brokers.append((name, number))
                elif number in asset.refused:
                    refused.append((name, number))
                elif number in asset.exposed:
                    damaged.append((name, number))
                else:
                    lost.append((name, number))
        return lost, brokers, damaged, refused

    def check_states(self, retained):
        """The alarm's state at the consumer, and as a consumer finds it who comes now (`retained`: topic → message)."""
        if self.kind != "alerts":
            return
        for name, asset in self.assets.items():
            expected = "raised" if readings.raises(asset.highest) else "cleared"
            topic = f"{self.prefix}state/{self.pipeline}/{name}"
            for what, state in (("last", asset.state), ("retained", retained.get(topic))):
                if what == "retained" and any(0 <= kill - asset.state_confirmed < 5 for kill in self.uplink_kills):
                    continue
                if state is None:
                    self.fail(f"{topic}: no {what} state")
                elif state["state"] != expected:
                    self.fail(f"{topic}: the {what} state is {state['state']} after reading {asset.highest}, which leaves it {expected}")
                elif asset.last_alert and state["event"] != asset.last_alert["id"]:
                    self.fail(f"{topic}: the {what} state goes with {state['event']}, the last alert is {asset.last_alert['id']}")
