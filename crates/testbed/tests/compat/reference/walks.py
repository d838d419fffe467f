#!/usr/bin/env python3
"""Walks the reference server and ours alike: random requests, good and bad, to the same answers.

    ORACLE=<folder of oracle.py> <python of the reference's environment> walks.py --binary <neutrino> [--seeds FIRST-LAST] [--record]

A seed is a walk: its steps follow from the seed alone.  Both servers are asked step by step; what they answer is
compared as facts.py judges it.  A walk that differs is shortened by leaving out steps while it still differs, and
printed with its seed.  --record writes the answers of the reference to walks.json, which the tests replay: there a
step has "expect" beside what facts.py tells, and steps whose resource was not made name one that is not there.

Ours is started for it on a free port of 127.0.0.1, with the settings that the header of facts.json tells.
"""
import argparse
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import facts

NOBODY = '00000000-0000-4000-8000-00000000dead'
OUT = os.path.join(facts.HERE, 'walks.json')
STEPS = 18
BAD = 0.15

# what of an answer is compared: nothing that chance decides, and nothing that is listed in quirks.txt
SHOW = {
    'network': ['name', 'admin_state_up', 'status', 'shared', 'router:external', 'mtu', 'port_security_enabled', 'description', 'subnets#'],
    'subnet': ['name', 'ip_version', 'cidr', 'gateway_ip', 'enable_dhcp', 'dns_nameservers', 'host_routes', 'ipv6_ra_mode', 'ipv6_address_mode', 'description'],
    'port': ['name', 'admin_state_up', 'status', 'device_id', 'port_security_enabled', 'description', 'fixed_ips#', 'security_groups#', 'allowed_address_pairs#'],
    'router': ['name', 'admin_state_up', 'status', 'distributed', 'ha', 'description', 'routes', 'conntrack_helpers', 'external_gateway_info.enable_snat'],
    'floatingip': ['status', 'fixed_ip_address', 'description', 'port_id'],
    'security_group': ['name', 'description', 'stateful', 'security_group_rules#'],
    'security_group_rule': ['direction', 'ethertype', 'protocol', 'port_range_min', 'port_range_max', 'remote_ip_prefix'],
    'policy': ['name', 'shared', 'is_default', 'description', 'rules#'],
    'bandwidth_limit_rule': ['max_kbps', 'max_burst_kbps', 'direction'],
    'packet_rate_limit_rule': ['max_kpps', 'max_burst_kpps', 'direction'],
    'dscp_marking_rule': ['dscp_mark'],
    'conntrack_helper': ['protocol', 'port', 'helper'],
    'ndp_proxy': ['name', 'description', 'ip_address'],
    'local_ip': ['name', 'description', 'ip_mode'],
    'log': ['name', 'description', 'resource_type', 'event', 'enabled'],
    'address_scope': ['name', 'ip_version', 'shared'],
    'subnetpool': ['name', 'prefixes', 'ip_version', 'shared']}
MANY = {'policy': 'qos/policies', 'ndp_proxy': 'ndp-proxies', 'local_ip': 'local-ips', 'log': 'log/logs', 'security_group': 'security-groups', 'security_group_rule': 'security-group-rules', 'address_scope': 'address-scopes'}
BELOW = {'bandwidth_limit_rule': 'policy', 'packet_rate_limit_rule': 'policy', 'dscp_marking_rule': 'policy', 'conntrack_helper': 'router'}

# Values of attributes: good ones, then bad ones.  "{kind}" stands for the id of one that the walk made.
TEXT = (['', 'x', 'caf\u00e9'], [None, 7, 'y' * 256])
BOOL = ([True, False, 'true'], ['x', None, 2])
WAYS = (['ingress', 'egress'], ['both', None])
KBPS = ([0, 100, '2000'], [-1, 'x', None])
FIXED = ([[], [{'subnet_id': '{subnet}'}], [{'ip_address': '10.0.0.200'}], [{'subnet_id': '{subnet}', 'ip_address': '10.0.0.201'}]],
         [[{}], 'x', [{'ip_address': 'x'}], [{'subnet_id': NOBODY}], [{'ip_address': '192.0.2.1'}]])
