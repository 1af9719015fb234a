#!/usr/bin/env python3
"""A browser for tests: obeys a line of JSON on standard input with a line of JSON on standard output.

    {"open": "http://…"}  {"size": [390, 844]}  {"wait": "an expression"}  {"value": "an expression"}  {"complaints": true}

`wait` answers with the expression's first value that is true; `complaints` with what the page has written to its console.
"""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.browser import Browser  # noqa: E402  (found by the line above)


def obey(browser, command):
    (verb, value), = command.items()
    match verb:
        case "open":
            return browser.open(value)
        case "size":
            return browser.size(*value, is_phone=value[0] < 500)
        case "wait":
            return browser.wait(value, value)
        case "value":
            return browser.evaluate(value)
        case "complaints":
            return browser.messages
    raise ValueError(f"no command '{verb}'")


def main():
    with Browser() as browser:
        for line in sys.stdin:
            try:
                answer = {"value": obey(browser, json.loads(line))}
            except (TimeoutError, RuntimeError, ValueError) as error:
                answer = {"error": str(error)}
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
