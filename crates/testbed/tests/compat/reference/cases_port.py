"""Cases of ports and agents."""
from cases import DROP, LONG, MAC, MAC2, NOBODY, UUID, add, common, lists, net, plain, port, posts, puts, step, sub, sub6, values

HERE = [net(), sub()]
HOME = [*HERE, port(mac_address=MAC, fixed_ips=[{'ip_address': '10.0.0.50'}])]
IPS, SUBNETS = ['fixed_ips', 'ip_allocation'], ['fixed_ips.subnet_id', 'ip_allocation']
EUI, EUI2 = '2001:db8::f816:3eff:fe11:2233', '2001:db8::f816:3eff:fe11:2244'
BINDING = ['binding:host_id', 'binding:vif_type', 'binding:vif_details', 'binding:vnic_type', 'binding:profile', 'status']


def at(ip, subnet='sub'):
    return {'subnet_id': f'{{{subnet}.id}}'} | ({'ip_address': ip} if ip else {})


def ip(*ips):
    return [{'ip_address': i} for i in ips]


def ips(rows):
    return {k: {'fixed_ips': v} for k, v in rows.items()}


def one_address(first='10.0.0.7', **attrs):
    return sub(allocation_pools=[{'start': first, 'end': first}], **attrs)


def addresses():
    other = [net('other', name='{case}-other'), sub('far', network_id='{other.id}', cidr='10.9.0.0/24')]
    posts('port', 'ips-far', [*HOME, *other], ips({'subnet': [at(None, 'far')], 'ip': ip('10.9.0.5')}), show=IPS)
    puts('port', 'ips-far', [*HOME, *other], ips({'subnet': [at(None, 'far')]}), show=IPS)
    posts('port', 'ips', HOME, ips({'ip': ip('10.0.0.9'), 'both': [at('10.0.0.9')],
        'two': ip('10.0.0.9', '10.0.0.10'), 'gateway': ip('10.0.0.1'), 'network': ip('10.0.0.0'),
        'broadcast': ip('10.0.0.255'), 'nowhere': ip('172.16.0.1'), 'taken': ip('10.0.0.50'),
        'twice': ip('10.0.0.9', '10.0.0.9'),
        'unknown-subnet': [{'subnet_id': NOBODY}], 'bad-subnet': [{'subnet_id': 'x'}], 'bad-ip': ip('x'),
        'cidr-ip': ip('10.0.0.9/24'), 'v6': ip('2001:db8::1'), 'empty': [], 'null': None, 'of-empty': [{}],
        'extra-key': [{'ip_address': '10.0.0.9', 'color': 1}], 'six': ip(*(f'10.0.0.{n}' for n in range(60, 66)))}),
        show=IPS)
    posts('port', 'ips-subnet', HERE, ips({'one': [at(None)], 'twice': [at(None), at(None)],
        'and-ip': [at(None), at('10.0.0.9')]}), show=SUBNETS)
    posts('port', 'ips-none', HERE, {'absent': {}}, show=SUBNETS)
    posts('port', 'ips-nosubnet', [net()], {'absent': {}} | ips({'empty': [], 'ip': ip('10.0.0.5'),
        'subnet': [{'subnet_id': NOBODY}]}), show=IPS)
    posts('port', 'ips-pool', [net(), sub(allocation_pools=[{'start': '10.0.0.10', 'end': '10.0.0.20'}])],
        ips({'outside': ip('10.0.0.99'), 'gateway': ip('10.0.0.1')}), show=IPS)
    posts('port', 'ips-last', [net(), one_address()], {'auto': {}, 'subnet': {'fixed_ips': [at(None)]},
        'two': {'fixed_ips': [at(None), at(None)]}}, show=IPS)
    full = [net(), one_address(), port()]
    posts('port', 'ips-full', full, {'auto': {}, 'subnet': {'fixed_ips': [at(None)]},
        'outside': {'fixed_ips': ip('10.0.0.8')}, 'taken': {'fixed_ips': ip('10.0.0.7')}, 'empty': {'fixed_ips': []},
        'dhcp': {'device_owner': 'network:dhcp'}}, show=IPS)
    posts('port', 'ips-next', [*full, one_address('10.1.0.7', at='sub2', cidr='10.1.0.0/24')], {'auto': {}}, show=IPS)
    posts('port', 'ips-freed', [*full, step('DELETE', '/ports/{port.id}')], {'auto': {}}, show=IPS)
    tiny = [net(), sub(cidr='10.0.0.0/30')]
    posts('port', 'ips-slash30', tiny, {'auto': {}}, show=IPS)
    posts('port', 'ips-slash30-full', [*tiny, port()], {'auto': {}}, show=IPS)
    posts('port', 'ips-slash32', [net(), sub(cidr='10.0.0.9/32', enable_dhcp=False, gateway_ip=None)],
        {'auto': {}} | ips({'explicit': ip('10.0.0.9')}), show=IPS)
    posts('port', 'ips-slash31', [net(), sub(cidr='10.0.0.8/31', enable_dhcp=False, gateway_ip=None)],
        ips({'low': ip('10.0.0.8'), 'high': ip('10.0.0.9')}), show=IPS)
    # [] at creation means the pools of the default, at update none at all
    emptied = [*HERE, step('PUT', '/subnets/{sub.id}', {'subnet': {'allocation_pools': []}})]
    posts('port', 'ips-nopool', emptied, {'auto': {}} | ips({'explicit': ip('10.0.0.9')}), show=IPS)
    posts('port', 'ips-pool-empty', [net(), sub(allocation_pools=[])], {'auto': {}}, show=['fixed_ips#'])
    posts('port', 'ips-dhcp-lowest', HERE, {'first': {'device_owner': 'network:dhcp'}}, show=IPS)
    posts('port', 'ips-dhcp-lowest', [*HERE, port(fixed_ips=ip('10.0.0.2'))], {'second': {'device_owner': 'network:dhcp'}},
        show=IPS)
    two4 = [net(), one_address(), one_address('10.1.0.7', at='sub2', cidr='10.1.0.0/24')]
    posts('port', 'ips-two-subnets', two4, {'both': {'fixed_ips': [at(None), at(None, 'sub2')]},
        'second': {'fixed_ips': [at(None, 'sub2')]}}, show=IPS)
    posts('port', 'ips-two-subnets', two4, {'auto': {}}, show=['fixed_ips#'])
    # IPv6
    mac = {'mac_address': MAC}
    for mode in ('slaac', 'dhcpv6-stateless'):
        home = [net(), sub6(mode=mode)]
        posts('port', f'ips6-{mode}', home, {'auto': mac, 'subnet': mac | {'fixed_ips': [at(None, 'sub6')]},
            'eui-both': mac | {'fixed_ips': [at(EUI, 'sub6')]}, 'not-eui': mac | {'fixed_ips': [at('2001:db8::5', 'sub6')]},
            'empty': mac | {'fixed_ips': []}, 'router': mac | {'device_owner': 'network:router_interface',
            'fixed_ips': [at('2001:db8::5', 'sub6')]}, 'dhcp': mac | {'device_owner': 'network:dhcp'}}, show=IPS)
    for mode in ('dhcpv6-stateful',):
        home = [net(), sub6(mode=mode, allocation_pools=[{'start': '2001:db8::10', 'end': '2001:db8::10'}])]
        posts('port', f'ips6-{mode}', home, {'auto': mac, 'explicit': mac | {'fixed_ips': ip('2001:DB8:0::5')},
            'network': mac | {'fixed_ips': ip('2001:db8::')}, 'network-compute': mac | {'device_owner': 'compute:x',
            'fixed_ips': ip('2001:db8::')}, 'last': mac | {'fixed_ips': ip('2001:db8::ffff:ffff:ffff:ffff')},
            'same-text': mac | {'fixed_ips': ip('2001:db8::5', '2001:DB8::5')}}, show=IPS)
    dual = [net(), one_address(), sub6(mode='slaac')]
    posts('port', 'ips-dual', dual, {'auto': mac, 'v4': mac | {'fixed_ips': [at(None)]},
        'v6': mac | {'fixed_ips': [at(None, 'sub6')]}, 'empty': mac | {'fixed_ips': []},
        'explicit': mac | {'fixed_ips': ip('10.0.0.9', EUI)}}, show=IPS)
    stateful = sub6(mode='dhcpv6-stateful', allocation_pools=[{'start': '2001:db8::10', 'end': '2001:db8::10'}])
    posts('port', 'ips-dual-stateful', [net(), one_address(), stateful], {'auto': mac,
        'v4': mac | {'fixed_ips': [at(None)]}}, show=IPS)
    posts('port', 'ips6-two-slaac', [net(), sub6(mode='slaac'), sub6('sub7', 'slaac', cidr='2001:db8:1::/64')],
        {'auto': mac}, show=IPS)
    add('port-get-slaac-later', [*HOME, sub6(mode='slaac')], step('GET', '/ports/{port.id}'),
        ['fixed_ips', 'revision_number'])
    add('port-get-stateful-later', [*HOME, stateful], step('GET', '/ports/{port.id}'), ['fixed_ips'])
    # service types
    typed = [net(), one_address(), one_address('10.1.0.7', at='sub2', cidr='10.1.0.0/24', service_types=['compute:x'])]
    for owner in ('', 'compute:x', 'network:dhcp'):
        posts('port', 'ips-typed', typed, {owner.replace(':', '-') or 'plain': {'device_owner': owner}}, show=IPS)
    posts('port', 'ips-typed-only', [net(), one_address(service_types=['compute:x'])],
        {'plain': {}, 'compute-y': {'device_owner': 'compute:y'}, 'explicit': {'fixed_ips': ip('10.0.0.7')},
        'subnet': {'fixed_ips': [at(None)]}, 'good': {'device_owner': 'compute:x'}}, show=IPS)
    # updates
    puts('port', 'ips', [*HOME, port('p2', fixed_ips=ip('10.0.0.60'))],
        ips({'change': ip('10.0.0.51'), 'same': ip('10.0.0.50'), 'keep-by-subnet': [at(None)],
        'add': ip('10.0.0.50', '10.0.0.51'), 'empty': [], 'taken': ip('10.0.0.60'), 'nowhere': ip('172.16.0.1'),
        'unknown': [{'subnet_id': NOBODY}], 'gateway': ip('10.0.0.1'), 'network': ip('10.0.0.0'),
        'twice': ip('10.0.0.9', '10.0.0.9'), 'null': None, 'both': [at('10.0.0.50')], 'text': 'x', 'of-empty': [{}]}),
        show=[*IPS, 'revision_number'])
    puts('port', 'ips-subnet-twice', HOME, ips({'two': [at(None), at(None)]}), show=SUBNETS)
    puts('port', 'ips-second', [*HERE, one_address('10.1.0.7', at='sub2', cidr='10.1.0.0/24'), HOME[-1]],
        ips({'move': [at(None, 'sub2')], 'join': [at(None), at(None, 'sub2')]}), show=IPS)
    six = [*HERE, sub6(mode='slaac'), port(mac_address=MAC, fixed_ips=ip('10.0.0.50'))]
    puts('port', 'ips-slaac', six, ips({'v4': ip('10.0.0.51'), 'empty': [], 'v6': [at(None, 'sub6')],
        'delete-subnet': [*ip('10.0.0.50'), {'subnet_id': '{sub6.id}', 'delete_subnet': True}], 'eui': ip('10.0.0.50', EUI),
        'not-eui': [at('2001:db8::5', 'sub6')]}), show=IPS)
    puts('port', 'mac-slaac', six, {'change': {'mac_address': MAC2}}, show=['fixed_ips', 'mac_address'])
    for label, attrs in {'ips': {'fixed_ips': ip('10.0.0.51')}, 'ips-same': {'fixed_ips': ip('10.0.0.50')},
            'mac': {'mac_address': MAC2}, 'pairs': {'allowed_address_pairs': ip('1.1.1.1')},
            'opts': {'extra_dhcp_opts': [{'opt_name': 'a', 'opt_value': 'b'}]},
            'device': {'device_id': 'x', 'device_owner': 'compute:x'}, 'psec': {'port_security_enabled': False,
            'security_groups': []}, 'host': {'binding:host_id': 'nowhere'}, 'down': {'admin_state_up': False},
            'same-up': {'admin_state_up': True}}.items():
        add(f'port-revision-{label}', [*HOME, step('PUT', '/ports/{port.id}', {'port': attrs})],
            step('GET', '/ports/{port.id}'), ['revision_number'])


