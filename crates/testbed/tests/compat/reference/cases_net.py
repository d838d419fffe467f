"""Cases of networks and subnets."""
from cases import BOOL, DROP, LONG, MAC, NOBODY, PROV, SEGMENT, START, UUID
from cases import add, common, lists, net, port, posts, puts, seg, step, sub, sub6, values


def pool(*pairs):
    return [{'start': a, 'end': b} for a, b in pairs]


def p4(first, last):
    return f'10.0.0.{first}', f'10.0.0.{last}'


def networks():
    common('network', {'name': '{case}'})
    values('network', 'admin_state_up', BOOL)
    for attr in ('shared', 'router:external', 'port_security_enabled', 'is_default'):
        values('network', attr, [True, 'maybe', None], put=1)
    values('network', 'qos_policy_id', UUID)
    values('network', 'dns_domain', ['my-domain.org.', 'nodot', '', None, 'UPPER.org.', 7, 'bad_char.org.', '-lead.org.',
        'a..b.', '1.2.'], put=3)
    values('network', 'mtu', ['1400', -1, None, 0, 1, 1451, 'x', True, 1.5])
    values('network', 'availability_zone_hints', [['nova'], ['nosuch'], 'nova', ['nova', 'nova'], None, [LONG[256]]], put=1,
        needs='agents')
    values('network', 'ha', [True, 'maybe'], put=1)
    posts('network', 'defaults', [], {'none': {}}, show=['admin_state_up', 'shared', 'status', 'subnets', 'router:external',
        'mtu', 'description', 'dns_domain', 'port_security_enabled', 'availability_zone_hints', 'availability_zones',
        'l2_adjacency', 'ipv4_address_scope', 'ipv6_address_scope', 'qos_policy_id', 'is_default', 'tags',
        'provider:network_type', 'provider:physical_network', 'revision_number', 'segments', 'ha'])
    posts('network', 'external', [], {'yes': {'router:external': True}, 'default': {'router:external': True,
        'is_default': True}, 'default-only': {'is_default': True}}, show=['is_default', 'router:external', 'shared',
        'provider:network_type'])
    add('network-post-external-default-twice', [net(more={'router:external': True, 'is_default': True})],
        step('POST', '/networks', {'network': {'router:external': True, 'is_default': True}}), ['is_default'])
    puts('network', 'external', [net()], {'on': {'router:external': True}, 'on-default': {'router:external': True,
        'is_default': True}}, show=['is_default', 'shared'])
    puts('network', 'external', [net(more={'router:external': True})], {'off': {'router:external': False},
        'default': {'is_default': True}}, show=['is_default'])
    add('network-get-external', [net(more={'router:external': True})], step('GET', '/networks/{net.id}'),
        ['*', 'is_default', 'shared'])
    puts('network', 'ro', [net()], {a: {a: v} for a, v in {'status': 'DOWN', 'availability_zones': []}.items()})
    posts('network', 'ro', [], {a: {a: v} for a, v in {'subnets': []}.items()})
    segments()
    three = [net('a', name='{case}-a', mtu=1300), net('b', name='{case}-b', admin_state_up=False, shared=True,
        more=seg('vlan', 'physnet1', 150)), net('c', name='{case}-c', more=seg('flat',
        'phys-{case}') | {'router:external': True})]
    lists('network', 'by', three, '&'.join(f'name={{case}}-{c}' for c in 'abc'),
        {'up': 'admin_state_up=true', 'down': 'admin_state_up=0', 'shared': 'shared=True', 'unshared': 'shared=False',
        'external': 'router:external=True', 'internal': 'router:external=false', 'status': 'status=ACTIVE',
        'status-case': 'status=active', 'mtu': 'mtu=1300', 'type': 'provider:network_type=vlan',
        'physnet': 'provider:physical_network=physnet1', 'segid': 'provider:segmentation_id=150',
        'default': 'is_default=True', 'sort-mtu': 'sort_key=mtu&sort_dir=asc&sort_key=name&sort_dir=asc'})
    lists('network', 'refused', [], '', {'up-bad': 'admin_state_up=maybe', 'shared-bad': 'shared=x', 'mtu-bad': 'mtu=x',
        'sort-shared': 'sort_key=shared&sort_dir=asc'})
    made = [net(), sub()]
    look = ['revision_number', 'subnets']
    add('network-revision-subnet', made, step('GET', '/networks/{net.id}'), look)
    add('network-revision-two-subnets', [*made, sub('sub2', cidr='10.0.1.0/24')], step('GET', '/networks/{net.id}'), look)
    add('network-revision-subnet-gone', [*made, step('DELETE', '/subnets/{sub.id}')], step('GET', '/networks/{net.id}'),
        look)
    add('network-revision-subnet-put', [*made, step('PUT', '/subnets/{sub.id}', {'subnet': {'name': 'y'}})],
        step('GET', '/networks/{net.id}'), look)
    add('network-revision-port', [*made, port()], step('GET', '/networks/{net.id}'), look)
    for label, attrs in {'shared': {'shared': True}, 'external': {'router:external': True}, 'mtu': {'mtu': 1400},
            'psec': {'port_security_enabled': False}, 'dns': {'dns_domain': 'a.'},
            'same-up': {'admin_state_up': True}}.items():
        add(f'network-revision-put-{label}', [net(), step('PUT', '/networks/{net.id}', {'network': attrs})],
            step('GET', '/networks/{net.id}'), ['revision_number'])
    add('network-delete-subnet', made, step('DELETE', '/networks/{net.id}'))
    add('network-delete-subnet-gone', [*made, step('DELETE', '/networks/{net.id}')], step('GET', '/subnets/{sub.id}'))
    for owner in ('', 'network:dhcp', 'network:distributed', 'network:router_gateway'):
        label = owner.replace(':', '-') or 'plain'
        add(f'network-delete-port-{label}', [*made, port(device_owner=owner)], step('DELETE', '/networks/{net.id}'))
    add('network-delete-mixed-ports', [*made, port(device_owner='network:dhcp'), port('p2')],
        step('DELETE', '/networks/{net.id}'))
    add('network-delete-dhcp-port-gone', [*made, port(device_owner='network:dhcp'), step('DELETE', '/networks/{net.id}')],
        step('GET', '/ports/{port.id}'))
    # projects that use a shared network keep it shared
    theirs = [net(shared=True), sub(), port(more={'project_id': 'b' * 32})]
    puts('network', 'unshare', theirs, {'used': {'shared': False}})
    puts('network', 'unshare', [net(shared=True), sub(), port()], {'own': {'shared': False}})
    puts('network', 'psec', [net(), sub(), port()], {'off': {'port_security_enabled': False}})
    posts('port', 'psec-of-net', [net(port_security_enabled=False), sub()], {'off': {},
        'on': {'port_security_enabled': True}}, show=['port_security_enabled'])


