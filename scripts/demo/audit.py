"""Checks, from what a consumer received, that nothing was lost, doubled for good or put out of order."""

from consumer import seconds_of


def number(identifier):
    """(boot, sequence) of an event id such as demo/1/42."""
    _, boot, sequence = identifier.rsplit("/", 2)
    return int(boot), int(sequence)


def pipeline_events(consumer):
    return [(arrived, event) for arrived, event in consumer.alerts if event["source"].find("/pipelines/") >= 0
            and "transition" in event["data"]]


class Audit:
    def __init__(self):
        self.failures = []
        self.lines = []

    def check(self, holds, text):
        self.lines.append(f"  {'✔' if holds else '✘'} {text}")
        if not holds:
            self.failures.append(text)


def audit(consumer, faults, outages):
    """faults: (asset, start, end) and outages: (start, end), wall times. Returns an `Audit`."""
    result = Audit()
    events = pipeline_events(consumer)
    by_asset = {}
    for _, event in events:
        by_asset.setdefault(event.get("subject"), []).append(event)

    # The truth is the plant's: each fault must have an alert that was raised while it lasted, and cleared since.
    complete = 0
    for asset, start, end in faults:
        raised = [e for e in by_asset.get(asset, []) if e["data"]["transition"] == "raised"
                  and start <= seconds_of(e["time"]) <= end + 1]
        cleared = {e["data"]["raisedBy"] for e in by_asset.get(asset, []) if e["data"]["transition"] == "cleared"}
        if raised and all(e["id"] in cleared for e in raised):
            complete += 1
    result.check(complete == len(faults), f"{complete} of {len(faults)} faults raised an alert and cleared it")

    # On each topic (an asset has one), events arrive in the order in which they were decided …
    ordered = all([number(e["id"]) for e in events] == sorted(number(e["id"]) for e in events)
                  for events in by_asset.values())
    result.check(ordered, "events of each pump arrived in the order in which they were decided")
    # … an alarm is raised and cleared in turns, and every clear names its raise: a gap would show here.
    whole = True
    for events_of_asset in by_asset.values():
        raised_by = None
        for event in events_of_asset:
            transition = event["data"]["transition"]
            if transition == "raised":
                whole &= raised_by is None
                raised_by = event["id"]
            else:
                whole &= event["data"]["raisedBy"] == raised_by
                if transition == "cleared":
                    raised_by = None
    result.check(whole, "every clear and escalation names a raise that arrived before it")

    # An event takes three numbers of the agent's sequence: its own, that of the retained state beside it (which may be
    # replaced by a newer one before it is sent), and that of the alarm as it is kept on the box for a restart. So the
    # numbers of what was received have no gap from first to last.
    got = {number(event["id"]) for _, event in consumer.alerts}
    got |= {(boot, sequence + beside) for boot, sequence in got for beside in (1, 2)}
    gaps = 0
    for boot in {boot for boot, _ in got}:
        sequences = sorted(sequence for b, sequence in got if b == boot)
        gaps += sequences[-1] - sequences[0] + 1 - len(sequences)
    result.check(gaps == 0, f"{len(consumer.alerts)} events without a gap in their sequence, {consumer.duplicates} sent twice")
    stale = [asset for asset, events in by_asset.items()
             if consumer.states.get(asset, {}).get("event") != events[-1]["id"]]
    result.check(not stale, f"the retained state of each of the {len(by_asset)} pumps is that of its last event")

    for start, end in outages:
        late = [e for _, e in events if start <= seconds_of(e["time"]) <= end]
        historical = sum(e["data"]["historical"] for e in late)
        result.check(len(late) > 0 and historical == len(late),
                     f"{len(late)} events decided while the uplink was away arrived afterwards, {historical} marked historical")
    return result