def attributes():
    common('port', {'network_id': '{net.id}', 'name': '{case}'})
    posts('port', 'missing', [], {'network': {'network_id': DROP}})
    posts('port', 'defaults', [net()], {'all': {}}, show=['name', 'admin_state_up', 'device_id', 'device_owner',
        'fixed_ips', 'status', 'allowed_address_pairs', 'extra_dhcp_opts', 'description', 'data_plane_status',
        'ip_allocation', 'device_profile', 'hardware_offload_type', 'hints', 'resource_request', 'numa_affinity_policy',
        'port_security_enabled', 'qos_policy_id', 'qos_network_policy_id', 'propagate_uplink_status', 'dns_name',
        'dns_domain', 'dns_assignment', 'trusted', 'tags', 'revision_number', 'trunk_details', *BINDING])
    values('port', 'network_id', UUID, put=1)
    values('port', 'admin_state_up', [False, 'maybe'])
    for attr in ('device_id', 'device_owner'):
        values('port', attr, ['compute:nova', None, LONG[256], 7], put=2)
    values('port', 'mac_address', ['FA:16:3E:AA:BB:CC', 'x', 'fa-16-3e-aa-bb-cc', 'fa163eaabbcc', '', 5,
        '01:00:5e:00:00:01', 'ff:ff:ff:ff:ff:ff', '00:00:00:00:00:00'], show=['mac_address'], put=2)
    values('port', 'mac_address', [None], show=['status'])
    posts('port', 'mac', [net(), port(mac_address=MAC)], {'taken': {'mac_address': MAC},
        'taken-upper': {'mac_address': MAC.upper()}, 'free': {'mac_address': MAC2}}, show=['mac_address'])
    posts('port', 'mac', [net(), net('b', name='{case}-b'), port(mac_address=MAC, network_id='{b.id}')],
        {'other-net': {'mac_address': MAC}}, show=['mac_address'])
    puts('port', 'mac', [net(), port(mac_address=MAC), port('b', mac_address=MAC2)],
        {'taken': {'mac_address': MAC2}, 'same': {'mac_address': MAC}}, show=['mac_address', 'revision_number'])
    values('port', 'data_plane_status', ['ACTIVE', 'DOWN', None, 'BUILD', ''], put=5)
    values('port', 'numa_affinity_policy', ['required', None, 'x', 'preferred', 'legacy', 'socket', ''])
    values('port', 'propagate_uplink_status', [False, 'maybe', None])
    values('port', 'trusted', [True, 'maybe', None, False, 'true'])
    values('port', 'hints', [None, {}, {'openvswitch': {'other_config': {'tx-steering': 'hash'}}},
        {'openvswitch': {'other_config': {'tx-steering': 'x'}}}, {'a': 1}, {'openvswitch': {}}, 'x', []])
    values('port', 'device_profile', ['x', None, 5, LONG[256]], put=1)
    values('port', 'hardware_offload_type', ['switchdev', None, 'x'], put=1)
    values('port', 'dns_name', ['host', 'a.b', None, 'UPPER', 'a.b.', '', 7, 'bad_char', '-x', LONG[64]])
    values('port', 'dns_domain', ['my-domain.org.', 'nodot', '', None])
    values('port', 'qos_policy_id', UUID[:3])
    values('port', 'security_groups', [[NOBODY], ['x'], 'x', 5, [NOBODY, NOBODY]])
    values('port', 'port_security_enabled', [True, 'maybe', None, False], put=2)
    values('port', 'tags', [['a', 'b'], [], ['a', 'a'], 'a', [5], None, [LONG[256]], [''], [f't{n}' for n in range(51)]],
        put=1)
    values('port', 'binding:host_id', ['', 'nowhere', None, 5], show=BINDING)
    values('port', 'binding:vnic_type', ['normal', 'direct', 'x', 'macvtap', 'baremetal', 'remote-managed', '', None],
        show=BINDING)
    values('port', 'binding:profile', [{}, {'a': 'b'}, None, 'x', []], show=['binding:profile'])
    for attr, v in {'binding:vif_type': 'ovs', 'binding:vif_details': {}, 'resource_request': {}, 'dns_assignment': [],
            'ip_allocation': 'none'}.items():
        posts('port', 'ro', [net()], {attr: {attr: v}})
        puts('port', 'ro', [net(), port()], {attr: {attr: v}})
    add('port-post-dns-assignment', HERE, step('POST', '/ports', {'port': {'network_id': '{net.id}',
        'fixed_ips': ip('10.0.0.9'), 'dns_name': 'Box'}}), ['dns_assignment', 'dns_name'])
    add('port-get-dns-assignment', [*HERE, sub6(), port(fixed_ips=ip('10.0.0.9', '2001:db8::9'))],
        step('GET', '/ports/{port.id}'), ['dns_assignment'])
    # owners of their own rules
    for owner in ('network:dhcp', 'network:router_interface', 'network:router_gateway', 'network:floatingip',
            'network:distributed', 'network:x', 'compute:x', 'trunk:subport'):
        label = owner.replace(':', '-')
        posts('port', 'owner', HERE, {label: {'device_owner': owner}}, show=['port_security_enabled', 'security_groups#',
            'ip_allocation', 'binding:vif_type', 'status'])
        add(f'port-delete-owner-{label}', [*HERE, port(device_owner=owner, device_id=NOBODY)],
            step('DELETE', '/ports/{port.id}'))
    posts('port', 'owner-secure', HERE, {'dhcp': {'device_owner': 'network:dhcp', 'port_security_enabled': True},
        'compute-off': {'device_owner': 'compute:x', 'port_security_enabled': False}}, show=['security_groups#'])
    puts('port', 'owner', [net(), port()], {o.replace(':', '-') or 'plain': {'device_owner': o,
        'device_id': 'd'} for o in ('compute:x', 'network:dhcp', 'network:router_interface', '')},
        show=['port_security_enabled', 'revision_number'])
    # address pairs
    pair = {'one': ip('1.1.1.1'), 'two': ip('1.1.1.1', '1.1.1.2'), 'cidr': ip('10.8.0.0/16'),
        'host-bits': ip('10.8.0.7/16'), 'v6': ip('2001:DB8::1'), 'mac': [{'ip_address': '1.1.1.1', 'mac_address': MAC2}],
        'same': ip('1.1.1.1', '1.1.1.1'), 'same-mac': [{'ip_address': '1.1.1.1', 'mac_address': MAC},
        {'ip_address': '1.1.1.1'}], 'no-ip': [{'mac_address': MAC}], 'bad-ip': ip('x'),
        'bad-mac': [{'ip_address': '1.1.1.1', 'mac_address': 'x'}], 'null-mac': [{'ip_address': '1.1.1.1',
        'mac_address': None}], 'extra': [{'ip_address': '1.1.1.1', 'color': 1}], 'multicast': ip('224.0.0.1'),
        'multicast-cidr': ip('224.0.0.0/4'), 'all': ip('0.0.0.0/0'), 'ten': ip(*(f'1.1.1.{n}' for n in range(10))),
        'eleven': ip(*(f'1.1.1.{n}' for n in range(11))), 'empty': [], 'null': None}
    posts('port', 'pairs', [net()], {k: {'mac_address': MAC, 'allowed_address_pairs': v} for k, v in pair.items()})
    puts('port', 'pairs', [net(), port(mac_address=MAC, allowed_address_pairs=ip('9.9.9.9'))],
        {k: {'allowed_address_pairs': pair[k]} for k in ('one', 'two', 'same', 'eleven', 'empty', 'null', 'no-ip', 'bad-ip',
        'multicast', 'mac')})
    off = {'port_security_enabled': False}
    posts('port', 'pairs-off', [net()], {'pairs': off | {'allowed_address_pairs': ip('1.1.1.1')},
        'no-pairs': off | {'allowed_address_pairs': []}, 'groups': off | {'security_groups': [NOBODY]},
        'no-groups': off | {'security_groups': []}})
    paired = [net(), port(mac_address=MAC, allowed_address_pairs=ip('1.1.1.1'))]
    puts('port', 'psec', paired, {'off': off, 'off-clear-pairs': off | {'allowed_address_pairs': []},
        'off-clear-groups': off | {'security_groups': []}, 'off-clear': off | {'security_groups': [],
        'allowed_address_pairs': []}})
    puts('port', 'psec-plain', [net(), port()], {'off': off, 'off-clear': off | {'security_groups': []}})
    puts('port', 'psec-on', [net(), port(mac_address=MAC, port_security_enabled=False)],
        {'on': {'port_security_enabled': True}, 'pairs': {'allowed_address_pairs': ip('1.1.1.1')},
        'groups': {'security_groups': [NOBODY]}, 'on-pairs': {'port_security_enabled': True,
        'allowed_address_pairs': ip('1.1.1.1')}}, show=['security_groups#'])
    puts('port', 'groups', [net(), port()], {'none': {'security_groups': []}},
        show=['security_groups#', 'port_security_enabled'])

    def opt(name, value=DROP, version=DROP):
        return plain({'opt_name': name, 'opt_value': value, 'ip_version': version})
    opts = {'one': [opt('bootfile-name', 'x')], 'v6': [opt('dns-server', '2001:db8::1', 6)],
        'both': [opt('a', 'x', 4), opt('a', 'y', 6)], 'twice': [opt('a', 'x'), opt('a', 'y')],
        'null-value': [opt('a', None)], 'empty-value': [opt('a', '')], 'router-empty': [opt('router', '')],
        'no-name': [{'opt_value': 'x'}], 'empty-name': [opt('', 'x')], 'long-value': [opt('a', LONG[256])],
        'newline': [opt('a', 'x\ny')], 'version-bad': [opt('a', 'x', 5)], 'extra': [opt('a', 'x') | {'color': 1}],
        'empty': [], 'null': None}
    posts('port', 'opts', [net()], {k: {'extra_dhcp_opts': v} for k, v in opts.items()})
    started = [net(), port(extra_dhcp_opts=[opt('a', 'x'), opt('b', 'y')])]
    puts('port', 'opts', started, {k: {'extra_dhcp_opts': v} for k, v in {'replace': [opt('a', 'z')],
        'delete': [opt('a', None)], 'add': [opt('c', 'z')], 'delete-absent': [opt('zz', None)],
        'delete-version': [opt('a', None, 6)], 'add-version': [opt('a', 'q', 6)], 'empty': [], 'null': None,
        'router-empty': [opt('router', '')], 'bad': [opt('a', '')]}.items()})