def segments():
    good = {'flat': seg('flat', 'phys-{case}'), 'vlan': seg('vlan', 'physnet1', 120),
        'vlan-outside': seg('vlan', 'physnet1', 1234), 'vlan-norange': seg('vlan', 'physnet2', 7),
        'vlan-auto': (seg('vlan', 'physnet1'), SEGMENT[:2]), 'vxlan': seg('vxlan', DROP, 1500),
        'vxlan-outside': seg('vxlan', DROP, 70000), 'vxlan-high': seg('vxlan', DROP, 2 ** 24 - 1),
        'gre': seg('gre', DROP, 1600), 'geneve': seg('geneve', DROP, 1700), 'local': seg('local'),
        'all-null': seg(None, None, None)}
    posts('network', 'segment', [], good, show=['mtu', 'provider:physical_network', 'provider:network_type'])
    for kind in ('vxlan', 'gre', 'geneve', 'vlan'):
        posts('network', 'segment-auto', [], {kind: (seg(kind), ['mtu'])})
    bad = {'flat-nophys': seg('flat'), 'flat-id': seg('flat', 'phys-{case}', 5),
        'flat-id-zero': seg('flat', 'phys-{case}', 0), 'vlan-unknown': seg('vlan', 'nophys', 5),
        'vlan-unknown-noid': seg('vlan', 'nophys'), 'vlan-norange-noid': seg('vlan', 'physnet2'),
        'vlan-nophys-id': seg('vlan', DROP, 5), 'vlan-zero': seg('vlan', 'physnet1', 0),
        'vlan-4095': seg('vlan', 'physnet1', 4095), 'vlan-text-id': seg('vlan', 'physnet1', 'x'),
        'vxlan-phys': seg('vxlan', 'physnet1', 1500), 'vxlan-zero': seg('vxlan', DROP, 0),
        'vxlan-over': seg('vxlan', DROP, 2 ** 24), 'gre-phys': seg('gre', 'physnet1', 5),
        'local-phys': seg('local', 'physnet1'), 'local-id': seg('local', DROP, 5), 'unknown': seg('token'),
        'empty': seg(''), 'number': seg(5), 'phys-only': seg(DROP, 'physnet1'), 'id-only': seg(DROP, DROP, 150),
        'null-type': seg(None, 'physnet1', 150), 'phys-long': seg('flat', LONG[65]), 'upper': seg('VLAN', 'physnet1', 150)}
    posts('network', 'segment-bad', [], bad)
    twice = {'flat': seg('flat', 'phys-{case}'), 'vlan': seg('vlan', 'physnet1', 130), 'vxlan': seg('vxlan', DROP, 1510),
        'local': seg('local')}
    for kind, attrs in twice.items():
        posts('network', 'segment-twice', [net(more=attrs)], {kind: attrs})
    posts('network', 'segment-again', [net(more=seg('vlan', 'physnet1', 131)), step('DELETE', '/networks/{net.id}')],
        {'freed': seg('vlan', 'physnet1', 131)})
    posts('network', 'segment-shared-id', [net(more=seg('vlan', 'physnet1', 132))],
        {'other-phys': seg('vlan', 'physnet2', 132)})
    some = [seg('vlan', 'physnet1', 140), seg('vlan', 'physnet2', 140)]
    shape = ['segments', *SEGMENT, 'l2_adjacency']
    posts('network', 'segments', [], {'two': {'segments': some}, 'one': {'segments': some[:1]},
        'mixed': {'segments': [some[0], seg('vxlan', DROP, 1511)]}, 'null': {'segments': None},
        'text': {'segments': 'x'}, 'twice': {'segments': [some[0], some[0]]},
        'unknown-key': {'segments': [some[0] | {'color': 1}]}, 'bad-id': {'segments': [seg('vlan', 'physnet1', 5000)]},
         'second-bad': {'segments': [some[0], seg('flat')]}, 'and-provider': {'segments': some} | seg('vlan', 'physnet1',
        141), 'and-type': {'segments': some} | seg('vxlan')}, show=shape)
    posts('network', 'segments', [], {'empty': {'segments': []}}, show=PROV[:2])
    add('network-get-segments', [net(segments=some)], step('GET', '/networks/{net.id}'), shape)
    lists('network', 'segments', [net(name='{case}', segments=some)], 'name={case}',
        {'second': 'provider:physical_network=physnet2', 'id': 'provider:segmentation_id=140',
        'none': 'provider:segmentation_id=141'})
    vlan = [net(more=seg('vlan', 'physnet1', 160))]
    puts('network', 'segment', vlan, {'id': seg(DROP, DROP, 161), 'id-outside': seg(DROP, DROP, 900),
        'id-bad': seg(DROP, DROP, 4095), 'id-null': seg(DROP, DROP, None), 'phys': seg(DROP, 'physnet2'),
        'type': seg('vxlan'), 'same-all': seg('vlan', 'physnet1', 160), 'all': seg('vlan', 'physnet1', 162),
        'segments': {'segments': some}}, show=SEGMENT)
    puts('network', 'segment-used', [*vlan, net('b', more=seg('vlan', 'physnet1', 163))], {'id': seg(DROP, DROP, 163)})
    puts('network', 'segment-vxlan', [net(more=seg('vxlan', DROP, 1520))], {'id': seg(DROP, DROP, 1521),
        'same-id': seg(DROP, DROP, 1520), 'type': seg('vlan')})
    puts('network', 'segment-multi', [net(segments=some)], {'id': seg(DROP, DROP, 161), 'segments': {'segments': some}})
    puts('network', 'segment-port', [*vlan, sub(), port()], {'id': seg(DROP, DROP, 161)}, show=SEGMENT)
    types = {'flat': seg('flat', 'phys-{case}'), 'vlan': seg('vlan', 'physnet1', 170), 'gre': seg('gre', DROP, 1530),
        'geneve': seg('geneve', DROP, 1530), 'vxlan': seg('vxlan', DROP, 1530), 'local': seg('local')}
    for kind, most in {'flat': 1500, 'vlan': 1500, 'gre': 1458, 'geneve': 1442, 'vxlan': 1450, 'local': 1500}.items():
        posts('network', 'mtu-most', [],
            {kind: types[kind] | {'mtu': most}, f'{kind}-over': types[kind] | {'mtu': most + 1}})
    posts('network', 'mtu-segments', [], {'lowest': {'segments': [some[0], seg('vxlan', DROP, 1531)]}}, show=['mtu'])
    puts('network', 'mtu-after', [net(mtu=1400)], {'zero': {'mtu': 0}, 'lower': {'mtu': 1300}, 'higher': {'mtu': 1450},
        'over': {'mtu': 1451}, 'text': {'mtu': '1300'}})
    puts('network', 'mtu-subnet', [net(), sub()], {'67': {'mtu': 67}, '68': {'mtu': 68}})
    puts('network', 'mtu-subnet6', [net(), sub6()], {'1279': {'mtu': 1279}, '1280': {'mtu': 1280}})
    for mtu in (67, 68, 1279, 1280):
        posts('subnet', 'mtu', [net(mtu=mtu)], {f'v4-{mtu}': {}, f'v6-{mtu}': {'ip_version': 6, 'cidr': '2001:db8::/64'}})