GATEWAY = ([{'network_id': '{network}'}, {'network_id': '{network}', 'enable_snat': False}, None, {}], [{'network_id': NOBODY}, {'enable_snat': True}, 'x', {'network_id': '{network}', 'x': 1}])
MAKE = {
    'network': {'name': TEXT, 'admin_state_up': BOOL, 'shared': BOOL, 'router:external': BOOL, 'port_security_enabled': BOOL, 'mtu': ([1400, '1300', 0], ['x', -1, 9000]), 'description': TEXT},
    'subnet': {'network_id!': (['{network}'] * 4, [NOBODY, 'x']), 'ip_version!': ([4, 4, 4, 6], [5, 'x']),
               'cidr!': (['10.0.0.0/24', '10.0.0.0/24', '10.0.1.0/24', 'fd00::/64'], ['x', '10.0.0.0/33', '224.0.0.0/8', '127.0.0.0/8']),
               'gateway_ip': (['10.0.0.254', None, '10.0.0.1'], ['x', '10.0.0.255', 'fd00::1']), 'enable_dhcp': BOOL, 'name': TEXT,
               'allocation_pools': ([[{'start': '10.0.0.10', 'end': '10.0.0.99'}]], [[{'start': '10.0.0.99', 'end': '10.0.0.10'}], [{'start': '10.9.0.1', 'end': '10.9.0.2'}], 'x']),
               'dns_nameservers': ([[], ['192.0.2.53']], [['x'], ['192.0.2.53'] * 2]), 'ipv6_ra_mode': (['slaac', None], ['x']), 'description': TEXT},
    'port': {'network_id!': (['{network}'] * 4, [NOBODY, 'x']), 'name': TEXT, 'admin_state_up': BOOL, 'fixed_ips': FIXED, 'port_security_enabled': BOOL, 'device_id': TEXT,
             'security_groups': ([[], ['{security_group}']], [[NOBODY], 'x']), 'mac_address': (['fa:16:3e:00:00:01', 'fa:16:3e:00:00:02'], ['x', 'ff:ff:ff:ff:ff:ff']),
             'allowed_address_pairs': ([[], [{'ip_address': '10.0.0.77'}]], [[{'ip_address': 'x'}], [{}], 'x']), 'qos_policy_id': (['{policy}', None], [NOBODY, 'x'])},
    'router': {'name': TEXT, 'admin_state_up': BOOL, 'external_gateway_info': GATEWAY, 'enable_ndp_proxy': ([True, False], ['x', 2]), 'description': TEXT},
    'floatingip': {'floating_network_id!': (['{network}'] * 4, [NOBODY, 'x']), 'port_id': (['{port}', None], [NOBODY, 'x']), 'description': TEXT, 'qos_policy_id': (['{policy}', None], [NOBODY, 'x'])},
    'security_group': {'name': TEXT, 'description': TEXT, 'stateful': BOOL},
    'security_group_rule': {'security_group_id!': (['{security_group}'] * 4, [NOBODY, 'x']), 'direction!': WAYS, 'ethertype': (['IPv4', 'IPv6', 'ipv4'], ['x', None]),
                            'protocol': (['tcp', 'udp', 'icmp', 6, None, '17'], ['x', 300, -1]), 'port_range_min': ([22, 80, None], ['x', 70000]), 'port_range_max': ([80, 443, None], [-1, 'x']),
                            'remote_ip_prefix': (['10.0.0.0/8', 'fd00::/8', None, '10.0.0.1'], ['x', '10.0.0.0/40'])},
    'policy': {'name!': (['p'], [None, 7]), 'shared': BOOL, 'description': TEXT},
    'bandwidth_limit_rule': {'max_kbps!': KBPS, 'max_burst_kbps': KBPS, 'direction': WAYS},
    'packet_rate_limit_rule': {'max_kpps!': KBPS, 'max_burst_kpps': KBPS, 'direction': WAYS},
    'dscp_marking_rule': {'dscp_mark!': ([0, 10, '46'], [1, 'x', None])},
    'conntrack_helper': {'protocol!': (['tcp', 'udp'], ['x', 'icmp']), 'port!': ([21, 69, '5060'], [0, 65536, 'x']), 'helper!': (['ftp', 'tftp', 'sip'], ['x', None])},
    'ndp_proxy': {'router_id!': (['{router}'] * 4, [NOBODY, 'x']), 'port_id!': (['{port}'] * 4, [NOBODY, 'x']), 'ip_address': (['fd00::5', None], ['x', '10.0.0.5']), 'name': TEXT, 'description': TEXT},
    'local_ip': {'network_id': (['{network}'] * 4, [NOBODY, 'x']), 'local_port_id': (['{port}'] * 4, [NOBODY, 'x']), 'local_ip_address': (['10.0.0.220', '10.0.0.200', None], ['x', '192.0.2.1']),
                 'ip_mode': (['translate', 'passthrough'], ['x', None]), 'name': TEXT, 'description': TEXT},
    'log': {'resource_type!': (['security_group'] * 6, ['snat', 'x', None]), 'resource_id': (['{security_group}', None], [NOBODY, 'x']), 'target_id': (['{port}', None], [NOBODY, 'x']),
            'event': (['ALL', 'ACCEPT', 'DROP'], ['x', None]), 'enabled': BOOL, 'name': TEXT, 'description': TEXT},
    'address_scope': {'name!': TEXT, 'ip_version!': ([4, 6], [5, 'x']), 'shared': BOOL},
    'subnetpool': {'name!': TEXT, 'prefixes!': ([['10.0.0.0/16'], ['fd00::/48'], ['10.0.0.0/16', '10.1.0.0/16']], [['x'], [], 'x', ['10.0.0.0/16', 'fd00::/48']]),
                   'min_prefixlen': ([20, '24', 60], [-1, 'x', 4]), 'max_prefixlen': ([28, 64], ['x', 200]), 'default_quota': ([5, None], [-1, 'x']),
                   'address_scope_id': (['{address_scope}', None], [NOBODY, 'x']), 'shared': BOOL}}