def bindings():
    mark = {'needs': 'agents', 'show': BINDING}
    compute = {'device_owner': 'compute:x', 'device_id': NOBODY, 'binding:host_id': 'h1'}
    posts('port', 'bind', HERE, {'host': {'binding:host_id': 'h1'}, 'compute': compute,
        'direct': compute | {'binding:vnic_type': 'direct'}, 'down': compute | {'admin_state_up': False},
        'dhcp': compute | {'device_owner': 'network:dhcp'}, 'other': compute | {'binding:host_id': 'h2'}}, **mark)
    for label, attrs in {'vlan': ('vlan', 'physnet1'), 'flat': ('flat', 'physnet1'), 'gre': ('gre',), 'geneve': ('geneve',),
            'local': ('local',), 'vlan-unmapped': ('vlan', 'physnet2', 300), 'flat-unmapped': ('flat',
            'phys-{case}')}.items():
        home = net(more=dict(zip(('provider:network_type', 'provider:physical_network', 'provider:segmentation_id'),
            attrs)))
        posts('port', 'bind-type', [home], {label: compute}, **mark)
    bound = [*HERE, port(mac_address=MAC, more=compute)]
    puts('port', 'bind', bound, {'clear': {'binding:host_id': ''}, 'move': {'binding:host_id': 'h2'},
        'same': {'binding:host_id': 'h1'}, 'gone': {'binding:host_id': 'nowhere'}, 'vnic': {'binding:vnic_type': 'direct'},
        'mac': {'mac_address': MAC2}, 'down': {'admin_state_up': False}, 'owner': {'device_owner': '', 'device_id': ''}},
        **mark)
    puts('port', 'bind-late', [*HERE, port()], {'host': {'binding:host_id': 'h1'}, 'compute': compute}, **mark)
    for label, setup in {'bound': bound, 'failed': [*HERE, port(more={'binding:host_id': 'nowhere'})],
            'moved': [*bound, step('PUT', '/ports/{port.id}', {'port': {'binding:host_id': 'h2'}})]}.items():
        add(f'port-revision-{label}', setup, step('GET', '/ports/{port.id}'), ['revision_number'], needs='agents')
    add('network-get-availability-zones', HERE, step('GET', '/networks/{net.id}'), ['availability_zones'], needs='agents')


