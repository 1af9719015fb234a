#!/usr/bin/env python3
"""That the harness would notice: the audit on made-up events, the power cut on a made-up journal. Run by `make faults`."""

import json
import pathlib
import random
import struct
import tempfile
import unittest

import audit
import disk
import readings


def event(number, phase, sequence, boot=1, transition=None):
    total = number + (readings.RAISED if readings.is_raised(phase) else 0)
    data = {"score": total / readings.UNITS}
    if transition:
        data["transition"] = transition
    return json.dumps({"id": f"box/{boot}/{sequence}", "data": data}).encode()


class AuditTests(unittest.TestCase):
    """One asset whose alarm changes at readings 10, 20, …"""

    def setUp(self):
        self.audit = audit.Audit("box", "line", ["pump"], 10, ["predictions", "alerts"])
        self.asset = self.audit.assets["pump"]
        self.asset.issued = self.asset.sent = self.asset.taken = 12
        self.sequence = 0

    def predict(self, number, **more):
        self.sequence += 1
        self.audit.receive("edge/box/predictions/line/pump", event(number, self.asset.phase(number), self.sequence, **more), False, False)

    def raise_alarm(self, transition="raised"):
        self.sequence += 1
        self.audit.receive("edge/box/alerts/line/pump", event(10, 1, self.sequence, transition=transition), False, False)

    def everything(self):
        for number in range(1, 13):
            self.predict(number)
        self.raise_alarm()

    def test_all_is_well(self):
        self.everything()
        self.assertEqual((self.audit.lost()[0], self.audit.failures), ([], []))

    def test_a_prediction_and_an_alert_that_are_missing_are_lost(self):
        for number in range(1, 12):
            if number != 5:
                self.predict(number)
        self.assertEqual(self.audit.lost()[0], [("pump", "prediction", 5), ("pump", "prediction", 12), ("pump", "alert of phase", 1)])

    def test_what_the_uplink_confirmed_is_lost_unless_its_broker_was_killed(self):
        self.everything()
        self.asset.sent = self.asset.issued = self.asset.taken = 13
        self.audit.published("edge/box/predictions/line/pump", event(13, 1, 99), 0)
        self.assertEqual(len(self.audit.lost()[0]), 1)
        self.audit.uplink_kills.append(self.asset.predictions.confirmed[13] + 0.1)
        self.assertEqual(list(map(len, self.audit.lost())), [0, 1, 0, 0])

    def test_a_second_evaluation_and_a_duplicate_are_counted(self):
        self.everything()
        self.predict(12)
        self.audit.receive("edge/box/predictions/line/pump", event(12, 1, self.sequence), False, True)
        self.assertEqual((self.audit.repeated, self.audit.duplicates, self.audit.failures), (1, 1, []))

    def test_order(self):
        self.predict(2)
        self.predict(1)
        self.assertIn("1 came after 2", self.audit.failures[0])

    def test_what_was_refused_for_now_has_to_come_in_order_and_what_was_refused_for_good_has_not(self):
        for number, reason in ((1, 0x87), (3, 0x97)):
            self.audit.published("edge/box/predictions/line/pump", event(number, 0, 50 + number), reason)
        for number in (2, 1, 4):
            self.predict(number)
        self.assertEqual(self.audit.failures, [])
        self.predict(3)
        self.assertIn("3 came after 4", self.audit.failures[0])

    def test_order_of_identifiers(self):
        self.predict(1, boot=2)
        self.predict(2, boot=1)
        self.assertIn("out of order", self.audit.failures[0])

    def test_a_transition_that_cannot_be(self):
        self.raise_alarm("cleared")
        self.assertIn("phase 1 is raised", self.audit.failures[0])

    def test_an_event_that_no_reading_explains(self):
        self.predict(13)
        self.assertIn("no reading explains", self.audit.failures[0])

    def test_a_kill_while_the_disk_fails_excuses_no_alarm_that_a_reading_still_shows(self):
        self.everything()
        self.audit.allow_late()
        # The agent goes on with reading 13, which is of phase 1 as well: nothing can keep it from phase 2.
        self.asset.sent = self.asset.issued = self.asset.taken = 22
        for number in range(13, 23):
            self.predict(number)
        self.assertEqual(self.audit.lost()[0], [("pump", "alert of phase", 2)])

    def test_a_kill_while_the_disk_fails_at_the_end_of_a_phase_excuses_the_next_change_only(self):
        self.asset.sent = self.asset.issued = self.asset.taken = 19
        for number in range(1, 20):
            self.predict(number)
        self.raise_alarm()
        self.audit.allow_late()
        self.asset.sent = self.asset.issued = self.asset.taken = 32
        for number in range(20, 33):
            self.predict(number)
        lost, _, damaged, _ = self.audit.lost()
        self.assertEqual((lost, damaged), ([("pump", "alert of phase", 3)], [("pump", "alert of phase", 2)]))

    def test_a_damage_excuses_only_what_stood_in_the_database(self):
        for number in range(1, 11):
            self.predict(number)
        self.raise_alarm()
        self.assertEqual(self.audit.expose(), 2)
        self.asset.sent = self.asset.issued = self.asset.taken = 13
        lost, _, damaged, _ = self.audit.lost()
        self.assertEqual(lost, [("pump", "prediction", 13)])
        self.assertEqual(damaged, [("pump", "prediction", 11), ("pump", "prediction", 12)])
        # One of them arrives, the other is reported to be gone: the damage is over.
        self.predict(11)
        self.audit.settle_damage(reported=True)
        self.assertEqual(list(map(len, self.audit.lost())), [1, 0, 1, 0])
        # The next one has nothing to report, which changes nothing for what is gone by this one.
        self.assertEqual(self.audit.expose(), 1)
        self.predict(13)
        self.audit.settle_damage(reported=False)
        self.assertEqual(list(map(len, self.audit.lost())), [0, 0, 1, 0])

    def test_a_damage_that_was_not_reported_excuses_nothing(self):
        self.everything()
        self.asset.sent = self.asset.issued = self.asset.taken = 14
        for number, reason in ((13, 0x87), (14, 0)):
            self.audit.published("edge/box/predictions/line/pump", event(number, 1, 50 + number), reason)
        self.assertEqual(self.audit.expose(), 1)
        self.predict(14)
        self.audit.settle_damage(reported=False)
        # As when the quarantine turns out not to have it.
        self.asset.predictions.refused.clear()
        self.assertEqual(self.audit.lost()[0], [("pump", "prediction", 13)])

    def test_states(self):
        self.everything()
        self.assertIn("no last state", self.audit.wrong_states()[0])
        for state, identifier, wrong in (("cleared", "box/1/13", 1), ("raised", "box/1/7", 1), ("raised", "box/1/13", 0)):
            self.audit.receive("edge/box/state/line/pump", json.dumps({"state": state, "event": identifier}).encode(), False, False)
            self.assertEqual(len(self.audit.wrong_states()), wrong, state)
        self.assertEqual(len(self.audit.wrong_states({})), 1)