# what a change may say; of kinds that are not here, all that a creation may
KEEPS = {'network_id', 'ip_version', 'cidr', 'floating_network_id', 'security_group_id', 'ipv6_ra_mode', 'stateful', 'mac_address', 'prefixes', 'address_scope_id', 'router:external', 'mtu', 'local_port_id', 'local_ip_address', 'ip_mode', 'resource_type', 'resource_id', 'target_id', 'event'}
COMMON = ['network', 'subnet', 'port', 'router', 'floatingip', 'security_group']


class Walk:
    """The steps of a seed."""

    def __init__(self, seed):
        self.chance, self.made, self.steps, self.seed = random.Random(seed), {}, [], seed
        self.make('network', {})
        self.make('subnet', {'network_id': '{network0.id}', 'ip_version': 4, 'cidr': '10.0.0.0/24'})
        self.make('router', {})
        way = self.chance.random()
        if way < 0.2:
            self.make_scope()
        elif way < 0.6:
            # a way out
            self.make('network', {'router:external': True})
            self.make('subnet', {'network_id': '{network3.id}', 'ip_version': 4, 'cidr': '203.0.113.0/24'})
            self.add('PUT', '/v2.0/routers/{router2.id}', {'router': {'external_gateway_info': {'network_id': '{network3.id}'}}})
        while len(self.steps) < STEPS:
            self.chance.choices([self.make, self.change, self.drop, self.show, self.listed, self.join], [8, 5, 2, 2, 1, 4])[0](self.kind())

    def make_scope(self):
        """a way out for NDP proxies, and a port to have one"""
        self.make('address_scope', {'name': 's', 'ip_version': 6})
        self.make('subnetpool', {'name': 'p', 'prefixes': ['fd00::/48'], 'default_prefixlen': 64, 'address_scope_id': '{address_scope3.id}'})
        self.make('network', {'router:external': True})
        self.make('subnet', {'network_id': '{network5.id}', 'ip_version': 6, 'cidr': 'fd00:0:0:f::/64', 'subnetpool_id': '{subnetpool4.id}'})
        self.make('subnet', {'network_id': '{network0.id}', 'ip_version': 6, 'cidr': 'fd00::/64', 'subnetpool_id': '{subnetpool4.id}'})
        self.make('router', {'external_gateway_info': {'network_id': '{network5.id}'}, 'enable_ndp_proxy': True})
        self.add('PUT', '/v2.0/routers/{router8.id}/add_router_interface', {'subnet_id': '{subnet7.id}'})
        self.make('port', {'network_id': '{network0.id}', 'fixed_ips': [{'subnet_id': '{subnet7.id}', 'ip_address': 'fd00::5'}]})
        self.make('ndp_proxy', {'router_id': '{router8.id}', 'port_id': '{port10.id}'})

    def kind(self):
        """often one that the walk made already"""
        if self.chance.random() < 0.5:
            return self.chance.choice(list(self.made))
        kinds = COMMON if self.chance.random() < 0.6 else [kind for kind in MAKE if BELOW.get(kind, kind) in self.made or kind not in BELOW]
        return self.chance.choice(kinds)

    def of(self, kind):
        """one that the walk made, or nobody"""
        names = self.made.get(kind)
        return f'{{{self.chance.choice(names)}.id}}' if names and self.chance.random() > 0.03 else NOBODY

    def value(self, values):
        good, bad = values
        value = self.chance.choice(bad if self.chance.random() < BAD else good)
        text = json.dumps(value)
        for kind in MAKE:
            if f'{{{kind}}}' in text:
                text = text.replace(f'{{{kind}}}', self.of(kind))
        return json.loads(text)

    def attrs(self, kind, some):
        required = {name.rstrip('!'): self.value(values) for name, values in MAKE[kind].items() if name.endswith('!')}
        others = [name for name in MAKE[kind] if not name.endswith('!')]
        few = self.chance.sample(others, min(len(others), self.chance.choice(some)))
        return required | {name: self.value(MAKE[kind][name]) for name in few}

    def url(self, kind):
        if kind in BELOW:
            return f'{self.url(BELOW[kind])}/{self.of(BELOW[kind])}/{kind}s'
        return '/v2.0/' + MANY.get(kind, kind + 's')

    def add(self, method, path, body=None, **more):
        self.steps.append({'method': method, 'path': path} | ({} if body is None else {'body': body}) | more)

    def make(self, kind, attrs=None):
        name = f'{kind}{len(self.steps)}'
        attrs = self.attrs(kind, [0, 1, 1, 2]) if attrs is None else attrs
        self.add('POST', self.url(kind), {kind: attrs}, **{'as': name})
        self.made.setdefault(kind, []).append(name)

    def change(self, kind):
        able = [name for name in MAKE[kind] if name.rstrip('!') not in KEEPS]
        if kind == 'security_group_rule' or kind not in self.made or not able:
            return
        name = self.chance.choice(able)
        self.add('PUT', f'{self.url(kind)}/{self.of(kind)}', {kind: {name.rstrip('!'): self.value(MAKE[kind][name])}})

    def drop(self, kind):
        if kind in self.made or self.chance.random() < 0.1:
            self.add('DELETE', f'{self.url(kind)}/{self.of(kind)}')

    def show(self, kind):
        if kind in self.made or self.chance.random() < 0.1:
            self.add('GET', f'{self.url(kind)}/{self.of(kind)}')

    def listed(self, kind):
        if kind not in BELOW and kind not in ('security_group', 'security_group_rule'):
            self.add('GET', f'{self.url(kind)}?id={self.of(kind)}')

    def join(self, _):
        what = self.chance.choice([{'subnet_id': self.of('subnet')}] * 3 + [{'port_id': self.of('port')}, {}, {'subnet_id': 'x'}])
        act = self.chance.choice(['add', 'add', 'remove'])
        self.add('PUT', f'/v2.0/routers/{self.of("router")}/{act}_router_interface', what)