def port_lists():
    some = [*HERE, sub6(mode='slaac'), port('a', name='{case}-a', mac_address=MAC, fixed_ips=ip('10.0.0.10')),
        port('b', name='{case}-b', mac_address=MAC2, fixed_ips=ip('10.0.0.101'), device_owner='compute:x', device_id='vm',
        admin_state_up=False, tags=['red', 'blue']), port('c', name='{case}-c', fixed_ips=[{'subnet_id': '{sub6.id}'}],
        tags=['red'], more={'binding:host_id': 'nowhere'})]
    lists('port', 'by', some, 'network_id={net.id}', {'up': 'admin_state_up=true', 'mac': 'mac_address=' + MAC,
        'mac-upper': 'mac_address=' + MAC.upper(), 'mac-dashes': 'mac_address=' + MAC.replace(':', '-'),
        'ip': 'fixed_ips=ip_address%3D10.0.0.10',
        'ip-or': 'fixed_ips=ip_address%3D10.0.0.10&fixed_ips=ip_address%3D10.0.0.101',
        'ip-unencoded': 'fixed_ips=ip_address=10.0.0.10', 'subnet': 'fixed_ips=subnet_id%3D{sub.id}',
        'subnet6': 'fixed_ips=subnet_id%3D{sub6.id}',
        'ip-subnet': 'fixed_ips=ip_address%3D10.0.0.10&fixed_ips=subnet_id%3D{sub.id}',
        'ip-wrong-subnet': 'fixed_ips=ip_address%3D10.0.0.10&fixed_ips=subnet_id%3D' + NOBODY,
        'substr': 'fixed_ips=ip_address_substr%3D10.0.0.10', 'ip6': 'fixed_ips=ip_address%3D' + EUI,
        'ips-badkey': 'fixed_ips=color%3D1', 'device': 'device_id=vm',
        'owner': 'device_owner=compute:x', 'owner-empty': 'device_owner=', 'status': 'status=DOWN',
        'host': 'binding:host_id=nowhere', 'allocation': 'ip_allocation=immediate',
        'groups': 'security_groups=' + NOBODY, 'tags': 'tags=red', 'tags-two': 'tags=red,blue',
        'tags-any': 'tags-any=blue,green', 'not-tags': 'not-tags=red,blue', 'not-tags-any': 'not-tags-any=blue',
        'sort-device': 'sort_key=device_id&sort_dir=desc&sort_key=name&sort_dir=asc'})
    lists('port', 'refused', [], '', {'vnic': 'binding:vnic_type=normal', 'sort-ips': 'sort_key=fixed_ips&sort_dir=asc',
        'ips-noequals': 'fixed_ips=x'})


