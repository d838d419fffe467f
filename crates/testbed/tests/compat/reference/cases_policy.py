"""The cases facts_policy.py asks the reference: who may do what to networks, subnets, ports, agents and quotas.

A step says who asks ("who": a name of CALLERS; nobody said: ADMIN). The matrices ask the same of every caller;
the tables below them ask about one attribute each. "{case}" in a string is the case's name.
"""
import json

from cases import NOBODY, net, port, step, sub

ADMINS, FIRST, SECOND = 'a' * 32, '1' * 32, '2' * 32


def caller(user, project, roles, **more):
    return {'X-User-Id': user, 'X-Project-Id': project, 'X-Roles': roles} | more


CALLERS = {
    'ADMIN': caller('adminuser', ADMINS, 'admin,manager,member,reader'),
    'A': caller('usera', FIRST, 'member,reader'),
    'B': caller('userb', SECOND, 'member,reader'),
    'READER': caller('userr', FIRST, 'reader'),
    'SERVICE': caller('svc', '5' * 32, 'service,admin,member,reader'),
    'NOVA': caller('nova', '5' * 32, 'service'),
    'MANAGER': caller('userm', FIRST, 'manager,member,reader'),
    'NOROLE': caller('usern', FIRST, ''),
    'CASED': caller('userc', FIRST, 'Member,READER'),
    'ADMINA': caller('usera', FIRST, 'Admin'),
    'HELPED': caller('usera', FIRST, 'member,reader', **{'X-Service-Roles': 'service'}),
    'INTEGRATOR': caller('useri', FIRST, 'member,reader,data_plane_integrator'),
    'DOMAIN': {'X-User-Id': 'userd', 'X-Domain-Id': 'd' * 32, 'X-Roles': 'admin,member,reader'},
    'SYSTEM': {'X-User-Id': 'users', 'OpenStack-System-Scope': 'all', 'X-Roles': 'admin,member,reader'},
}
MAIN = ['ADMIN', 'A', 'B', 'READER', 'SERVICE']
MORE = [*MAIN, 'NOVA', 'NOROLE']
WHO = {'own': MORE, 'foreign': ['ADMIN', 'A', 'B'], 'shared': ['ADMIN', 'A', 'READER'], 'external': ['ADMIN', 'A'],  # on what
       'guest': ['A', 'B', 'READER'], 'own-on-shared': ['A', 'READER'], 'foreign-on-shared': ['A', 'B'], 'on-external': ['A']}
CASES = []


def add(name, setup, request, show=(), **more):
    case = {'setup': setup, 'request': request} | more
    case = json.loads(json.dumps(case).replace('{case}', name))
    CASES.append({'name': name, 'show': list(show)} | case)


def by(who, made):
    return made | {'who': who}


# ---- what there is: a network each that is A's, B's, shared with all, and external
def network(name):
    more = {'shared': {'shared': True}, 'external': {'more': {'router:external': True}}}.get(name, {})
    return by({'own': 'A', 'foreign': 'B'}.get(name, 'ADMIN'), net(name, name='{case}-' + name, **more))


def subnet(name):
    return [network(name), by({'own': 'A', 'foreign': 'B'}.get(name, 'ADMIN'),
                              sub('sub', name='{case}-' + name, network_id=f'{{{name}.id}}'))]


NETS = ['own', 'foreign', 'shared', 'external']
PORTS = {  # label: network, who makes it, for whom
    'own': ('own', 'A', {}), 'guest': ('own', 'ADMIN', {'project_id': SECOND}), 'foreign': ('foreign', 'B', {}),
    'own-on-shared': ('shared', 'A', {}), 'foreign-on-shared': ('shared', 'B', {}), 'on-external': ('external', 'ADMIN', {}),
}


def a_port(label, with_subnet=False, **attrs):
    where, who, more = PORTS[label]
    start = subnet(where) if with_subnet else [network(where)]
    more = more | attrs.pop('more', {})
    return [*start, by(who, port('port', network_id=f'{{{where}.id}}', name='{case}', more=more, **attrs))]


def ask(who, method, path, body=None, **more):
    return by(who, step(method, path, body, **more))


# ---- every caller, every operation
def matrix(kind, things):
    for label, (setup, at) in things.items():
        one = f'/{kind}s/{{{at}.id}}'
        for who in WHO[label]:
            add(f'{kind}-show-{label}-{who}', setup, ask(who, 'GET', one), ['name', 'project_id'])
            add(f'{kind}-update-{label}-{who}', setup, ask(who, 'PUT', one, {kind: {'name': 'other'}}), ['name'])
            add(f'{kind}-delete-{label}-{who}', setup, ask(who, 'DELETE', one))


matrix('network', {n: ([network(n)], n) for n in NETS})
matrix('subnet', {n: (subnet(n), 'sub') for n in NETS})
matrix('port', {n: (a_port(n), 'port') for n in PORTS})

for who in [*MORE, 'CASED', 'MANAGER', 'ADMINA']:
    add(f'network-create-{who}', [], ask(who, 'POST', '/networks', {'network': {'name': 'n'}}), ['name', 'project_id'])
    if who in ('ADMIN', 'A', 'READER', 'NOVA', 'MANAGER', 'ADMINA'):
        add(f'network-create-for-other-{who}', [], ask(who, 'POST', '/networks', {'network': {'project_id': SECOND}}),
            ['project_id', 'tenant_id'])
for who in ('A', 'NOVA'):
    add(f'network-create-for-other-tenant-{who}', [],
        ask(who, 'POST', '/networks', {'network': {'tenant_id': SECOND}}), ['project_id', 'tenant_id'])
    add(f'network-create-for-own-{who}', [],
        ask(who, 'POST', '/networks', {'network': {'project_id': CALLERS[who]['X-Project-Id']}}), ['project_id'])