class Ours:
    def __init__(self, url):
        self.url = url.rstrip('/')

    def ask(self, method, path, body=None, raw=None, headers=None):
        data = raw.encode() if raw is not None else None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {'Content-Type': 'application/json'}, method=method)
        try:
            with urllib.request.urlopen(request) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read()
        try:
            return status, json.loads(text), None
        except ValueError:
            return status, text.decode(), None


SETTINGS = """
[server]
bind = "127.0.0.1:{port}"
[database]
path = "{folder}/walks.db"
[api]
project_id = "{project}"
[network]
dhcp_agents_per_network = 0
project_network_types = ["vxlan", "vlan", "gre", "geneve"]
vxlan_ranges = [[1000, 2000]]
gre_ranges = [[1000, 2000]]
geneve_ranges = [[1000, 2000]]
geneve_header_bytes = 38
[network.vlan_ranges]
physnet1 = [[100, 200]]
physnet2 = []
"""


def start(binary, folder):
    """our server, and where it answers"""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    path = os.path.join(folder, 'walks.toml')
    with open(path, 'w') as f:
        f.write(SETTINGS.format(port=port, folder=folder, project=facts.oracle.ADMIN['project']))
    with open(os.path.join(folder, 'walks.log'), 'w') as log:
        program = subprocess.Popen([binary, '--config', path, 'server'], stdout=log, stderr=log)
    ours = Ours(f'http://127.0.0.1:{port}')
    for _ in range(600):
        try:
            ours.ask('GET', '/')
            return program, ours
        except OSError:
            time.sleep(0.1)
    sys.exit(f'ours did not start: {os.path.join(folder, "walks.log")}')


