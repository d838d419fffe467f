#!/usr/bin/env python3
"""Asks the reference what its own kinds of checks say (field:..., project_id:..., tenant_id:...) and writes own_kinds.json.

    ORACLE=<folder of oracle.py> <python of the reference's environment> own_kinds.py

Each case: a rule, a caller (project, roles), a target and, where the target is on a network, what that network is
like.  The reference is given a real network and its id; a reader of own_kinds.json puts the network's attributes
in the target behind "network:".  "says" is true, false, "refused" (the rule cannot be loaded) or "fails" (asking
it ends in an exception).
"""
import json
import logging
import os
import sys

sys.path[:0] = [os.environ['ORACLE']]
sys.dont_write_bytecode = True
import oracle  # noqa: E402

P1, P2 = '1a' * 16, '2b' * 16
MEMBER = {'project_id': P1, 'roles': ['member']}
CASES = []


def ask(rule, target=(), network=None, caller=None):
    CASES.append({'rule': rule, 'caller': caller or MEMBER, 'target': dict(target)} | ({} if network is None else {'network': network}))


SHARED, OPEN, OWN = {'shared': True}, {'router:external': True}, {}
OTHERS = {'project_id': P2}
for rule in ('field:networks:shared=True', 'field:networks:shared=true', 'field:networks:shared=1', 'field:networks:shared=False',
             'field:subnets:shared=True', 'field:port:shared=True'):
    for target in ({}, {'shared': True}, {'shared': False}, {'shared': None}, {'shared': 'True'}):
        ask(rule, target)
    for network in (SHARED, OWN):
        ask(rule, {'project_id': P1}, network)
    ask(rule, {'project_id': P1, 'shared': False}, SHARED)
for rule in ('field:networks:router:external=True', 'field:subnets:router:external=True'):
    for target in ({}, {'router:external': True}, {'router:external': False}):
        ask(rule, target)
for rule in ('field:port:device_owner=~^network:', 'field:port:device_owner=~network:', 'field:port:device_owner=~.*:dhcp$',
             'field:port:device_owner=network:dhcp', 'field:ports:device_owner=~^(?i)NETWORK', 'field:port:device_owner=~(?i)NETWORK'):
    for owner in ('network:dhcp', 'xnetwork:dhcp', 'Network:dhcp', '', 'network:dhcp2', None):
        ask(rule, {'device_owner': owner})
    ask(rule)
for rule, target in (('field:port:n=1', {'n': 1}), ('field:port:n=1', {'n': '1'}), ('field:networks:mtu=1400', {'mtu': 1400}),
                     ('field:networks:mtu=1400', {'mtu': '1400'}), ('field:ports:admin_state_up=True', {'admin_state_up': True}),
                     ('field:port:admin_state_up=True', {'admin_state_up': True}), ('field:port:admin_state_up=True', {'admin_state_up': 'True'}),
                     ('field:networks:name=', {'name': ''}), ('field:networks:name=a=b', {'name': 'a=b'}), ('field:port:device_owner=~[', {}),
                     ('field:networks:shared=maybe', {}), ('field:networks', {}), ('field:networks:shared', {}), ('field:port:n=~1', {'n': 1}),
                     ('field:port:list=a', {'list': ['a']}), ('field:port:x=None', {'x': None}), ('field:policies:shared=True', {'shared': True}),
                     ('field:security_group_rules:belongs_to_default_sg=True', {'belongs_to_default_sg': True}),
                     ('field:address_groups:shared=True', {'shared': True}), ('field:rbac_policy:target_tenant=*', {'target_tenant': '*'})):
    ask(rule, target)
for kind in ('project_id', 'tenant_id'):
    for field in ('project_id', 'tenant_id'):
        rule = f'{kind}:%({field})s'
        for owner in (P1, P2, '', None, P1.upper()):
            ask(rule, {'project_id': owner, 'tenant_id': owner})
    ask(f'{kind}:%(project_id)s')
    for rule in (f'{kind}:{P1}', f'{kind}:%(project_id)sx', f'{kind}:x%(project_id)s', f'{kind}:', f'{kind}:%(project_id)d', f'not {kind}:%(project_id)s'):
        ask(rule, {'project_id': P1, 'tenant_id': P1})
    for network in (OWN, OTHERS):
        for field in ('network:project_id', 'network:tenant_id', 'network_project_id'):
            ask(f'{kind}:%({field})s', {'project_id': P1, 'tenant_id': P1}, network)
for rule in ('is_admin:True', 'is_admin:False', 'user_id:%(user_id)s', 'roles:member', 'role:Member', 'is_admin_project:True'):
    ask(rule, {'user_id': 'u1'})
    ask(rule, {'user_id': 'u1'}, caller={'project_id': P1, 'roles': ['Admin']})


def made(network, owner):
    status, body, _ = oracle.call(oracle.ADMIN, 'POST', '/networks', {'network': {'project_id': owner} | network})
    assert status == 201, body
    return body['network']['id']


def says(case):
    from neutron_lib import context
    from oslo_policy import _parser, policy
    from neutron import policy as neutron_policy
    neutron_policy.init()
    try:
        heard = Heard()
        check = _parser.parse_rule(case['rule'])
        if heard.done():
            return 'refused'
    except Exception:
        return 'refused'
    target, network = dict(case['target']), None
    if 'network' in case:
        network = made(case['network'], case['network'].get('project_id', P1))
        target['network_id'] = network
    caller = context.Context(user_id='u1', project_id=case['caller']['project_id'], roles=case['caller']['roles'])
    try:
        return bool(neutron_policy._ENFORCER.enforce(check, target, caller))
    except (policy.PolicyNotAuthorized, policy.InvalidScope):
        return False
    except Exception:
        return 'fails'
    finally:
        if network:
            oracle.call(oracle.ADMIN, 'DELETE', f'/networks/{network}')


class Heard(logging.Handler):
    """whether the parser complained"""

    def __init__(self):
        super().__init__()
        self.count = 0
        logging.getLogger('oslo_policy._parser').addHandler(self)

    def emit(self, record):
        self.count += 1

    def done(self):
        logging.getLogger('oslo_policy._parser').removeHandler(self)
        return self.count


def main():
    oracle.app()
    from neutron.notifiers import batch_notifier
    batch_notifier.BatchNotifier.queue_event = lambda *_: None
    lines = [json.dumps(case | {'says': says(case)}, separators=(',', ':')) for case in CASES]
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'own_kinds.json'), 'w') as f:
        f.write('[\n' + ',\n'.join(lines) + '\n]\n')
    print(len(lines), 'cases')


if __name__ == '__main__':
    main()
    sys.stdout.flush()
    os._exit(0)