for where in NETS:
    for who in WHO[where]:
        add(f'subnet-create-{where}-{who}', [network(where)], ask(who, 'POST', '/subnets', {'subnet': {
            'network_id': f'{{{where}.id}}', 'ip_version': 4, 'cidr': '10.0.0.0/24'}}), ['cidr', 'project_id'])
        add(f'port-create-{where}-{who}', [network(where)],
            ask(who, 'POST', '/ports', {'port': {'network_id': f'{{{where}.id}}'}}), ['status', 'project_id'])
for who in MAIN:
    add(f'subnet-create-for-other-{who}', [network('own')], ask(who, 'POST', '/subnets', {'subnet': {
        'network_id': '{own.id}', 'ip_version': 4, 'cidr': '10.0.0.0/24', 'project_id': SECOND}}), ['project_id'])
    add(f'port-create-for-other-{who}', [network('shared')], ask(who, 'POST', '/ports', {'port': {
        'network_id': '{shared.id}', 'project_id': SECOND}}), ['project_id'])
    for kind in ('network', 'subnet', 'port', 'agent') if who in ('A', 'READER') else ():
        add(f'{kind}-unknown-show-{who}', [], ask(who, 'GET', f'/{kind}s/{NOBODY}'))
        if who == 'A' and kind != 'agent':
            add(f'{kind}-unknown-update-{who}', [], ask(who, 'PUT', f'/{kind}s/{NOBODY}', {kind: {'description': 'x'}}))
            add(f'{kind}-unknown-delete-{who}', [], ask(who, 'DELETE', f'/{kind}s/{NOBODY}'))
add('port-create-unknown-network-A', [], ask('A', 'POST', '/ports', {'port': {'network_id': NOBODY}}))
add('subnet-create-unknown-network-A', [], ask('A', 'POST', '/subnets', {'subnet': {
    'network_id': NOBODY, 'ip_version': 4, 'cidr': '10.0.0.0/24'}}))

# ---- scopes: a token that is for no project
for who in ('DOMAIN', 'SYSTEM'):
    for method, path, body in (
            ('GET', '/networks/{own.id}', None), ('GET', '/networks?name={case}-own', None),
            ('POST', '/networks', {'network': {'name': 'n', 'project_id': FIRST}}), ('POST', '/networks', {'network': {}}),
            ('POST', '/networks', {'network': {'shared': True, 'project_id': FIRST}}),
            ('PUT', '/networks/{own.id}', {'network': {'name': 'm'}}), ('PUT', '/networks/{own.id}', {'network': {'shared': True}}),
            ('DELETE', '/networks/{own.id}', None), ('GET', '/agents', None), ('GET', f'/quotas/{FIRST}', None),
            ('PUT', f'/quotas/{FIRST}', {'quota': {'network': 5}})):
        label = method.lower() + path.replace('{own.id}', 'one').split('?')[0].replace('/', '-').replace(FIRST, 'one')
        label += '-' + '-'.join(body[next(iter(body))]) if body else ''
        if who == 'SYSTEM' and method != 'GET':
            continue
        add(f'scope-{who}-{label}', [network('own')], ask(who, method, path, body), ['name'],
            undo=[ask('ADMIN', 'DELETE', f'/quotas/{FIRST}')] if method == 'PUT' and 'quota' in path else [])

# ---- shapes: what each caller is shown
for who in ('ADMIN', 'A', 'NOVA'):
    add(f'network-keys-{who}', [network('shared')], ask(who, 'GET', '/networks/{shared.id}'), ['*'])
    add(f'network-keys-list-{who}', [network('shared')], ask(who, 'GET', '/networks?name={case}-shared'), ['*'])
    add(f'subnet-keys-{who}', subnet('shared'), ask(who, 'GET', '/subnets/{sub.id}'), ['*'])
    add(f'subnet-keys-list-{who}', subnet('shared'), ask(who, 'GET', '/subnets?name={case}-shared'), ['*'])
    add(f'port-keys-{who}', a_port('own'), ask(who, 'GET', '/ports/{port.id}'), ['*'])
    add(f'port-keys-list-{who}', a_port('own'), ask(who, 'GET', '/ports?name={case}'), ['*'])
add('network-keys-own', [network('own')], ask('A', 'GET', '/networks/{own.id}'), ['*'])
add('network-keys-external', [network('external')], ask('A', 'GET', '/networks/{external.id}'), ['*'])
add('network-keys-created', [], ask('A', 'POST', '/networks', {'network': {}}), ['*'])
add('network-keys-updated', [network('own')], ask('A', 'PUT', '/networks/{own.id}', {'network': {'name': 'x'}}), ['*'])
add('network-keys-segments-A', [net('net', shared=True, segments=[{'provider:network_type': 'vxlan'}, {'provider:network_type': 'gre'}])],
    ask('A', 'GET', '/networks/{net.id}'), ['*'])
add('subnet-keys-created', [network('own')], ask('A', 'POST', '/subnets', {'subnet': {
    'network_id': '{own.id}', 'ip_version': 4, 'cidr': '10.0.0.0/24'}}), ['*'])
add('subnet-keys-updated', subnet('own'), ask('A', 'PUT', '/subnets/{sub.id}', {'subnet': {'name': 'x'}}), ['*'])
add('port-keys-created', [network('own')], ask('A', 'POST', '/ports', {'port': {'network_id': '{own.id}'}}), ['*'])
add('port-keys-created-NOVA', [network('own')], ask('NOVA', 'POST', '/ports', {'port': {'network_id': '{own.id}'}}), ['*'])
add('port-keys-updated', a_port('own'), ask('A', 'PUT', '/ports/{port.id}', {'port': {'name': 'x'}}), ['*'])
add('port-keys-guest-A', a_port('guest'), ask('A', 'GET', '/ports/{port.id}'), ['*'])
for fields in ('provider:network_type', 'name&fields=provider:network_type', 'project_id', 'shared'):
    for who in ('A',):
        label = fields.replace('&fields=', '-and-').replace(':', '_')
        add(f'network-fields-{label}-{who}', [network('own')], ask(who, 'GET', f'/networks/{{own.id}}?fields={fields}'), ['*'])
        add(f'network-fields-list-{label}-{who}', [network('own')],
            ask(who, 'GET', f'/networks?id={{own.id}}&fields={fields}'), ['*'])