class PowerCutTests(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.state = pathlib.Path(self.directory.name) / "state"
        self.state.mkdir()
        self.shim = disk.Shim(None, self.directory.name, self.state)

    def cut(self, seed, *records):
        """Returns what is left, by name."""
        for path in self.state.iterdir():
            path.unlink()
        (self.state / "old").write_bytes(b"0123456789")
        power = disk.PowerCut(self.shim, random.Random(seed))
        with open(self.shim.journal, "wb") as journal:
            for operation, name, offset, data in records:
                name = f"/{name}".encode() if name else b""
                journal.write(struct.pack("<IIQQ", operation, len(name), offset, len(data)) + name + data)
        power.cut()
        return {path.name: path.read_bytes() for path in self.state.iterdir()}

    def test_what_was_synchronised_is_there_and_the_rest_may_be(self):
        seen = {self.cut(seed, (disk.WRITE, "old", 0, b"AB"), (disk.SYNC, "old", 0, b""), (disk.WRITE, "old", 5, b"X"))["old"]
                for seed in range(40)}
        self.assertEqual(seen, {b"AB23456789", b"AB234X6789"})

    def test_a_synchronisation_that_failed_keeps_nothing(self):
        records = ((disk.WRITE, "old", 0, b"A"), (disk.SYNC_FAILED, "old", 0, b""), (disk.SYNC, "old", 0, b""))
        self.assertEqual({self.cut(seed, *records)["old"] for seed in range(20)}, {b"0123456789"})

    def test_a_new_name_is_there_once_its_directory_was_synchronised(self):
        made = ((disk.OPEN, "new", 0, b""), (disk.WRITE, "new", 0, b"n"), (disk.SYNC, "new", 0, b""))
        self.assertEqual({"new" in self.cut(seed, *made) for seed in range(40)}, {True, False})
        self.assertEqual({self.cut(seed, *made, (disk.SYNC, "", 0, b"")).get("new") for seed in range(40)}, {b"n"})

    def test_a_rename_is_whole_or_not_at_all(self):
        made = ((disk.OPEN, "new", 0, b""), (disk.WRITE, "new", 0, b"n"), (disk.SYNC, "new", 0, b""), (disk.RENAME, "new", 0, b"/old"))
        self.assertEqual({self.cut(seed, *made)["old"] for seed in range(40)}, {b"0123456789", b"n"})


class ReadingTests(unittest.TestCase):
    def test_the_score_of_each_reading_gives_its_number_back(self):
        for number in (1, 2, 39, 16384, 262143, 262144, 262145, 300000):
            for phase in (0, 1):
                values = json.loads(readings.payload(number, phase))
                score = sum(values[channel] ** 2 for channel in "abcd") / 4
                self.assertEqual(readings.number_of(score, near=number + 100), number)
                self.assertEqual(score > 16, phase == 1)


if __name__ == "__main__":
    unittest.main()
