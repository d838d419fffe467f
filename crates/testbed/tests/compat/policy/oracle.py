#!/usr/bin/env python3
"""What oslo.policy says to rules: a JSON line in, a JSON line out.

In:  {"rules": {name: text}, "ask": name, "about": [[creds, target], ...]}
Out: {"says": [true | false | "fails", ...], "broken": whether a rule could not be understood}
"""
import json
import logging
import sys

from oslo_policy import _checks
from oslo_policy import policy


class Heard(logging.Handler):
    count = 0

    def emit(self, record):
        Heard.count += 1


class Enforcer:
    def __init__(self, rules):
        self.rules = rules


def answer(case):
    Heard.count = 0
    rules = policy.Rules.from_dict(case['rules'], default_rule='default')
    broken = Heard.count > 0
    return {'says': [says(rules, case['ask'], *about) for about in case['about']], 'broken': broken}


def says(rules, name, creds, target):
    try:
        return bool(_checks._check(rules[name], target, creds, Enforcer(rules), name))
    except Exception:
        return 'fails'


def main():
    logger = logging.getLogger('oslo_policy')
    logger.addHandler(Heard())
    logger.propagate = False
    with open(sys.argv[1]) as cases:
        for line in cases:
            print(json.dumps(answer(json.loads(line))))


main()
