#!/usr/bin/env python3
"""Writes reference.txt beside this file: what the tables of the reference hold, one fact a line.

    REFERENCE=<folder of resources.json, policy.json, ...> python3 tables.py

How the lines are read: see mod.rs.
"""
import json
import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))
FLAGS = {'allow_post': 'post', 'allow_put': 'put', 'is_visible': 'shown', 'is_filter': 'filter', 'is_sort_key': 'sort',
         'enforce_policy': 'enforced', 'required_by_policy': 'target'}


def table(name):
    with open(os.path.join(os.environ['REFERENCE'], name + '.json')) as f:
        return json.load(f)


def url(request):
    method, path = request.split(' ', 1)
    return f'{re.sub(r"{[^}]*}", "{}", path)} {method}'


def attribute(name, attr):
    words = [word for flag, word in FLAGS.items() if attr.get(flag)]
    if attr.get('allow_post') and name not in ('tenant_id', 'project_id'):
        words.append('required' if attr.get('required') else 'default=' + json.dumps(attr.get('default', None), separators=(',', ':')))
    return ' '.join(words)


def lines():
    for name, of in sorted(table('resources').items()):
        requests = [*of.get('ops', {}).values(), *of.get('actions', {}).values()]
        for operation in requests:
            if operation.get('implemented_by_reference', True):
                yield 'operation ' + url(operation['request'])
        for attr, flags in of.get('attributes', {}).items():
            yield f'attribute {name} {attr} {attribute(attr, flags)}'
    for alias, of in table('extensions')['extensions'].items():
        if of['loaded']:
            yield f'extension {alias} {of["updated"]} {of["name"]}'
    policy = table('policy')
    for rules in ('base_rules', 'operations', 'attributes'):
        for rule, of in policy[rules].items():
            yield f'rule {rule} {" ".join(of["check"].split())}'
    for resource, of in table('quotas')['resources'].items():
        yield f'quota {resource} {of["default"]}'
    for kind, of in table('errors')['errors'].items():
        if '@' in kind:   # a second class of the same name
            continue
        yield f'error {kind} {of["status"]}{" answered" if of.get("when") else ""}'


with open(os.path.join(HERE, 'reference.txt'), 'w') as out:
    out.writelines(line.rstrip() + '\n' for line in sorted(set(lines())))