for fields in ('binding:host_id', 'name&fields=binding:vif_type'):
    label = fields.replace('&fields=', '-and-').replace(':', '_')
    for who in ('A', 'B'):
        add(f'port-fields-{label}-{who}', a_port('guest'), ask(who, 'GET', f'/ports/{{port.id}}?fields={fields}'), ['*'])
        add(f'port-fields-list-{label}-{who}', a_port('guest'), ask(who, 'GET', f'/ports?id={{port.id}}&fields={fields}'), ['*'])
        add(f'subnet-fields-{label}-{who}', subnet('shared'), ask(who, 'GET', f'/subnets/{{sub.id}}?fields={fields}'), ['*'])

# ---- lists: who sees what, and by which filters
ALL = [network(n) for n in NETS]
MINE = '&'.join(f'name={{case}}-{n}' for n in NETS)
for who in [*MORE, 'CASED', 'MANAGER']:
    add(f'network-list-{who}', ALL, ask(who, 'GET', f'/networks?{MINE}'), ['name'])
FILTERS = {
    'type': 'provider:network_type=vxlan', 'type-none': 'provider:network_type=flat', 'vlan': 'provider:segmentation_id=1',
    'physical': 'provider:physical_network=physnet1', 'shared': 'shared=true', 'unshared': 'shared=false',
    'external': 'router:external=true', 'internal': 'router:external=false', 'shared-external': 'shared=true&router:external=true',
    'project-own': f'project_id={FIRST}', 'project-other': f'project_id={SECOND}', 'tenant-other': f'tenant_id={SECOND}',
    'project-two': f'project_id={FIRST}&project_id={SECOND}', 'project-admin': f'project_id={ADMINS}',
    'id-foreign': 'id={foreign.id}', 'id-own': 'id={own.id}', 'default': 'is_default=true', 'status': 'status=ACTIVE',
    'sort': 'sort_key=project_id&sort_dir=asc', 'bad': 'description=x', 'sort-hidden': 'sort_key=provider:network_type&sort_dir=asc',
    'fields-hidden': 'fields=provider:network_type', 'limit': 'limit=1&sort_key=name&sort_dir=asc',
    'marker-foreign': 'limit=5&marker={foreign.id}&sort_key=name&sort_dir=asc',
}
for label, query in FILTERS.items():
    for who in ('ADMIN', 'A') if label in ('type', 'shared', 'project-other', 'limit') else ('A',):
        add(f'network-list-by-{label}-{who}', ALL, ask(who, 'GET', f'/networks?{MINE}&{query}'), ['name'],
            **({'limit': True, 'ordered': True} if 'limit' in query else {}))
SUBS = [*subnet('own'), *[s | {'as': s['as'] + '2'} if s['as'] == 'sub' else s for s in subnet('foreign')],
        *[s | {'as': s['as'] + '3'} if s['as'] == 'sub' else s for s in subnet('shared')],
        *[s | {'as': s['as'] + '4'} if s['as'] == 'sub' else s for s in subnet('external')]]
for who in MORE:
    add(f'subnet-list-{who}', SUBS, ask(who, 'GET', f'/subnets?{MINE}'), ['name'])
for label, query in {'segment': 'segment_id=' + NOBODY, 'project-other': f'project_id={SECOND}', 'network-foreign': 'network_id={foreign.id}',
                     'network-shared': 'network_id={shared.id}', 'shared': 'shared=true', 'external': 'router:external=true',
                     'fields-hidden': 'fields=segment_id'}.items():
    add(f'subnet-list-by-{label}-A', SUBS, ask('A', 'GET', f'/subnets?{MINE}&{query}'), ['name'])
PORTS_ALL = [network('own'), network('foreign'), network('shared')] + [
    by(who, port(f'p{i}', network_id=f'{{{where}.id}}', name='{case}-' + label, more=more))
    for i, (label, (where, who, more)) in enumerate(PORTS.items()) if where != 'external']
MY_PORTS = '&'.join(f'name={{case}}-{label}' for label in PORTS)
for who in MORE:
    add(f'port-list-{who}', PORTS_ALL, ask(who, 'GET', f'/ports?{MY_PORTS}'), ['name'])
for label, query in {'host': 'binding:host_id=h1', 'host-none': 'binding:host_id=', 'project-other': f'project_id={SECOND}', 'project-own': f'project_id={FIRST}',
                     'network-own': 'network_id={own.id}', 'network-shared': 'network_id={shared.id}', 'network-foreign': 'network_id={foreign.id}',
                     'id-guest': 'id={p1.id}', 'id-foreign': 'id={p2.id}', 'owner': 'device_owner=', 'limit': 'limit=1&sort_key=name&sort_dir=asc',
                     'fields-hidden': 'fields=binding:host_id', 'vnic': 'binding:vnic_type=normal'}.items():
    add(f'port-list-by-{label}-A', PORTS_ALL, ask('A', 'GET', f'/ports?{MY_PORTS}&{query}'), ['name'],
        **({'limit': True, 'ordered': True} if 'limit' in query else {}))


# ---- attributes: {label: attributes}, on create and on update, by each of some callers
def attributes(kind, rows, start, callers, put=True, post=True, base=None, where='own'):
    one = {'network': '{own.id}', 'subnet': '{sub.id}', 'port': '{port.id}'}[kind]
    for label, attrs in rows.items():
        hidden = ('fixed_ips', 'mac_address', 'security_groups', 'binding:profile', 'segments')
        show = [a + '#' * (a == 'allowed_address_pairs') for a in attrs if a not in hidden]   # a pair's MAC may be the port's own
        for who in callers:
            if post:
                add(f'{kind}-post-{where}-{label}-{who}', start['post'], ask(who, 'POST', f'/{kind}s', {kind: (base or {}) | attrs}),
                    ['name', *show])
            if put:
                add(f'{kind}-put-{where}-{label}-{who}', start['put'], ask(who, 'PUT', f'/{kind}s/{one}', {kind: attrs}), ['name', *show])