def subnets():
    common('subnet', {'network_id': '{net.id}', 'ip_version': 4, 'cidr': '10.0.0.0/24', 'name': '{case}'})
    posts('subnet', 'missing', START['subnet'], {'network': {'network_id': DROP}, 'version': {'ip_version': DROP},
        'cidr': {'cidr': DROP}})
    posts('subnet', 'defaults', [net()], {'v4': {}, 'v6': {'ip_version': 6, 'cidr': '2001:db8::/64'}},
        show=['gateway_ip', 'allocation_pools', 'enable_dhcp', 'dns_nameservers', 'host_routes', 'ipv6_ra_mode',
        'ipv6_address_mode', 'service_types', 'segment_id', 'subnetpool_id', 'router:external', 'dns_publish_fixed_ip',
        'description', 'name', 'revision_number', 'tags', 'shared', 'prefixlen', 'use_default_subnetpool'])
    values('subnet', 'ip_version', [4, '4', 5, 'x', None, []], put=1)
    values('subnet', 'network_id', UUID, put=1)
    values('subnet', 'subnetpool_id', ['prefix_delegation', *UUID], put=1)
    values('subnet', 'prefixlen', [24, -1, 'x', None], put=1)
    values('subnet', 'enable_dhcp', ['no', 'maybe'])
    values('subnet', 'use_default_subnetpool', [True, 'maybe'], put=0)
    puts('subnet', 'ro', [net(), sub()], {'use_default_subnetpool': {'use_default_subnetpool': True},
        'external': {'router:external': True}, 'cidr': {'cidr': '10.0.0.0/25'}})
    posts('subnet', 'ro', [net()], {'external': {'router:external': True}})
    values('subnet', 'dns_publish_fixed_ip', [True, 'maybe'])
    values('subnet', 'segment_id', UUID[:3])
    posts('subnet', 'pool', [net()], {'prefixlen': {'cidr': DROP, 'prefixlen': 24},
        'unknown': {'cidr': DROP, 'subnetpool_id': NOBODY}, 'unknown-cidr': {'subnetpool_id': NOBODY},
        'default': {'cidr': DROP, 'use_default_subnetpool': True}, 'default-v6': {'cidr': DROP, 'ip_version': 6,
        'use_default_subnetpool': True}, 'both': {'cidr': DROP, 'use_default_subnetpool': True, 'subnetpool_id': NOBODY},
        'cidr-prefixlen-pool': {'prefixlen': 24, 'subnetpool_id': NOBODY}, 'pools': {'cidr': DROP, 'subnetpool_id': NOBODY,
        'allocation_pools': pool(p4(5, 9))}})
    both = ['gateway_ip', 'allocation_pools']
    v4 = {'host-bits': '10.0.0.77/24', 'slash0': '0.0.0.0/0', 'slash30': '10.0.0.4/30', 'slash31': '10.0.0.4/31',
        'slash32': '10.0.0.4/32', 'slash33': '10.0.0.0/33', 'multicast': '224.1.0.0/24', 'loopback': '127.0.0.0/24',
        'zero': '0.0.0.0/24', 'bare': '10.0.0.0', 'mask': '10.0.0.0/255.255.255.0', 'short': '10.0/24',
        'v6': '2001:db8::/64', 'null': None}
    posts('subnet', 'cidr4', [net()], {k: ({'cidr': v}, both) for k, v in v4.items()})
    posts('subnet', 'cidr4-nodhcp', [net()], {k: ({'cidr': v4[k], 'enable_dhcp': False}, both) for k in ('slash31',
        'slash32', 'multicast', 'loopback', 'zero')})
    v6 = {'upper': '2001:DB8:0:0::/64', 'host-bits': '2001:db8::7/64', 'slash0': '::/0', 'slash127': '2001:db8::/127',
        'slash128': '2001:db8::1/128', 'unspecified': '::/64', 'loopback': '::1/128', 'multicast': 'ff00::/64',
        'mapped': '::ffff:10.0.0.0/120', 'v4': '10.0.0.0/24'}
    posts('subnet', 'cidr6', [net()], {k: ({'ip_version': 6, 'cidr': v}, both) for k, v in v6.items()})
    posts('subnet', 'cidr6-nodhcp', [net()], {k: ({'ip_version': 6, 'cidr': v6[k], 'enable_dhcp': False},
        both) for k in ('slash127', 'slash128', 'unspecified')})
    posts('subnet', 'overlap', [net(), sub()], {'same': {}, 'inside': {'cidr': '10.0.0.128/25'},
        'around': {'cidr': '10.0.0.0/16'}, 'beside': {'cidr': '10.0.1.0/24'},
        'v6': {'ip_version': 6, 'cidr': '2001:db8::/64'}})
    posts('subnet', 'overlap-other-net', [net(), net('b', name='{case}-b'), sub(network_id='{b.id}')], {'same': {}})
    gateways = {'last': '10.0.0.254', 'middle': '10.0.0.100', 'network': '10.0.0.0', 'broadcast': '10.0.0.255',
        'outside': '10.9.9.9', 'v6': '2001:db8::1', 'null': None, 'text': 'x', 'second': '10.0.0.2'}
    posts('subnet', 'gateway', [net()], {k: {'gateway_ip': v} for k, v in gateways.items()}, show=both)
    puts('subnet', 'gateway', [net(), sub()], {k: {'gateway_ip': gateways[k]} for k in ('last', 'network', 'outside', 'v6',
        'null', 'text')}, show=both)
    puts('subnet', 'gateway-room', [net(), sub(allocation_pools=pool(p4(10, 20)))],
        {'free': {'gateway_ip': '10.0.0.9'}, 'in-pool': {'gateway_ip': '10.0.0.15'}, 'null': {'gateway_ip': None}},
        show=both)
    puts('subnet', 'gateway-port', [net(), sub(allocation_pools=pool(p4(10, 20))),
        port(fixed_ips=[{'ip_address': '10.0.0.9'}])], {'taken': {'gateway_ip': '10.0.0.9'}}, show=both)
    posts('subnet', 'gateway6', [net()], {k: {'ip_version': 6, 'cidr': '2001:db8::/64', 'gateway_ip': v} for k,
        v in {'network': '2001:db8::', 'one': '2001:DB8::1', 'last': '2001:db8::ffff:ffff:ffff:ffff',
        'linklocal': 'fe80::1', 'outside': '2001:db9::1', 'v4': '10.0.0.1', 'null': None,
        'middle': '2001:db8::8000'}.items()}, show=both)
    posts('subnet', 'gateway-tiny', [net()], {'slash30': {'cidr': '10.0.0.0/30', 'gateway_ip': '10.0.0.2'},
        'slash30-null': {'cidr': '10.0.0.0/30', 'gateway_ip': None}, 'slash31': {'cidr': '10.0.0.0/31',
        'enable_dhcp': False, 'gateway_ip': None}, 'slash31-net': {'cidr': '10.0.0.0/31', 'enable_dhcp': False,
        'gateway_ip': '10.0.0.0'}, 'slash32': {'cidr': '10.0.0.9/32', 'enable_dhcp': False, 'gateway_ip': None},
        'slash32-self': {'cidr': '10.0.0.9/32', 'enable_dhcp': False, 'gateway_ip': '10.0.0.9'}}, show=both)
    pools = {'one': pool(p4(10, 20)), 'two': pool(p4(10, 20), p4(30, 40)), 'order': pool(p4(30, 40), p4(10, 20)),
        'overlap': pool(p4(10, 20), p4(20, 30)), 'reversed': pool(p4(20, 10)), 'gateway': pool(p4(1, 20)),
        'network': pool(p4(0, 20)), 'broadcast': pool(p4(20, 255)), 'outside': pool(('10.0.1.1', '10.0.1.9')),
        'v6': pool(('2001:db8::2', '2001:db8::9')), 'empty': [], 'null': None, 'of-empty': [{}],
        'no-end': [{'start': '10.0.0.2'}], 'extra-key': [{'start': '10.0.0.2', 'end': '10.0.0.3', 'step': 1}],
        'bad-ip': pool(('10.0.0.2', 'x'))}
    posts('subnet', 'pools', [net()], {k: {'allocation_pools': v} for k, v in pools.items()}, show=both)
    puts('subnet', 'pools', [net(), sub()], {k: {'allocation_pools': pools[k]} for k in ('one', 'order', 'overlap',
        'reversed', 'gateway', 'outside', 'v6', 'empty', 'null')}, show=both)
    posts('subnet', 'pools6', [net()], {k: {'ip_version': 6, 'cidr': '2001:db8::/64', 'allocation_pools': pool(v)} for k,
        v in {'one': ('2001:db8::10', '2001:DB8::20'), 'zero': ('2001:db8::', '2001:db8::20'),
        'last': ('2001:db8::10', '2001:db8::ffff:ffff:ffff:ffff'), 'outside': ('2001:db9::1', '2001:db9::2')}.items()},
        show=both)
    posts('subnet', 'pools-gateway', [net()], {'null': {'gateway_ip': None, 'allocation_pools': pool(p4(1, 20))},
        'given': {'gateway_ip': '10.0.0.9', 'allocation_pools': pool(p4(1, 8))},
        'conflict': {'gateway_ip': '10.0.0.9', 'allocation_pools': pool(p4(1, 20))}}, show=both)
    puts('subnet', 'pools-gateway', [net(), sub()], {'both': {'gateway_ip': '10.0.0.9',
        'allocation_pools': pool(p4(10, 20))}, 'conflict': {'gateway_ip': '10.0.0.9', 'allocation_pools': pool(p4(1, 20))}},
        show=both)
    puts('subnet', 'pools-port', [net(), sub(), port(fixed_ips=[{'ip_address': '10.0.0.200'}])],
        {'leave': {'allocation_pools': pool(p4(10, 20))}}, show=both)
    servers = {'none': [], 'one': ['8.8.8.8'], 'order': ['9.9.9.9', '8.8.8.8', '1.1.1.1'],
        'five': [f'8.8.8.{n}' for n in range(5)], 'six': [f'8.8.8.{n}' for n in range(6)], 'dup': ['8.8.8.8', '8.8.8.8'],
        'v6': ['2001:db8::1'], 'text': ['x'], 'null': None}
    routes = {'none': [], 'one': [('192.168.1.0/24', '10.0.0.9')], 'two': [('192.168.2.0/24', '10.0.0.9'),
        ('192.168.1.0/24', '10.0.0.8')], 'dup': [('192.168.1.0/24', '10.0.0.9')] * 2,
        'twenty': [(f'192.168.{n}.0/24', '10.0.0.9') for n in range(20)], 'over': [(f'192.168.{n}.0/24',
        '10.0.0.9') for n in range(21)], 'same-dest': [('192.168.1.0/24', '10.0.0.9'), ('192.168.1.0/24', '10.0.0.8')],
        'v6': [('2001:db8:9::/48', '2001:db8::9')], 'mixed': [('192.168.1.0/24', '2001:db8::9')],
        'default': [('0.0.0.0/0', '10.0.0.9')], 'host-bits': [('192.168.1.5/24', '10.0.0.9')]}
    wrong = {'null': None, 'no-hop': [{'destination': '192.168.1.0/24'}], 'extra': [{'destination': '192.168.1.0/24',
        'nexthop': '10.0.0.9', 'via': 1}]}
    rows = {k: [{'destination': d, 'nexthop': h} for d, h in v] for k, v in routes.items()} | wrong
    for attr, table in {'dns_nameservers': servers, 'host_routes': rows}.items():
        posts('subnet', attr, [net()], {k: {attr: v} for k, v in table.items()})
        puts('subnet', attr, [net(), sub(**{attr: table['one']})], {k: {attr: table[k]} for k in ('none', 'v6',
            *(k for k in ('order', 'six', 'two') if k in table))})
    posts('subnet', 'version', [net()], {'cidr-v6': {'cidr': '2001:db8::/64'}, 'cidr-v4': {'ip_version': 6}})
    modes = (None, 'slaac', 'dhcpv6-stateless', 'dhcpv6-stateful')
    six = {'ip_version': 6, 'cidr': '2001:db8::/64'}
    for ra in modes:
        for addr in modes:
            both_modes = {a: m for a, m in (('ipv6_ra_mode', ra), ('ipv6_address_mode', addr)) if m}
            posts('subnet', 'modes', [net()], {f'{ra}-{addr}': six | both_modes},
                show=['ipv6_ra_mode', 'ipv6_address_mode', 'gateway_ip'])
    for m in modes[1:]:
        same = {'ipv6_ra_mode': m, 'ipv6_address_mode': m}
        posts('subnet', f'modes-{m}', [net()], {'nodhcp': six | same | {'enable_dhcp': False},
            'slash80': six | same | {'cidr': '2001:db8::/80'}, 'ra-slash80': six | {'ipv6_ra_mode': m,
            'cidr': '2001:db8::/80'}, 'pools': (six | same | {'allocation_pools': pool(('2001:db8::10', '2001:db8::20'))},
            ['allocation_pools'])})
        puts('subnet', f'modes-{m}', [net(), sub6('sub', mode=m)], {'nodhcp': {'enable_dhcp': False}})
    posts('subnet', 'modes-value', [net()], {'v4': {'ipv6_ra_mode': 'slaac'}, 'v4-address': {'ipv6_address_mode': 'slaac'}})
    posts('subnet', 'modes-value', [net()], {'bad': six | {'ipv6_ra_mode': 'x'},
        'null': six | {'ipv6_ra_mode': None, 'ipv6_address_mode': None}, 'empty': six | {'ipv6_address_mode': ''},
        'v4-null': {'ipv6_ra_mode': None}})
    values('subnet', 'service_types', [[], ['network:dhcp', 'compute:nova'], ['neutron:x'], ['other'], ['xyz:a'],
        'compute:nova', [5], None, ['compute:nova', 'compute:nova']])
    puts('subnet', 'dhcp', [net(), sub(enable_dhcp=False)], {'on': {'enable_dhcp': True}, 'null': {'enable_dhcp': None}})
    puts('subnet', 'dhcp-tiny', [net(), sub(enable_dhcp=False, cidr='10.0.0.0/31', gateway_ip=None)],
        {'on': {'enable_dhcp': True}})
    puts('subnet', 'dhcp-loop', [net(), sub(enable_dhcp=False, cidr='127.0.0.0/24')], {'on': {'enable_dhcp': True}})
    for label, attrs in {'dns': {'dns_nameservers': ['8.8.8.8']}, 'routes': {'host_routes': rows['one']},
            'gateway': {'gateway_ip': None}, 'dhcp': {'enable_dhcp': False}, 'types': {'service_types': ['compute:x']},
            'pools': {'allocation_pools': pools['one']}, 'same-dns': {'dns_nameservers': []},
            'publish': {'dns_publish_fixed_ip': True}}.items():
        add(f'subnet-revision-{label}', [net(), sub(), step('PUT', '/subnets/{sub.id}', {'subnet': attrs})],
            step('GET', '/subnets/{sub.id}'), ['revision_number'])
    for owner in ('', 'compute:x', 'network:dhcp', 'network:router_interface', 'network:distributed'):
        label = owner.replace(':', '-') or 'plain'
        add(f'subnet-delete-port-{label}', [net(), sub(), port(device_owner=owner)], step('DELETE', '/subnets/{sub.id}'))
    slaac = [net(), sub6(mode='slaac'), sub(), port(mac_address=MAC)]
    add('subnet-delete-slaac-port', slaac, step('DELETE', '/subnets/{sub6.id}'))
    add('subnet-delete-slaac-left', [*slaac, step('DELETE', '/subnets/{sub6.id}')], step('GET', '/ports/{port.id}'),
        ['fixed_ips.subnet_id'])
    add('subnet-delete-v4-left', [*slaac, step('DELETE', '/subnets/{sub.id}', fails=True)], step('GET', '/ports/{port.id}'),
        ['fixed_ips.subnet_id'])
    add('subnet-delete-dhcp-left', [net(), sub(), port(device_owner='network:dhcp'), step('DELETE', '/subnets/{sub.id}')],
        step('GET', '/ports/{port.id}'), ['fixed_ips'])
    add('subnet-get-external', [net(more={'router:external': True}), sub()], step('GET', '/subnets/{sub.id}'),
        ['router:external', '*'])
    lists('subnet', 'by', [net(), sub('a', name='{case}-a', enable_dhcp=False),
        sub('b', name='{case}-b', cidr='10.0.1.0/24', gateway_ip=None), sub6('c', 'slaac', name='{case}-c')],
        'network_id={net.id}', {'cidr': 'cidr=10.0.1.0/24', 'cidr-host-bits': 'cidr=10.0.1.5/24',
        'cidr6-upper': 'cidr=2001:DB8::/64', 'version': 'ip_version=6', 'dhcp': 'enable_dhcp=False',
        'gateway': 'gateway_ip=10.0.0.1', 'gateway-empty': 'gateway_ip=', 'ra': 'ipv6_ra_mode=slaac',
        'shared': 'shared=True', 'external': 'router:external=True', 'internal': 'router:external=False',
        'prefixlen': 'prefixlen=24', 'sort-cidr': 'sort_key=cidr&sort_dir=asc',
        'sort-version': 'sort_key=ip_version&sort_dir=desc&sort_key=name&sort_dir=asc'})