class Side:
    """One server on one walk."""

    def __init__(self, server):
        self.server, self.known, self.made, self.joined = server, {}, [], []

    def holes(self, value):
        """value, where what was not made is nobody"""
        return json.loads(facts.HOLE.sub(lambda m: m.group(0) if m.group(1).split('.')[0] in self.known else NOBODY, json.dumps(value)))

    def step(self, step):
        asked = self.holes(step)
        filled = facts.fill(asked, self.known)
        status, body, _ = answer = self.server.ask(filled['method'], filled['path'], filled.get('body'))
        kind = next(iter(body), None) if isinstance(body, dict) else None
        if filled['method'] == 'POST':
            self.made.extend(facts.created(filled['path'], status, body))
            if status == 201:
                self.known[step['as']] = body[kind]
        if filled['path'].endswith('/add_router_interface') and status == 200:
            self.joined.append({'method': 'PUT', 'path': asked['path'].replace('/add_', '/remove_'), 'body': asked['body']})
        kind = kind if kind in SHOW else next((k for k in SHOW if (isinstance(body, dict) and MANY.get(k, k + 's').split('/')[-1].replace('-', '_') in body)), None)
        expect = facts.judge(answer, {'show': SHOW.get(kind, [])}, self.known)
        if filled['path'].endswith('_router_interface'):
            # it names ids that only one of the servers knows
            expect = {name: expect[name] for name in ('status', 'type')}
        return asked, expect

    def clean(self):
        undo = list(reversed(self.joined))
        for step in undo:
            step = facts.fill(step, self.known)
            self.server.ask('PUT', step['path'], step['body'])
        # twice: what is in the way of something may itself go a little later
        for path in [*reversed(self.made)] * 2:
            self.server.ask('DELETE', path)
        return undo


def differs(reference, ours, steps):
    """the first step that is answered differently, with both answers"""
    sides = [Side(reference), Side(ours)]
    found = None
    for at, step in enumerate(steps):
        (_, theirs), (_, mine) = [side.step(step) for side in sides]
        if theirs != mine and theirs['status'] < 500:
            found = at, theirs, mine
            break
        if theirs['status'] >= 500:
            break
    for side in sides:
        side.clean()
    return found


def shorten(reference, ours, steps, found):
    steps = steps[:found[0] + 1]
    for at in reversed(range(len(steps) - 1)):
        fewer = steps[:at] + steps[at + 1:]
        again = differs(reference, ours, fewer)
        if again and again[0] == len(fewer) - 1 and again[1:] == found[1:]:
            steps = fewer
    return steps


def recorded(reference, seed):
    side, out = Side(reference), []
    for step in Walk(seed).steps:
        asked, expect = side.step(step)
        if expect['status'] >= 500 or expect['type'] == 'NeutronDbObjectDuplicateEntry':
            break
        out.append(asked | {'expect': expect})
    return json.dumps({'name': f'walk-{seed}', 'steps': out, 'undo': side.clean()}, separators=(',', ':'))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--binary')
    parser.add_argument('--seeds', default='1-100')
    parser.add_argument('--record', action='store_true')
    asked = parser.parse_args()
    first, last = map(int, asked.seeds.split('-'))
    reference = facts.Server()
    if asked.record:
        lines = [recorded(reference, seed) for seed in range(first, last + 1)]
        with open(OUT, 'w') as f:
            f.write('{"walks":[\n' + ',\n'.join(lines) + '\n]}\n')
        print(f'{len(lines)} walks')
        return 0
    with tempfile.TemporaryDirectory() as folder:
        program, ours = start(asked.binary, folder)
        try:
            failed = compared(reference, ours, range(first, last + 1))
        finally:
            program.terminate()
            program.wait()
    return failed


def compared(reference, ours, seeds):
    """how many walks differ"""
    failed = 0
    for seed in seeds:
        steps = Walk(seed).steps
        found = differs(reference, ours, steps)
        if not found:
            continue
        failed += 1
        print(f'seed {seed}: the reference {json.dumps(found[1])[:300]}, ours {json.dumps(found[2])[:300]}')
        for step in shorten(reference, ours, steps, found):
            print('   ', json.dumps(step))
        sys.stdout.flush()
    print(f'{len(seeds)} walks, {failed} differ')
    return failed


if __name__ == '__main__':
    failed = main()
    sys.stdout.flush()
    os._exit(1 if failed else 0)