NET_START = {'post': [], 'put': [network('own')]}
attributes('network', {
    'shared': {'shared': True}, 'shared-default': {'shared': False}, 'external': {'router:external': True},
    'external-default': {'router:external': False}, 'is-default': {'is_default': True, 'router:external': True},
    'is-default-default': {'is_default': False}, 'security-off': {'port_security_enabled': False}, 'security-on': {'port_security_enabled': True},
    'type': {'provider:network_type': 'vxlan'}, 'physical': {'provider:physical_network': 'physnet1'}, 'segment-id': {'provider:segmentation_id': 1500},
    'segments': {'segments': [{'provider:network_type': 'vxlan'}, {'provider:network_type': 'gre'}]}, 'mtu': {'mtu': 1400}, 'mtu-default': {'mtu': 0},
    'qos-null': {'qos_policy_id': None}, 'description': {'description': 'd'}, 'dns-domain': {'dns_domain': 'a.b.'}, 'admin-down': {'admin_state_up': False},
}, NET_START, ['A'])
attributes('network', {'shared': {'shared': True}, 'type': {'provider:network_type': 'vxlan'}, 'mtu': {'mtu': 1400}}, NET_START, ['READER', 'MANAGER'])
attributes('network', {'segments-none': {'segments': []}, 'type-null': {'provider:network_type': None}, 'qos-unknown': {'qos_policy_id': NOBODY},
                       'tags': {'tags': ['x']}, 'project': {'project_id': FIRST}, 'project-other': {'project_id': SECOND},
                       'two': {'shared': True, 'router:external': True}, 'shared-and-name': {'shared': True, 'name': 'x'},
                       'zones': {'availability_zone_hints': []}, 'bad-value': {'shared': 'maybe'}, 'bad-and-forbidden': {'shared': True, 'mtu': 'x'},
                       'unknown-and-forbidden': {'shared': True, 'nosuch': 1}, 'shared-text': {'shared': '0'}, 'shared-text-true': {'shared': 'yes'},
                       'segment-id-text': {'provider:segmentation_id': 'x'}, 'empty': {}},
           NET_START | {'put': [network('own')]}, ['A'])
for label, attrs in {'shared': {'shared': True}, 'type': {'provider:network_type': 'vxlan'}, 'name': {'name': 'x'},
                     'shared-false': {'shared': False}}.items():
    for where in ('foreign', 'shared', 'external'):
        add(f'network-put-{where}-{label}-A', [network(where)], ask('A', 'PUT', f'/networks/{{{where}.id}}', {'network': attrs}), ['name'])
for label, items in {'good': [{}, {}], 'one-shared': [{'name': 'x'}, {'shared': True}], 'one-other': [{}, {'project_id': SECOND}],
                     'one-external': [{'router:external': True}, {}]}.items():
    add(f'network-bulk-{label}-A', [], ask('A', 'POST', '/networks', {'networks': items}), ['project_id', 'shared'])
add('network-bulk-READER', [], ask('READER', 'POST', '/networks', {'networks': [{}, {}]}))
add('network-bulk-two-projects', [], ask('ADMIN', 'POST', '/networks', {'networks': [{'project_id': FIRST}, {'project_id': SECOND}]}), ['project_id'])

SUB_BASE = {'network_id': '{own.id}', 'ip_version': 4, 'cidr': '10.0.0.0/24'}
attributes('subnet', {
    'service-types': {'service_types': ['compute:nova']}, 'service-types-empty': {'service_types': []}, 'segment-null': {'segment_id': None},
    'segment-unknown': {'segment_id': NOBODY}, 'gateway': {'gateway_ip': '10.0.0.9'}, 'dhcp': {'enable_dhcp': False},
    'pools': {'allocation_pools': [{'start': '10.0.0.5', 'end': '10.0.0.9'}]}, 'routes': {'host_routes': [{'destination': '1.0.0.0/8', 'nexthop': '10.0.0.2'}]},
}, {'post': [network('own')], 'put': subnet('own')}, ['A'], base=SUB_BASE)
attributes('subnet', {'service-types': {'service_types': ['compute:nova']}, 'gateway': {'gateway_ip': '10.0.0.9'}},
           {'post': [network('own')], 'put': subnet('own')}, ['READER', 'NOVA'], base=SUB_BASE)
attributes('subnet', {'gateway': {'gateway_ip': '10.0.0.9'}, 'service-types': {'service_types': ['compute:nova']}, 'bad': {'gateway_ip': 'x'}},
           {'post': [network('shared')], 'put': subnet('shared')}, ['A'], base=SUB_BASE | {'network_id': '{shared.id}'}, where='shared')
guest_sub = [network('own'), sub('sub', network_id='{own.id}', more={'project_id': SECOND})]
for who in ('A', 'B'):
    add(f'subnet-show-guest-{who}', guest_sub, ask(who, 'GET', '/subnets/{sub.id}'), ['project_id'])
    add(f'subnet-update-guest-{who}', guest_sub, ask(who, 'PUT', '/subnets/{sub.id}', {'subnet': {'name': 'x'}}), ['name'])
    add(f'subnet-delete-guest-{who}', guest_sub, ask(who, 'DELETE', '/subnets/{sub.id}'))
add('subnet-bulk-foreign-A', [network('own'), network('foreign')], ask('A', 'POST', '/subnets', {'subnets': [
    SUB_BASE, SUB_BASE | {'network_id': '{foreign.id}'}]}))
add('subnet-bulk-shared-A', [network('own'), network('shared')], ask('A', 'POST', '/subnets', {'subnets': [
    SUB_BASE, SUB_BASE | {'network_id': '{shared.id}'}]}))