def order():
    """what is wrong with a subnet by itself is said before its network is looked for; what changes, before what it is to name"""
    for label, attrs in {'family': {'ip_version': 6}, 'dhcp': {'cidr': '10.0.0.0/31'}, 'mode': {'ipv6_ra_mode': 'slaac'},
                         'server': {'dns_nameservers': ['2001:db8::1']}, 'servers': {'dns_nameservers': [f'10.0.0.{n}' for n in range(9)]},
                         'route': {'host_routes': [{'destination': '2001:db8::/64', 'nexthop': '10.0.0.1'}]}, 'pools-text': {'allocation_pools': 'x'},
                         'pools': {'allocation_pools': [{'start': '10.9.0.1', 'end': '10.9.0.2'}]}, 'pool': {'subnetpool_id': NOBODY}}.items():
        add(f'subnet-order-{label}', [], sub(network_id=NOBODY, **attrs))
    for kind in ('network', 'port'):
        for label, attrs in {'policy': {'qos_policy_id': NOBODY}, 'groups': {'security_groups': [NOBODY]}}.items():
            if kind == 'port' or label == 'policy':
                add(f'{kind}-order-put-{label}', [], step('PUT', f'/{kind}s/{NOBODY}', {kind: attrs}))
    for label, bad in {'text': 'x', 'of-text': ['x'], 'object': {}, 'null': None, 'empty': [], 'number': 5, 'no-end': [{'start': '10.0.0.9'}]}.items():
        add(f'subnet-pools-put-{label}', [net(), sub()], step('PUT', '/subnets/{sub.id}', {'subnet': {'allocation_pools': bad}}), ['allocation_pools'])


