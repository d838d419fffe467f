#!/usr/bin/env python3
"""Asks the reference server every case of cases_policy.py and writes policy.json beside this file.

    ORACLE=<folder of oracle.py> <python of the reference's environment> facts_policy.py [--check|--merge] [--shuffle SEED]

Replay rules are those of facts.py, and one more: a step's "who" names the caller, whose headers are in the
header of policy.json; a step without it, and clean-up, is ADMIN's.  A step's own headers come on top.
"""
import json
import os
import random
import re
import sys

import facts
from cases_policy import CALLERS, all_cases

OUT = os.path.join(facts.HERE, 'policy.json')
HEADER = facts.HEADER | {
    'about': 'answers of the reference server to several callers; how to replay: see facts_policy.py and facts.py', 'callers': CALLERS}


def signed(case):
    """the case with each step's caller in its headers"""
    def sign(step):
        return step | {'headers': CALLERS[step.get('who', 'ADMIN')] | step.get('headers', {})}
    return case | {k: [sign(s) for s in case.get(k, ())] for k in ('setup', 'undo')} | {'request': sign(case['request'])}


class Server(facts.Server):
    """The caller of a step comes in its headers; those of oracle.ADMIN must not shine through."""

    def ask(self, method, path, body=None, raw=None, headers=None):
        who = facts.oracle.ADMIN
        facts.oracle.ADMIN = {'user': '', 'project': '', 'roles': ''} if headers else who
        try:
            return super().ask(method, path, body, raw, headers)
        finally:
            facts.oracle.ADMIN = who


def write(lines):
    with open(OUT, 'w') as f:
        f.write('{"header":' + json.dumps(HEADER, indent=1) + ',\n"cases":[\n' + ',\n'.join(lines) + '\n]}\n')
    print(f'{len(lines)} cases')


def main():
    todo = sorted(all_cases(), key=lambda c: c['name'])
    names = [c['name'] for c in todo]
    if len(set(names)) != len(names):
        sys.exit(f'names used twice: {sorted({n for n in names if names.count(n) > 1})}')
    only = os.environ.get('ONLY')
    todo = [c for c in todo if not only or re.search(only, c['name'])]
    order = list(todo)
    if '--shuffle' in sys.argv:
        random.Random(sys.argv[-1]).shuffle(order)
    server, results = Server(), {}
    for case in order:
        results[case['name']] = facts.run(server, signed(case))
    lines = []
    for case in todo:
        fact = {k: case[k] for k in ('name', 'needs', 'ordered', 'setup', 'request', 'undo') if k == 'setup' or case.get(k)}
        fact['expect'] = results[case['name']]
        if fact['expect']['status'] >= 500:
            fact['quirk'] = True
        lines.append(json.dumps(fact, separators=(',', ':')))
    if '--merge' in sys.argv:
        with open(OUT) as f:
            stored = {c['name']: json.dumps(c, separators=(',', ':')) for c in json.load(f)['cases']}
        known = {c['name'] for c in all_cases()}
        merged = stored | {json.loads(line)['name']: line for line in lines}
        write([merged[name] for name in sorted(merged) if name in known])
    elif only:
        print('\n'.join(lines))
    elif '--check' in sys.argv:
        with open(OUT) as f:
            old = {c['name']: c for c in json.load(f)['cases']}
        new = {c['name']: c for c in map(json.loads, lines)}
        for name in sorted(set(old) | set(new)):
            if old.get(name) != new.get(name):
                print('differs:', name, json.dumps(old.get(name)), json.dumps(new.get(name)), sep='\n  ')
    else:
        write(lines)
    for kind in ('routers', 'networks', 'ports', 'subnets', 'quotas'):
        left = server.ask('GET', f'/v2.0/{kind}')[1][kind]
        if left:
            print(f'left over {kind}: {left[:5]}', file=sys.stderr)


if __name__ == '__main__':
    main()
    sys.stdout.flush()
    os._exit(0)