PORT_ATTRS = {
    'mac': {'mac_address': 'fa:16:3e:11:22:33'}, 'ips-empty': {'fixed_ips': []}, 'ips-subnet': {'fixed_ips': [{'subnet_id': '{sub.id}'}]},
    'ips-address': {'fixed_ips': [{'ip_address': '10.0.0.7'}]}, 'ips-both': {'fixed_ips': [{'subnet_id': '{sub.id}', 'ip_address': '10.0.0.7'}]},
    'ips-mixed': {'fixed_ips': [{'subnet_id': '{sub.id}'}, {'ip_address': '10.0.0.7'}]},
    'device-id': {'device_id': 'x'}, 'device-id-default': {'device_id': ''}, 'owner': {'device_owner': 'any'}, 'owner-default': {'device_owner': ''},
    'owner-dhcp': {'device_owner': 'network:dhcp'}, 'owner-router': {'device_owner': 'network:router_interface'},
    'owner-compute': {'device_owner': 'compute:nova'}, 'owner-case': {'device_owner': 'Network:dhcp'}, 'owner-inside': {'device_owner': 'xnetwork:dhcp'},
    'security-off': {'port_security_enabled': False, 'security_groups': []}, 'security-on': {'port_security_enabled': True},
    'host': {'binding:host_id': 'h9'}, 'host-empty': {'binding:host_id': ''}, 'host-null': {'binding:host_id': None},
    'profile': {'binding:profile': {'a': 'b'}}, 'profile-empty': {'binding:profile': {}}, 'profile-null': {'binding:profile': None},
    'vnic': {'binding:vnic_type': 'direct'}, 'vnic-default': {'binding:vnic_type': 'normal'},
    'pairs': {'allowed_address_pairs': [{'ip_address': '10.0.0.77'}]}, 'pairs-empty': {'allowed_address_pairs': []},
    'pairs-mac': {'allowed_address_pairs': [{'ip_address': '10.0.0.77', 'mac_address': 'fa:16:3e:00:00:01'}]},
    'hints': {'hints': {'openvswitch': {'other_config': {'tx-steering': 'hash'}}}}, 'hints-null': {'hints': None},
    'trusted': {'trusted': True}, 'trusted-false': {'trusted': False}, 'qos-null': {'qos_policy_id': None},
    'dns': {'dns_name': 'x'}, 'options': {'extra_dhcp_opts': [{'opt_name': 'bootfile-name', 'opt_value': 'x'}]}, 'numa': {'numa_affinity_policy': 'required'},
    'name': {'name': 'n'}, 'groups': {'security_groups': []},
}
PLAIN = ('name', 'dns', 'options', 'numa', 'groups', 'hints-null', 'qos-null', 'owner-default', 'device-id-default', 'vnic-default', 'pairs-empty', 'ips-mixed',
        'profile-null', 'host-null', 'owner-inside')
for where, callers, label in (('own', ['A'], 'own'), ('shared', ['A'], 'own-on-shared')):
    attributes('port', {k: v for k, v in PORT_ATTRS.items() if where == 'own' or k not in PLAIN}, {'post': subnet(where), 'put': a_port(label, with_subnet=True)}, callers,
               base={'network_id': f'{{{where}.id}}', 'name': '{case}'}, where=where)
for callers, labels in ((['NOVA'], ('mac', 'host', 'profile', 'pairs', 'hints', 'trusted', 'ips-both', 'owner-dhcp', 'qos-null')), (['READER'], ('mac', 'name')),
                        (['MANAGER'], ('mac', 'host')), (['ADMIN', 'SERVICE'], ('profile', 'profile-empty', 'trusted'))):
    attributes('port', {k: PORT_ATTRS[k] for k in labels}, {'post': subnet('own'), 'put': a_port('own', with_subnet=True)}, callers,
               base={'network_id': '{own.id}', 'name': '{case}'})
attributes('port', {k: PORT_ATTRS[k] for k in ('mac', 'ips-both', 'owner-dhcp', 'host', 'name')}, {'post': [], 'put': a_port('guest', with_subnet=True)},
           ['A', 'B'], post=False, where='guest')
odd_ips, odd_pairs = {'fixed_ips': [{'subnet_id': '{sub.id}', 'odd': 1}]}, {'allowed_address_pairs': [{'ip_address': '10.0.0.77', 'odd': 1}]}
attributes('port', {'ips-odd-key': odd_ips, 'pairs-odd-key': odd_pairs}, {'post': subnet('own'), 'put': a_port('own', with_subnet=True)}, ['A', 'NOVA'],
           base={'network_id': '{own.id}', 'name': '{case}'})
attributes('port', {'ips-odd-key': odd_ips}, {'post': subnet('shared'), 'put': a_port('own-on-shared', with_subnet=True)}, ['A', 'NOVA'],
           base={'network_id': '{shared.id}', 'name': '{case}'}, where='shared')
for who in ('A', 'INTEGRATOR', 'ADMIN', 'NOVA'):
    add(f'port-put-own-data-plane-{who}', a_port('own'), ask(who, 'PUT', '/ports/{port.id}', {'port': {'data_plane_status': 'DOWN'}}), ['data_plane_status'])
add('port-post-own-offload-A', [network('own')], ask('A', 'POST', '/ports', {'port': {'network_id': '{own.id}', 'hardware_offload_type': 'switchdev'}}), ['status'])
add('port-post-own-offload-ADMIN', [network('own')],
    ask('ADMIN', 'POST', '/ports', {'port': {'network_id': '{own.id}', 'hardware_offload_type': 'switchdev'}}), ['status'])
for label, tags in {'none': [], 'two': ['x', 'y']}.items():
    for who in ('A', 'READER', 'NOVA'):
        add(f'port-post-own-tags-{label}-{who}', [network('own')],
            ask(who, 'POST', '/ports', {'port': {'network_id': '{own.id}', 'tags': tags}}), ['tags'])