def agents():
    def ask(label, *request, setup=(), show=(), **more):
        add(f'agent-{label}', list(setup), step(*request), show, needs='agents', **more)
    one = [step('GET', '/agents?host=h3&agent_type=L3%20agent') | {'as': 'agent'}]
    named = {'as': 'agent'}
    me, back = '/agents/{agent.id}', [step('PUT', '/agents/{agent.id}', {'agent': {'description': None,
        'admin_state_up': True}})]
    ask('post', 'POST', '/agents', {'agent': {'agent_type': 'x', 'host': 'h9'}})
    ask('post-empty', 'POST', '/agents', {'agent': {}})
    ask('post-up', 'POST', '/agents', {'agent': {'admin_state_up': True}})
    ask('post-bulk', 'POST', '/agents', {'agents': [{}]})
    add('agent-post-notjson', [], step('POST', '/agents', raw='{'), needs='agents')
    for verb in ('GET', 'PUT', 'DELETE'):
        for label, bad in {'unknown': NOBODY, 'malformed': 'nope'}.items():
            ask(f'{verb.lower()}-id-{label}', verb, f'/agents/{bad}', {'agent': {}} if verb == 'PUT' else None)
    ask('show', 'GET', me, setup=one, show=['*', 'agent_type', 'binary', 'topic', 'host', 'admin_state_up', 'alive',
        'description', 'configurations', 'availability_zone', 'resources_synced'])
    ask('show-suffix', 'GET', me + '.json', setup=one, show=['host'])
    ask('show-fields', 'GET', me + '?fields=host', setup=one, show=['*'])
    for label, query in {'ovs': 'agent_type=Open%20vSwitch%20agent', 'dhcp': 'agent_type=DHCP%20agent'}.items():
        add(f'agent-show-{label}', [step('GET', f'/agents?host=h1&{query}') | named], step('GET', me),
            ['configurations', 'availability_zone', 'binary', 'topic'], needs='agents')
    rows = {'up': {'admin_state_up': False}, 'up-null': {'admin_state_up': None}, 'up-bad': {'admin_state_up': 'maybe'},
        'description': {'description': 'x'}, 'description-null': {'description': None},
        'description-long': {'description': LONG[256]}, 'host': {'host': 'x'}, 'configurations': {'configurations': {}},
        'unknown': {'color': 1}, 'empty': {}, 'id': {'id': NOBODY}}
    puts('agent', 'any', one, rows, needs='agents', undo=back)
    for label, raw in {'notjson': '{', 'empty': '', 'list': '[]', 'wrongkey': '{"thing":{}}'}.items():
        add(f'agent-body-put-{label}', one, step('PUT', me, raw=raw), ['host'], needs='agents')
    ask('delete', 'DELETE', me, setup=one, spends='agents')
    ask('delete-gone', 'GET', me, setup=[*one, step('DELETE', me)], spends='agents')
    ask('delete-body', 'DELETE', me, {'agent': {}}, setup=one)
    ask('patch', 'PATCH', me, {'agent': {}}, setup=one)
    ask('post-member', 'POST', me, {'agent': {}}, setup=one)
    ask('put-collection', 'PUT', '/agents', {'agent': {}})
    ask('delete-collection', 'DELETE', '/agents')
    lists('agent', 'by', [], '', {'type': 'agent_type=DHCP%20agent', 'host': 'host=h1',
        'host-or': 'host=h1&host=h2&agent_type=L3%20agent', 'host-none': 'host=zz', 'binary': 'binary=neutron-l3-agent',
        'alive': 'alive=True&host=h1', 'up': 'admin_state_up=True&host=h1', 'zone': 'availability_zone=nova&host=h1',
        'unknown': 'color=x', 'sort': 'agent_type=L3%20agent&sort_key=host&sort_dir=asc',
        'sort-desc': 'agent_type=L3%20agent&sort_key=host&sort_dir=desc',
        'sort-two': 'sort_key=binary&sort_dir=asc&sort_key=host&sort_dir=desc',
        'sort-unknown': 'sort_key=color&sort_dir=asc', 'limit': 'agent_type=L3%20agent&limit=2&sort_key=host&sort_dir=asc',
        'limit-all': 'agent_type=L3%20agent&limit=3&sort_key=host&sort_dir=asc',
        'marker-unknown': 'host=h1&agent_type=L3%20agent&limit=1&marker=' + NOBODY}, show=['host', 'binary'],
        needs='agents')
    lists('agent', 'fields', [], 'host=h1&agent_type=L3%20agent', {'host': 'fields=host', 'unknown': 'fields=zz',
        'two': 'fields=host&fields=alive'}, show=['*'], needs='agents')
    ask('list-suffix', 'GET', '/agents.json?host=h1&agent_type=L3%20agent', show=['host'])


def fill():
    attributes()
    addresses()
    bindings()
    port_lists()
    agents()
