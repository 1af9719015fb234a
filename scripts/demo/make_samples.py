#!/usr/bin/env python3
"""Writes samples of several simulated pumps as a table: asset, then the channels. Standard library only."""

import argparse

import pump


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pumps", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=600, help="of each pump (default %(default)s)")
    parser.add_argument("--rate", type=float, default=25.0, help="readings a second (default %(default)s)")
    parser.add_argument("--first-seed", type=int, default=1)
    arguments = parser.parse_args()
    print("asset", *pump.CHANNELS, sep=",")
    for seed in range(arguments.first_seed, arguments.first_seed + arguments.pumps):
        one = pump.Pump(seed, arguments.rate)
        for _ in range(round(arguments.seconds * arguments.rate)):
            print(f"P-{seed}", *one.reading(), sep=",")


if __name__ == "__main__":
    main()