add('port-post-shared-tags-two-A', [network('shared')], ask('A', 'POST', '/ports', {'port': {'network_id': '{shared.id}', 'tags': ['x']}}), ['tags'])
for label, attrs in {'two-forbidden': {'binding:host_id': 'h1', 'binding:profile': {}}, 'bad-and-forbidden': {'binding:host_id': 'h1', 'mac_address': 'x'},
                     'unknown-and-forbidden': {'binding:host_id': 'h1', 'nosuch': 1}}.items():
    add(f'port-post-own-{label}-A', [network('own')], ask('A', 'POST', '/ports', {'port': {'network_id': '{own.id}'} | attrs}))
add('port-bulk-one-forbidden-A', [network('own')], ask('A', 'POST', '/ports', {'ports': [
    {'network_id': '{own.id}'}, {'network_id': '{own.id}', 'binding:host_id': 'h1'}]}))
add('port-bulk-one-foreign-A', [network('own'), network('foreign')], ask('A', 'POST', '/ports', {'ports': [
    {'network_id': '{own.id}'}, {'network_id': '{foreign.id}'}]}))
add('port-bulk-shared-A', [network('own'), network('shared')], ask('A', 'POST', '/ports', {'ports': [
    {'network_id': '{own.id}'}, {'network_id': '{shared.id}'}]}), ['project_id'])
for owner in ('compute:nova', 'baremetal:none', 'manila:share', 'network:dhcp', 'network:floatingip_agent_gateway', 'Compute:nova', 'other'):
    for who in ('A', 'HELPED', 'NOVA') if owner.startswith(('compute', 'other')) else ('A',):
        slug = owner.replace(':', '-')
        add(f'port-delete-owner-{slug}-{who}', a_port('own', more={'device_owner': owner}), ask(who, 'DELETE', '/ports/{port.id}'))
    if owner != 'other':
        add(f'port-delete-guest-owner-{slug}-A', a_port('guest', more={'device_owner': owner}), ask('A', 'DELETE', '/ports/{port.id}'))
add('port-put-owner-away-A', a_port('own', more={'device_owner': 'compute:nova'}), ask('A', 'PUT', '/ports/{port.id}', {'port': {'device_owner': ''}}), ['device_owner'])
add('port-put-keep-network-owner-A', [network('shared'), port('port', network_id='{shared.id}', more={'project_id': FIRST, 'device_owner': 'network:dhcp'})],
    ask('A', 'PUT', '/ports/{port.id}', {'port': {'name': 'x'}}), ['name'])
add('port-put-device-of-network-owner-A', [network('shared'), port('port', network_id='{shared.id}', more={'project_id': FIRST, 'device_owner': 'network:dhcp'})],
    ask('A', 'PUT', '/ports/{port.id}', {'port': {'device_id': 'x'}}), ['device_id'])
add('port-ips-same-shared-A', a_port('own-on-shared', with_subnet=True), ask('A', 'PUT', '/ports/{port.id}', {'port': {'fixed_ips': [
    {'subnet_id': '{port.fixed_ips.0.subnet_id}', 'ip_address': '{port.fixed_ips.0.ip_address}'}]}}), ['name'])
add('network-delete-with-guest-A', a_port('guest'), ask('A', 'DELETE', '/networks/{own.id}'))
add('network-unshare-used', [network('shared'), by('A', port('port', network_id='{shared.id}'))],
    ask('ADMIN', 'PUT', '/networks/{shared.id}', {'network': {'shared': False}}), ['shared'])
add('network-unshare-unused', [network('shared')], ask('ADMIN', 'PUT', '/networks/{shared.id}', {'network': {'shared': False}}), ['shared'])
add('network-if-match-foreign-A', [network('foreign')], ask('A', 'DELETE', '/networks/{foreign.id}', headers={'If-Match': 'revision_number=99'}))
add('network-if-match-forbidden-A', [network('shared')], ask('A', 'DELETE', '/networks/{shared.id}', headers={'If-Match': 'revision_number=99'}))
for who in ('READER', 'A'):
    add(f'network-bad-json-{who}', [], ask(who, 'POST', '/networks', raw='{'))
    add(f'network-unknown-attribute-{who}', [], ask(who, 'POST', '/networks', {'network': {'nosuch': 1}}))
    add(f'network-delete-body-{who}', [network('shared')], ask(who, 'DELETE', '/networks/{shared.id}', {'x': 1}))
    add(f'network-put-bad-{who}', [network('shared')], ask(who, 'PUT', '/networks/{shared.id}', {'network': {'name': 5}}))
    add(f'network-put-readonly-{who}', [network('shared')], ask(who, 'PUT', '/networks/{shared.id}', {'network': {'status': 'DOWN'}}))

# ---- agents
H1 = step('GET', '/agents?host=h1&binary=neutron-dhcp-agent') | {'as': 'agent'}
for who in ('ADMIN', 'A', 'READER', 'NOVA'):
    for label, request in {
            'list': ask(who, 'GET', '/agents?host=h1&binary=neutron-dhcp-agent'), 'show': ask(who, 'GET', '/agents/{agent.id}'),
            'put': ask(who, 'PUT', '/agents/{agent.id}', {'agent': {'description': 'd'}}), 'put-bad': ask(who, 'PUT', '/agents/{agent.id}', {'agent': {'nosuch': 1}}),
            'post': ask(who, 'POST', '/agents', {'agent': {}}), 'put-unknown': ask(who, 'PUT', f'/agents/{NOBODY}', {'agent': {'description': 'd'}}),
            'delete-unknown': ask(who, 'DELETE', f'/agents/{NOBODY}')}.items():
        add(f'agent-{label}-{who}', [H1], request, ['host'], needs='agents',
            undo=[step('PUT', '/agents/{agent.id}', {'agent': {'description': ''}})] if label == 'put' else [])
    if who != 'ADMIN':
        add(f'agent-delete-{who}', [H1], ask(who, 'DELETE', '/agents/{agent.id}'), needs='agents')

# ---- quotas
QUOTA = ['network', 'subnet', 'port']
FREE = [step('DELETE', f'/quotas/{FIRST}'), step('DELETE', f'/quotas/{SECOND}')]


def limit(project=FIRST, **limits):
    return step('PUT', f'/quotas/{project}', {'quota': limits | {'force': True}})