def general():
    """documents above the collections"""
    def get(label, path, show=(), method='GET', **more):
        add(f'root-{label}', [], {'method': method, 'path': path} | more, show)
    get('versions', '/', ['id', 'status', 'links.rel', '*', 'links.href'])
    get('versions-post', '/', method='POST')
    get('nowhere', '/nosuch')
    get('v2', '/v2.0')
    get('v2-slash', '/v2.0/', ['name', 'collection', 'links.rel', 'links.href', '*'])
    get('v2-post', '/v2.0/', method='POST')
    get('v2-delete', '/v2.0/', method='DELETE')
    get('extension', '/v2.0/extensions/agent', ['*', 'alias', 'links'])
    get('extension-json', '/v2.0/extensions/agent.json', ['alias'])
    get('extension-unknown', '/v2.0/extensions/nosuch')
    get('extensions-post', '/v2.0/extensions', method='POST', body={'extension': {}})
    get('collection-unknown', '/v2.0/nosuch')
    get('collection-unknown-id', '/v2.0/nosuch/' + NOBODY)
    get('collection-unknown-post', '/v2.0/nosuch', method='POST', body={'nosuch': {}})
    get('collection-upper', '/v2.0/Networks')
    get('double-slash', '/v2.0//networks')


def fill():
    networks()
    subnets()
    order()
    general()