def quota(name, setup, request, show=(), **more):
    add('quota-' + name, setup, request, show, undo=[*more.pop('undo', []), *FREE], **more)


for who in ['ADMIN', 'A', 'READER', 'MANAGER', 'NOVA']:
    quota(f'show-own-{who}', [limit(network=7)], ask(who, 'GET', f'/quotas/{FIRST}'), QUOTA)
    quota(f'show-other-{who}', [limit(SECOND, network=7)], ask(who, 'GET', f'/quotas/{SECOND}'), QUOTA)
    quota(f'default-own-{who}', [limit(network=7)], ask(who, 'GET', f'/quotas/{FIRST}/default'), QUOTA)
    quota(f'default-other-{who}', [], ask(who, 'GET', f'/quotas/{SECOND}/default'), QUOTA)
    quota(f'list-{who}', [limit(network=7), limit(SECOND, port=8)], ask(who, 'GET', '/quotas'), ['project_id', 'tenant_id', *QUOTA])
    quota(f'update-own-{who}', [], ask(who, 'PUT', f'/quotas/{FIRST}', {'quota': {'network': 5}}), QUOTA)
    quota(f'delete-{who}', [limit(network=7)], ask(who, 'DELETE', f'/quotas/{FIRST}'))
for label, attrs in {
        'minus-one': {'network': -1}, 'minus-two': {'network': -2}, 'zero': {'network': 0}, 'text': {'network': '5'}, 'text-bad': {'network': 'x'},
        'null': {'network': None}, 'fraction': {'network': 1.5}, 'boolean': {'network': True}, 'big': {'network': 2 ** 31 - 1}, 'too-big': {'network': 2 ** 31},
        'huge': {'network': 10 ** 30}, 'list': {'network': [1]}, 'unknown': {'nosuch': 5}, 'several': {'network': 5, 'subnet': 6, 'port': 7}, 'empty': {},
        'force': {'network': 5, 'force': True}, 'force-false': {'network': 5, 'force': False}, 'force-text': {'network': 5, 'force': 'yes'},
        'check-limit': {'network': 5, 'check_limit': True}, 'project': {'network': 5, 'project_id': SECOND}, 'tenant': {'network': 5, 'tenant_id': FIRST},
        'same': {'network': 100}, 'one-bad': {'network': 5, 'port': -2}}.items():
    quota(f'put-{label}', [], ask('ADMIN', 'PUT', f'/quotas/{FIRST}', {'quota': attrs}), QUOTA)
for label, raw in {'empty': '', 'text': 'x', 'list': '[]', 'null': 'null', 'object': '{}', 'other-key': '{"network": {}}', 'inner-null': '{"quota": null}',
                   'inner-list': '{"quota": []}', 'inner-text': '{"quota": "x"}', 'two-keys': '{"quota": {"network": 4}, "x": 1}'}.items():
    quota(f'body-{label}', [], ask('ADMIN', 'PUT', f'/quotas/{FIRST}', raw=raw), QUOTA)
quota('delete-none', [], ask('ADMIN', 'DELETE', f'/quotas/{SECOND}'))
quota('body-bad-A', [], ask('A', 'PUT', f'/quotas/{FIRST}', raw='x'))
quota('body-unknown-A', [], ask('A', 'PUT', f'/quotas/{FIRST}', {'quota': {'nosuch': 5}}))
quota('put-below-use', [network('own')], ask('ADMIN', 'PUT', f'/quotas/{FIRST}', {'quota': {'network': 0}}), QUOTA)
quota('put-below-use-forced', [network('own')], ask('ADMIN', 'PUT', f'/quotas/{FIRST}', {'quota': {'network': 0, 'force': True}}), QUOTA)
quota('put-at-use', [network('own')], ask('ADMIN', 'PUT', f'/quotas/{FIRST}', {'quota': {'network': 1}}), QUOTA)
quota('put-partly-below', [network('own')], ask('ADMIN', 'PUT', f'/quotas/{FIRST}', {'quota': {'subnet': 9, 'network': 0}}), QUOTA)
quota('put-twice', [limit(network=7)], ask('ADMIN', 'PUT', f'/quotas/{FIRST}', {'quota': {'port': 8}}), QUOTA)
quota('put-untouched-others', [limit(network=7, port=8), limit(network=9)], ask('ADMIN', 'GET', f'/quotas/{FIRST}'), QUOTA)
quota('after-delete', [limit(network=7), step('DELETE', f'/quotas/{FIRST}')], ask('ADMIN', 'GET', f'/quotas/{FIRST}'), QUOTA)
quota('any-project', [], ask('ADMIN', 'GET', '/quotas/nosuch'), QUOTA)
quota('any-project-default', [], ask('ADMIN', 'GET', '/quotas/nosuch/default'), QUOTA)
quota('keys-show', [], ask('ADMIN', 'GET', f'/quotas/{FIRST}'), ['*'])
quota('keys-list', [limit(network=7)], ask('ADMIN', 'GET', '/quotas'), ['*'])
quota('keys-default', [], ask('ADMIN', 'GET', f'/quotas/{FIRST}/default'), ['*'])
quota('keys-put', [], ask('ADMIN', 'PUT', f'/quotas/{FIRST}', {'quota': {'network': 4}}), ['*'])
quota('tenant-A', [], ask('A', 'GET', '/quotas/tenant'), ['*'])
quota('project-A', [], ask('A', 'GET', '/quotas/project'), ['*'])
quota('post', [], ask('ADMIN', 'POST', '/quotas', {'quota': {'network': 5}}))
quota('post-A', [], ask('A', 'POST', '/quotas', {'quota': {'network': 5}}))
quota('json-suffix', [limit(network=7)], ask('ADMIN', 'GET', f'/quotas/{FIRST}.json'), QUOTA)
quota('fields', [limit(network=7)], ask('ADMIN', 'GET', f'/quotas/{FIRST}?fields=network'), ['*'])
quota('list-empty', [], ask('ADMIN', 'GET', '/quotas'), ['*'])
quota('list-filter', [limit(network=7), limit(SECOND, network=8)], ask('ADMIN', 'GET', f'/quotas?project_id={FIRST}'), ['project_id', 'network'])
quota('list-limit', [limit(network=7), limit(SECOND, network=8)], ask('ADMIN', 'GET', '/quotas?limit=1'), ['network'])
quota('delete-body', [limit(network=7)], ask('ADMIN', 'DELETE', f'/quotas/{FIRST}', {'x': 1}))
quota('patch', [], ask('ADMIN', 'PATCH', f'/quotas/{FIRST}', {'quota': {}}))

NETBODY = {'network': {'name': 'n'}}
quota('over-network', [limit(network=1), network('own')], ask('A', 'POST', '/networks', NETBODY))
quota('over-network-zero', [limit(network=0)], ask('A', 'POST', '/networks', NETBODY))
quota('over-network-unlimited', [limit(network=-1), network('own')], ask('A', 'POST', '/networks', NETBODY), ['name'])
quota('over-network-last', [limit(network=2), network('own')], ask('A', 'POST', '/networks', NETBODY), ['name'])
quota('over-network-admin-for-A', [limit(network=0)], ask('ADMIN', 'POST', '/networks', {'network': {'project_id': FIRST}}), ['project_id'])
quota('over-network-other-project', [limit(network=0)], ask('B', 'POST', '/networks', NETBODY), ['name'])
quota('over-network-after-delete', [limit(network=1), network('own'), by('A', step('DELETE', '/networks/{own.id}'))],
      ask('A', 'POST', '/networks', NETBODY), ['name'])
quota('over-network-bulk', [limit(network=1)], ask('A', 'POST', '/networks', {'networks': [{}, {}]}))
quota('over-network-bulk-fits', [limit(network=2)], ask('A', 'POST', '/networks', {'networks': [{}, {}]}), ['project_id'])
quota('over-network-bulk-two-projects', [limit(network=1)], ask('ADMIN', 'POST', '/networks', {'networks': [{'project_id': FIRST}, {'project_id': SECOND}]}), ['project_id'])
quota('over-network-forced-below', [network('own'), limit(network=0)], ask('A', 'PUT', '/networks/{own.id}', {'network': {'name': 'x'}}), ['name'])
quota('over-network-and-forbidden', [limit(network=0)], ask('A', 'POST', '/networks', {'network': {'shared': True}}))
quota('over-network-and-reader', [limit(network=0)], ask('READER', 'POST', '/networks', NETBODY))
quota('over-network-and-bad', [limit(network=0)], ask('A', 'POST', '/networks', {'network': {'mtu': 'x'}}))
quota('over-network-and-late-bad', [limit(network=0)], ask('A', 'POST', '/networks', {'network': {'mtu': 9000}}))
quota('over-subnet', [limit(subnet=1), *subnet('own')], ask('A', 'POST', '/subnets', {'subnet': SUB_BASE | {'cidr': '10.1.0.0/24'}}))
quota('over-subnet-zero-foreign-network', [limit(subnet=0), network('foreign')], ask('A', 'POST', '/subnets', {'subnet': SUB_BASE | {'network_id': '{foreign.id}'}}))
quota('over-subnet-bulk', [limit(subnet=1), network('own')], ask('A', 'POST', '/subnets', {'subnets': [SUB_BASE, SUB_BASE | {'cidr': '10.1.0.0/24'}]}))
quota('over-port', [limit(port=1), *a_port('own')], ask('A', 'POST', '/ports', {'port': {'network_id': '{own.id}'}}))
quota('over-port-zero-unknown-network', [limit(port=0)], ask('A', 'POST', '/ports', {'port': {'network_id': NOBODY}}))
quota('over-port-zero-foreign-network', [limit(port=0), network('foreign')], ask('A', 'POST', '/ports', {'port': {'network_id': '{foreign.id}'}}))
quota('over-port-by-owner-not-network', [limit(SECOND, port=0), network('own')], ask('ADMIN', 'POST', '/ports', {'port': {'network_id': '{own.id}', 'project_id': SECOND}}))
quota('over-port-guest-counts', [limit(SECOND, port=1), *a_port('guest')], ask('B', 'POST', '/ports', {'port': {'network_id': '{own.id}'}}))
quota('over-port-guest-counts-not-owner', [limit(port=1), *a_port('guest')], ask('A', 'POST', '/ports', {'port': {'network_id': '{own.id}'}}), ['status'])
quota('over-port-bulk', [limit(port=1), network('own')], ask('A', 'POST', '/ports', {'ports': [{'network_id': '{own.id}'}] * 2}))
quota('over-port-and-forbidden', [limit(port=0), network('own')], ask('A', 'POST', '/ports', {'port': {'network_id': '{own.id}', 'binding:host_id': 'h1'}}))


def all_cases():
    import cases_policy_bindings
    import cases_policy_flavors
    import cases_policy_floatingips
    import cases_policy_groups
    import cases_policy_helpers
    import cases_policy_local_ips
    import cases_policy_logs
    import cases_policy_metering
    import cases_policy_ndp
    import cases_policy_pools
    import cases_policy_qos
    import cases_policy_router
    import cases_policy_sharing
    import cases_policy_tags
    import cases_policy_trunks
    if not any(case['name'].startswith('router-') for case in CASES):
        cases_policy_router.fill()
        cases_policy_bindings.fill(add)
        cases_policy_qos.fill(add)
        cases_policy_flavors.fill(add)
        cases_policy_floatingips.fill(add)
        cases_policy_groups.fill(add)
        cases_policy_helpers.fill(add)
        cases_policy_local_ips.fill(add)
        cases_policy_logs.fill(add)
        cases_policy_metering.fill(add)
        cases_policy_ndp.fill(add)
        cases_policy_pools.fill(add)
        cases_policy_sharing.fill(add)
        cases_policy_tags.fill(add)
        cases_policy_trunks.fill(add)
    return CASES
