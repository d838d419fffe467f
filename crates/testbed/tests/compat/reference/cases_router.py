"""Cases of routers: their attributes, gateways, interfaces and routes, and what they keep others from."""
from cases import LONG, MAC, NOBODY, add, common, lists, make, net, port, posts, puts, step, sub, sub6, values

GATEWAY = ['external_gateway_info']
FLAGS = ['distributed', 'ha']
EXT = [net('ext', name='{case}-ext', more={'router:external': True}),
       sub('esub', network_id='{ext.id}', cidr='172.24.4.0/24')]
EXT2 = [net('ext2', name='{case}-ext2', more={'router:external': True}),
        sub('esub2', network_id='{ext2.id}', cidr='172.24.5.0/24')]
PAIR = [net(), sub()]
TO = {'network_id': '{ext.id}'}
INFO = ['id', 'project_id', 'network_id', 'subnet_id', 'subnet_ids']
UP6 = {'ipv6_ra_mode': 'slaac', 'ipv6_address_mode': 'slaac'}
OWNED = ['device_owner', 'device_id', 'project_id', 'name', 'fixed_ips', 'port_security_enabled']


def router(at='router', **attrs):
    return make('router', at, **attrs)


def on(action, body=None, at='router', **more):
    return step('PUT', f'/routers/{{{at}.id}}/{action}', body, **more)


def join(subnet='sub', at='router', **more):
    return on('add_router_interface', {'subnet_id': f'{{{subnet}.id}}'}, at, **more)


def leave(subnet='sub', at='router', **more):
    return on('remove_router_interface', {'subnet_id': f'{{{subnet}.id}}'}, at, **more)


def put(body, at='router', **more):
    return step('PUT', f'/routers/{{{at}.id}}', {'router': body}, **more)


def undo_of(setup, request):
    """what must go before the clean-up: routes and interfaces of every router that setup made"""
    made = [s['path'].split('/')[2] for s in setup if s['method'] == 'POST']
    names = [s.get('as') for s in setup if s['method'] == 'POST']
    routers = [n for n, p in zip(names, made) if p == 'routers']
    subnets = [n for n, p in zip(names, made) if p == 'subnets']
    free = {'routes': []} | ({'external_gateway_info': None} if 'ext2' in names else {})
    return [put(free, r) for r in routers] + [leave(s, r) for r in routers for s in subnets]


def case(name, setup, request, show=(), **more):
    more.setdefault('undo', undo_of(setup, request))
    add('router-' + name, setup, request, show, **more)


def ways(group, setup, rows, show=GATEWAY, base=None):
    """POST of a router, and PUT of one without gateway, with each way out"""
    for label, info in rows.items():
        case(f'post-{group}-{label}', setup, step('POST', '/routers', {'router': {'external_gateway_info': info}}), show)
        if group != 'gateway' or label in ('plain', 'snat-off', 'null', 'empty', 'snat-bad', 'network-unknown', 'ips-null', 'text'):
            case(f'put-{group}-{label}', [*setup, router()], put({'external_gateway_info': info}), show)


def attributes():
    values('router', 'admin_state_up', ['off', 'maybe', None, 1], show=['admin_state_up'])
    values('router', 'ha', [False, 'false', 'x', 2], show=['ha'])
    values('router', 'distributed', [True, False, 'yes', 'x', []], show=['distributed'])
    for label, attrs in {'ha-null': {'ha': None}, 'distributed-null': {'distributed': None}, 'flavor': {'flavor_id': NOBODY},
            'flavor-null': {'flavor_id': None}, 'flavor-text': {'flavor_id': 'x'}, 'flavor-number': {'flavor_id': 5},
            'routes': {'routes': []}, 'zones-empty': {'availability_zone_hints': []},
            'zones-unknown': {'availability_zone_hints': ['nowhere']}, 'zones-text': {'availability_zone_hints': 'nova'},
            'zones-twice': {'availability_zone_hints': ['nova', 'nova']}, 'zones-null': {'availability_zone_hints': None},
            'zones': {'availability_zones': ['nova']}, 'gw-port': {'gw_port_id': NOBODY}, 'snat': {'enable_snat': True},
            'ndp-false': {'enable_ndp_proxy': False}, 'ndp-null': {'enable_ndp_proxy': None}}.items():
        case(f'post-one-{label}', [], step('POST', '/routers', {'router': attrs}), [a for a in attrs if a not in ('gw_port_id',)])
    for label, attrs in {'flavor': {'flavor_id': None}, 'zones': {'availability_zone_hints': []}, 'id': {'id': NOBODY},
            'status': {'status': 'DOWN'}, 'up': {'admin_state_up': True}, 'down': {'admin_state_up': False}}.items():
        case(f'put-one-{label}', [router()], put(attrs), [a for a in attrs if a != 'id'])
    case('post-zones-known', [], step('POST', '/routers', {'router': {'availability_zone_hints': ['nova']}}),
         ['availability_zone_hints', 'availability_zones'], needs='agents')
    case('post-defaults', [], step('POST', '/routers', {'router': {}}),
         ['name', 'admin_state_up', 'status', *GATEWAY, *FLAGS, 'routes', 'availability_zone_hints', 'flavor_id', 'description', 'tags'])


def flags():
    for label, before, attrs in (
            ('up', {}, {'distributed': True}), ('same', {}, {'distributed': False}),
            ('down-same', {'admin_state_up': False}, {'distributed': True}),
            ('down-together', {}, {'distributed': True, 'admin_state_up': False}),
            ('down-and-up', {'admin_state_up': False}, {'distributed': True, 'admin_state_up': True}),
            ('back-up', {'distributed': True}, {'distributed': False}), ('null', {'distributed': True}, {'distributed': None})):
        case(f'put-distributed-{label}', [router(**before)], put(attrs), [*FLAGS, 'admin_state_up'])
    for label, before, owner in (('plain', {}, None), ('distributed', {'distributed': True}, None)):
        case(f'owner-{label}', [*PAIR, router(**before), join()],
             step('GET', '/ports?device_id={router.id}'), ['device_owner', 'device_id', 'binding:host_id', 'binding:vif_type', 'project_id'])
    # What becomes of ports when `distributed` changes cannot be asked: the reference waits for itself on SQLite.


def gateways():
    ways('gateway', EXT, {'plain': TO, 'snat-off': TO | {'enable_snat': False}, 'snat-text': TO | {'enable_snat': 'off'},
        'null': None, 'empty': {}, 'text-empty': '', 'false': False, 'snat': TO | {'enable_snat': True},
        'snat-bad': TO | {'enable_snat': 'x'}, 'snat-null': TO | {'enable_snat': None}, 'unknown-key': TO | {'color': 1},
        'text': 'x', 'list': ['x'], 'no-network': {'enable_snat': False}, 'network-null': {'network_id': None},
        'network-bad': {'network_id': 'x'}, 'network-unknown': {'network_id': NOBODY}, 'qos-null': TO | {'qos_policy_id': None},
        'qos-bad': TO | {'qos_policy_id': 'x'}, 'qos-unknown': TO | {'qos_policy_id': NOBODY},
        'ips-empty': TO | {'external_fixed_ips': []}, 'ips-null': TO | {'external_fixed_ips': None},
        'ips-text': TO | {'external_fixed_ips': 'x'}, 'ips-bad': TO | {'external_fixed_ips': [{'ip_address': 'x'}]},
        'ips-of-empty': TO | {'external_fixed_ips': [{}]}}, show=['external_gateway_info.network_id', 'external_gateway_info.enable_snat'])
    ways('gateway-ip', EXT, {'ip': TO | {'external_fixed_ips': [{'ip_address': '172.24.4.77'}]},
        'both': TO | {'external_fixed_ips': [{'subnet_id': '{esub.id}', 'ip_address': '172.24.4.78'}]},
        'two': TO | {'external_fixed_ips': [{'ip_address': '172.24.4.77'}, {'ip_address': '172.24.4.79'}]},
        'gateway': TO | {'external_fixed_ips': [{'ip_address': '172.24.4.1'}]},
        'nowhere': TO | {'external_fixed_ips': [{'ip_address': '10.9.9.9'}]},
        'twice': TO | {'external_fixed_ips': [{'ip_address': '172.24.4.77'}, {'ip_address': '172.24.4.77'}]},
        'subnet-unknown': TO | {'external_fixed_ips': [{'subnet_id': NOBODY}]},
        'subnet-bad': TO | {'external_fixed_ips': [{'subnet_id': 'x'}]}})
    case('post-gateway-taken', [*EXT, port(network_id='{ext.id}', fixed_ips=[{'ip_address': '172.24.4.77'}])], step('POST', '/routers',
         {'router': {'external_gateway_info': TO | {'external_fixed_ips': [{'ip_address': '172.24.4.77'}]}}}))
    case('post-gateway-taken-router', [*EXT, router('other', external_gateway_info=TO | {'external_fixed_ips': [{'ip_address': '172.24.4.77'}]})],
         step('POST', '/routers', {'router': {'external_gateway_info': TO | {'external_fixed_ips': [{'ip_address': '172.24.4.77'}]}}}))
    case('post-gateway-taken-none', [*EXT, port(network_id='{ext.id}', fixed_ips=[{'ip_address': '172.24.4.77'}]), step('POST', '/routers',
         {'router': {'name': '{case}', 'external_gateway_info': TO | {'external_fixed_ips': [{'ip_address': '172.24.4.77'}]}}}, fails=True)],
         step('GET', '/routers?name={case}'), ['name'])
    ways('gateway-plain-net', [net('ext')], {'plain': TO})
    ways('gateway-no-subnet', EXT[:1], {'plain': TO}, show=['external_gateway_info.external_fixed_ips', 'external_gateway_info.enable_snat'])
    full = [EXT[0], sub('esub', network_id='{ext.id}', cidr='172.24.4.0/24',
                        allocation_pools=[{'start': '172.24.4.7', 'end': '172.24.4.7'}]), port(network_id='{ext.id}')]
    ways('gateway-full', full, {'plain': TO})
    six = [*EXT, sub6('esub6', network_id='{ext.id}')]
    ways('gateway-six', six, {'plain': TO}, show=['external_gateway_info.network_id'])
    case('gateway-six-addresses', [*six, router(external_gateway_info=TO)], step('GET', '/ports?device_id={router.id}'), ['fixed_ips.subnet_id'])
    have = [*EXT, router(external_gateway_info=TO | {'external_fixed_ips': [{'ip_address': '172.24.4.50'}]})]
    ip = TO | {'external_fixed_ips': [{'ip_address': '172.24.4.60'}]}
    for label, info in {'null': None, 'empty': {}, 'same': TO, 'same-ips': TO | {'external_fixed_ips': [{'ip_address': '172.24.4.50'}]},
            'ip': ip, 'subnet': TO | {'external_fixed_ips': [{'subnet_id': '{esub.id}'}]}, 'snat': TO | {'enable_snat': False},
            'more': TO | {'external_fixed_ips': [{'ip_address': '172.24.4.50'}, {'ip_address': '172.24.4.61'}]},
            'bad-ip': TO | {'external_fixed_ips': [{'ip_address': '10.1.1.1'}]}}.items():
        case(f'put-regate-{label}', have, put({'external_gateway_info': info}), GATEWAY)
    case('put-regate-snat-back', [*have, put({'external_gateway_info': TO | {'enable_snat': False}})],
         put({'external_gateway_info': TO}), ['external_gateway_info.enable_snat'])
    case('put-regate-name', have, put({'name': 'x'}), ['name', *GATEWAY])
    case('put-regate-other', [*have, *EXT2], put({'external_gateway_info': {'network_id': '{ext2.id}'}}), ['external_gateway_info.network_id'])
    case('put-regate-other-ports', [*have, *EXT2, put({'external_gateway_info': {'network_id': '{ext2.id}'}})],
         step('GET', '/ports?device_id={router.id}'), ['network_id', 'device_owner'])
    case('put-regate-other-plain', [*have, net()], put({'external_gateway_info': {'network_id': '{net.id}'}}))
    case('put-regate-other-plain-kept', [*have, net(), put({'external_gateway_info': {'network_id': '{net.id}'}}, fails=True)],
         step('GET', '/routers/{router.id}'), GATEWAY)
    case('gateway-port', have, step('GET', '/ports?device_id={router.id}'), [*OWNED, 'network_id', 'security_groups', 'admin_state_up'])
    case('gateway-cleared-ports', [*have, put({'external_gateway_info': {}})], step('GET', '/ports?device_id={router.id}'), ['id'])
    case('gateway-deleted-ports', [*have, step('DELETE', '/routers/{router.id}')], step('GET', '/ports?network_id={ext.id}'), ['id'], undo=[])
    case('gateway-keeps-external', have, step('PUT', '/networks/{ext.id}', {'network': {'router:external': False}}))
    case('gateway-keeps-external-same', have, step('PUT', '/networks/{ext.id}', {'network': {'router:external': True, 'name': 'x'}}), ['name'])
    case('gateway-keeps-network', have, step('DELETE', '/networks/{ext.id}'))
    case('gateway-keeps-subnet', have, step('DELETE', '/subnets/{esub.id}'))
    case('gateway-on-interface-net', [*EXT, router(), join('esub')], put({'external_gateway_info': TO}))
    case('gateway-overlaps-interface', [*EXT, net(), sub(cidr='172.24.4.0/25'), router(), join()], put({'external_gateway_info': TO}))
    case('delete-with-gateway', have, step('DELETE', '/routers/{router.id}'), undo=[])
    pid = '{{port.id}}'
    for verb, body in (('DELETE', None), ('PUT', {'port': {'name': 'x'}}), ('PUT', {'port': {'fixed_ips': [{'ip_address': '172.24.4.51'}]}})):
        label = f'{verb.lower()}' + ('' if not body else '-' + next(iter(body['port'])))
        case(f'gateway-port-{label}', [*have, step('GET', '/ports?device_id={router.id}', **{'as': 'port'})],
             step(verb, '/ports/{port.id}', body), ['name'] if body else ())


def info(name, setup, request, show=INFO, **more):
    case(name, setup, request, show, bare=True, **more)


def interfaces():
    start = [*PAIR, router()]
    info('join-subnet', start, join())
    info('join-subnet-shape', start, join(), ['*'])
    case('join-subnet-port', [*start, join()], step('GET', '/ports?device_id={router.id}'), [*OWNED, 'network_id', 'mac_address'][:-1])
    info('leave-subnet', [*start, join()], leave())
    info('leave-subnet-shape', [*start, join()], leave(), ['*'])
    case('leave-subnet-ports', [*start, join(), leave()], step('GET', '/ports?network_id={net.id}'), ['id'])
    for label, body in {'nothing': {}, 'subnet-bad': {'subnet_id': 'x'}, 'port-bad': {'port_id': 'x'}, 'subnet-unknown': {'subnet_id': NOBODY},
            'port-unknown': {'port_id': NOBODY}, 'subnet-null': {'subnet_id': None}, 'port-null': {'port_id': None},
            'both': {'subnet_id': '{sub.id}', 'port_id': '{port.id}'}, 'other-key': {'network_id': '{net.id}'},
            'more-key': {'subnet_id': '{sub.id}', 'color': 1}, 'number': {'subnet_id': 5}}.items():
        info(f'join-body-{label}', [*start, port()], on('add_router_interface', body))
        info(f'leave-body-{label}', [*start, port(), join()], on('remove_router_interface', body))
    for label, raw in {'empty': '', 'notjson': '{', 'list': '[]', 'null': 'null', 'text': '"x"'}.items():
        info(f'join-raw-{label}', start, on('add_router_interface', raw=raw))
        info(f'leave-raw-{label}', start, on('remove_router_interface', raw=raw))
    for verb in ('GET', 'POST', 'DELETE', 'PATCH'):
        case(f'join-verb-{verb}', start, step(verb, '/routers/{router.id}/add_router_interface', {'subnet_id': '{sub.id}'}))
    case('action-unknown', start, on('no_such_action', {}))
    case('action-unknown-get', start, step('GET', '/routers/{router.id}/no_such_action'))
    for action in ('add_router_interface', 'remove_router_interface', 'add_extraroutes', 'remove_extraroutes'):
        case(f'{action}-unknown', PAIR, step('PUT', f'/routers/{NOBODY}/{action}', {'subnet_id': '{sub.id}', 'router': {'routes': []}}))
        case(f'{action}-malformed', PAIR, step('PUT', f'/routers/nope/{action}', {'subnet_id': '{sub.id}', 'router': {'routes': []}}))
    info('join-twice', [*start, join()], join())
    info('join-no-gateway', [net(), sub(gateway_ip=None), router()], join())
    info('join-gateway-outside', [net(), sub(gateway_ip='10.9.0.1'), router()], join())
    info('join-gateway-taken', [*start, port(fixed_ips=[{'ip_address': '10.0.0.1'}])], join())
    info('join-overlap', [*PAIR, net('net2'), sub('sub2', network_id='{net2.id}', cidr='10.0.0.0/25'), router(), join()], join('sub2'))
    info('join-overlap-wider', [*PAIR, net('net2'), sub('sub2', network_id='{net2.id}', cidr='10.0.0.0/16'), router(), join()], join('sub2'))
    two = [*PAIR, net('net2'), sub('sub2', network_id='{net2.id}', cidr='10.1.0.0/24')]
    info('join-second', [*two, router(), join()], join('sub2'))
    same = [*PAIR, sub('sub2', cidr='10.1.0.0/24'), router()]
    info('join-same-net', [*same, join()], join('sub2'))
    case('join-same-net-ports', [*same, join(), join('sub2')], step('GET', '/ports?network_id={net.id}'), ['fixed_ips'])
    info('join-second-router-gateway', [*PAIR, router(), router('other'), join()], join(at='other'))
    info('join-down', [*PAIR, router(admin_state_up=False)], join())
    info('join-external-gateway-net', [*EXT, router(external_gateway_info=TO)], join('esub'))
    info('join-overlaps-gateway', [*EXT, net(), sub(cidr='172.24.4.0/25'), router(external_gateway_info=TO)], join())
    info('leave-never', start, leave())
    info('leave-twice', [*start, join(), leave()], leave())
    info('leave-other-subnet-of-net', [*same, join()], leave('sub2'))
    # by port
    a = [*PAIR, port(fixed_ips=[{'ip_address': '10.0.0.9'}], name='{case}'), router()]
    by_port = on('add_router_interface', {'port_id': '{port.id}'})
    out = on('remove_router_interface', {'port_id': '{port.id}'})
    info('join-port', a, by_port, [*INFO, 'port_id'])
    case('join-port-port', [*a, by_port], step('GET', '/ports/{port.id}'), [*OWNED[:-1], 'device_owner'], undo=[out])
    case('join-port-owner', [*a, by_port], step('GET', '/ports/{port.id}'), ['device_owner', 'device_id'], undo=[out])
    info('join-port-twice', [*a, by_port], by_port, undo=[out])
    info('join-port-other', [*a, router('other'), by_port], on('add_router_interface', {'port_id': '{port.id}'}, 'other'), undo=[out])
    info('leave-port', [*a, by_port], out, [*INFO, 'port_id'])
    case('leave-port-gone', [*a, by_port, out], step('GET', '/ports/{port.id}'))
    info('leave-port-never', a, out)
    info('leave-port-subnet', [*a, by_port], on('remove_router_interface', {'port_id': '{port.id}', 'subnet_id': '{sub.id}'}))
    info('leave-port-wrong-subnet', [*a, sub('sub2', cidr='10.1.0.0/24'), by_port],
         on('remove_router_interface', {'port_id': '{port.id}', 'subnet_id': '{sub2.id}'}), undo=[out])
    info('leave-port-by-subnet', [*a, by_port], leave())
    info('leave-subnet-by-port', [*start, join(), step('GET', '/ports?device_id={router.id}', **{'as': 'port'})], out, [*INFO, 'port_id'])
    info('join-port-in-use', [*PAIR, port(device_id='vm'), router()], by_port)
    info('join-port-owned', [*PAIR, port(device_owner='compute:x'), router()], by_port, undo=[out])
    info('join-port-no-address', [*PAIR, port(fixed_ips=[]), router()], by_port)
    info('join-port-two-four', [*PAIR, sub('sub2', cidr='10.1.0.0/24'), port(fixed_ips=[{'subnet_id': '{sub.id}'}, {'subnet_id': '{sub2.id}'}]), router()], by_port)
    info('join-port-two-one-subnet', [*PAIR, port(fixed_ips=[{'ip_address': '10.0.0.8'}, {'ip_address': '10.0.0.9'}]), router()], by_port)
    case('join-port-refused-free', [*PAIR, sub('sub2', cidr='10.1.0.0/24'), port(fixed_ips=[{'subnet_id': '{sub.id}'}, {'subnet_id': '{sub2.id}'}]), router(),
        on('add_router_interface', {'port_id': '{port.id}'}, fails=True)], step('GET', '/ports/{port.id}'), ['device_id', 'device_owner'])
    info('join-port-same-subnet', [*a, join()], by_port)
    info('join-port-overlap', [*PAIR, net('net2'), sub('sub2', network_id='{net2.id}', cidr='10.0.0.0/25'),
        port(network_id='{net2.id}'), router(), join()], by_port, undo=[leave()])


def sixes():
    six = [net(), sub6(), sub6('sub62', cidr='2001:db8:1::/64'), router()]
    info('six-join', six, join('sub6'))
    info('six-join-second', [*six, join('sub6')], join('sub62'))
    case('six-one-port', [*six, join('sub6'), join('sub62')], step('GET', '/ports?network_id={net.id}'), ['fixed_ips', 'device_owner'])
    info('six-leave-first', [*six, join('sub6'), join('sub62')], leave('sub6'), INFO)
    case('six-leave-first-port', [*six, join('sub6'), join('sub62'), leave('sub6')], step('GET', '/ports?network_id={net.id}'), ['fixed_ips'])
    case('six-leave-both', [*six, join('sub6'), join('sub62'), leave('sub6'), leave('sub62')], step('GET', '/ports?network_id={net.id}'), ['id'])
    got = step('GET', '/ports?device_id={router.id}', **{'as': 'port'})
    info('six-leave-port', [*six, join('sub6'), join('sub62'), got], on('remove_router_interface', {'port_id': '{port.id}'}), [*INFO[:3], 'subnet_ids'])
    dual = [*PAIR, sub6(), router()]
    case('six-dual-ports', [*dual, join(), join('sub6')], step('GET', '/ports?network_id={net.id}'), ['fixed_ips'])
    info('six-by-port-second', [net(), sub6(), sub6('sub62', cidr='2001:db8:1::/64'), port(fixed_ips=[{'subnet_id': '{sub62.id}'}]), router(), join('sub6')],
         on('add_router_interface', {'port_id': '{port.id}'}))
    info('six-by-port-dual', [*PAIR, sub6(), port(), router()], on('add_router_interface', {'port_id': '{port.id}'}), INFO[:3])
    info('six-slaac', [net(), sub6(mode='slaac'), router()], join('sub6'))
    info('six-outside-router', [net(), sub6(more={'ipv6_address_mode': 'slaac'}), router()], join('sub6'))
    case('six-slaac-port', [net(), sub6(mode='slaac'), router(), join('sub6')], step('GET', '/ports?network_id={net.id}'), ['fixed_ips'])
    case('six-twice-overlap', [*six, join('sub6')], join('sub6'))


def centralized():
    away = [*EXT, *PAIR, router(distributed=True, external_gateway_info=TO)]
    snat = '&device_owner=network:router_centralized_snat'
    ports = step('GET', '/ports?device_id={router.id}')
    case('snat-with-interface', [*away, join()], ports, ['device_owner'])
    case('snat-port', [*away, join()], step('GET', '/ports?device_id={router.id}' + snat),
         ['project_id', 'network_id', 'fixed_ips.subnet_id', 'name', 'port_security_enabled', 'security_groups'])
    case('snat-with-gateway', [*EXT, *PAIR, router(distributed=True), join(), put({'external_gateway_info': TO})], ports, ['device_owner'])
    case('snat-gone-with-gateway', [*away, join(), put({'external_gateway_info': None})], ports, ['device_owner'])
    case('snat-gone-with-interface', [*away, join(), leave()], ports, ['device_owner'])
    case('snat-none-without-snat', [*EXT, *PAIR, router(distributed=True, external_gateway_info=TO | {'enable_snat': False}), join()], ports, ['device_owner'])
    case('snat-kept-with-other', [*away, *EXT2, join(), put({'external_gateway_info': {'network_id': '{ext2.id}'}})], ports, ['device_owner'])
    case('snat-two', [*away, sub('sub2', cidr='10.1.0.0/24'), join(), join('sub2')], ports, ['device_owner'])
    six = [*away, sub6(), sub6('sub62', cidr='2001:db8:1::/64')]
    case('snat-six', [*six, join('sub6'), join('sub62')], step('GET', '/ports?device_id={router.id}' + snat), ['fixed_ips.subnet_id'])
    case('snat-six-gateway', [*EXT, *PAIR, sub6(), sub6('sub62', cidr='2001:db8:1::/64'), router(distributed=True), join('sub6'), join('sub62'),
         put({'external_gateway_info': TO})], step('GET', '/ports?device_id={router.id}' + snat), ['fixed_ips.subnet_id'])
    case('snat-six-one-leaves', [*six, join('sub6'), join('sub62'), leave('sub6')], step('GET', '/ports?device_id={router.id}' + snat), ['fixed_ips.subnet_id'])
    case('snat-deleted', [*away, join(), leave(), step('DELETE', '/routers/{router.id}')], step('GET', '/ports?device_id={router.id}'), ['id'], undo=[])
    case('snat-port-delete', [*away, join(), step('GET', '/ports?device_id={router.id}' + snat, **{'as': 'port'})], step('DELETE', '/ports/{port.id}'))


def way(*pairs):
    return {'routes': [{'destination': d, 'nexthop': n} for d, n in pairs]}


def routes():
    have = [*PAIR, router(), join()]
    good = ('10.8.0.0/16', '10.0.0.9')
    rows = {'one': way(good), 'two': way(good, ('10.9.0.0/16', '10.0.0.9')), 'same-destination': way(good, ('10.8.0.0/16', '10.0.0.10')),
        'empty': {'routes': []}, 'null': {'routes': None}, 'twice': way(good, good), 'own': way(('10.8.0.0/16', '10.0.0.1')),
        'far': way(('10.8.0.0/16', '10.7.0.1')), 'default': way(('0.0.0.0/0', '10.0.0.9')), 'host': way(('10.8.0.1/32', '10.0.0.9')),
        'bare': way(('10.8.0.1', '10.0.0.9')), 'host-bits': way(('10.8.0.1/16', '10.0.0.9')), 'six-via-four': way(('2001:db8::/64', '10.0.0.9')),
        'bad-destination': way(('x', '10.0.0.9')), 'bad-nexthop': way(('10.8.0.0/16', 'x')), 'nexthop-cidr': way(('10.8.0.0/16', '10.0.0.9/32')),
        'no-nexthop': {'routes': [{'destination': '10.8.0.0/16'}]}, 'no-destination': {'routes': [{'nexthop': '10.0.0.9'}]},
        'more-key': {'routes': [{'destination': '10.8.0.0/16', 'nexthop': '10.0.0.9', 'color': 1}]}, 'text': {'routes': 'x'},
        'of-text': {'routes': ['x']}, 'thirty': way(*((f'10.8.{n}.0/24', '10.0.0.9') for n in range(30))),
        'thirty-one': way(*((f'10.8.{n}.0/24', '10.0.0.9') for n in range(31))), 'network-address': way(('10.8.0.0/16', '10.0.0.0')),
        'broadcast': way(('10.8.0.0/16', '10.0.0.255'))}
    for label, body in rows.items():
        case(f'put-routes-{label}', have, put(body), ['routes'])
        case(f'add-routes-{label}', have, on('add_extraroutes', {'router': body}), ['routes'])
        if label in ('one', 'two', 'empty', 'null', 'twice', 'own', 'of-text', 'no-nexthop'):
            case(f'remove-routes-{label}', [*have, put(way(good, ('10.9.0.0/16', '10.0.0.9')))], on('remove_extraroutes', {'router': body}), ['routes'])
    case('put-routes-none', [router()], put(way(good)))
    case('put-routes-replace', [*have, put(way(good))], put(way(('10.9.0.0/16', '10.0.0.9'))), ['routes'])
    case('add-routes-more', [*have, put(way(good))], on('add_extraroutes', {'router': way(('10.9.0.0/16', '10.0.0.9'))}), ['routes'])
    case('add-routes-again', [*have, put(way(good))], on('add_extraroutes', {'router': way(good)}), ['routes'])
    case('add-routes-bad-kept', [*have, put(way(good)), on('add_extraroutes', {'router': way(('10.9.0.0/16', '10.0.0.9'), ('10.9.0.0/16', '10.7.0.1'))}, fails=True)],
         step('GET', '/routers/{router.id}'), ['routes'])
    quota = '/quotas/' + 'a' * 32
    limit = lambda n: step('PUT', quota, {'quota': {'router_route': n}})
    many = lambda *ns: way(*((f'10.8.{n}.0/24', '10.0.0.9') for n in ns))
    for label, setup, request in [
            ('put', [limit(1)], put(many(1, 2))), ('add', [limit(1), put(many(1))], on('add_extraroutes', {'router': many(2)})),
            ('replace', [limit(1), put(many(1))], put(many(2))), ('zero', [limit(0)], put(many(1))),
            ('lowered', [put(many(1, 2, 3)), limit(1)], put(many(1, 2))),
            ('lowered-name', [put(many(1, 2, 3)), limit(1)], put({'name': 'x'})),
            ('raised', [limit(31)], put(many(*range(31)))), ('none', [limit(-1)], put(many(*range(31))))]:
        case(f'routes-quota-{label}', [*have, *setup], request, ['routes'],
             undo=[*undo_of(have, request), step('DELETE', quota)])
    case('routes-quota-used', [*have, limit(5), put(many(1, 2))], step('GET', f'{quota}/details'), ['router_route'],
         undo=[*undo_of(have, None), step('DELETE', quota)])
    case('remove-routes-absent', have, on('remove_extraroutes', {'router': way(good)}), ['routes'])
    case('put-routes-gateway-net', [*EXT, router(external_gateway_info=TO)], put(way(('10.8.0.0/16', '172.24.4.200'))), ['routes'])
    six = [net(), sub6(), router(), join('sub6')]
    case('put-routes-six', six, put(way(('2001:db8:9::/64', '2001:db8::9'))), ['routes'])
    case('put-routes-six-upper', six, put(way(('2001:DB8:9::/64', '2001:DB8::9'))), ['routes'])
    info('routes-keep-interface', [*have, put(way(good))], leave())
    info('routes-keep-no-other', [*have, sub('sub2', cidr='10.1.0.0/24'), join('sub2'), put(way(good))], leave('sub2'))
    case('routes-keep-gateway', [*EXT, router(external_gateway_info=TO), put(way(('10.8.0.0/16', '172.24.4.200')))], put({'external_gateway_info': None}))
    case('routes-and-gateway', [*EXT, *PAIR, router(), join()], put(way(good) | {'external_gateway_info': TO}), ['routes', 'external_gateway_info.network_id'])
    case('routes-via-new-gateway', [*EXT, router()], put(way(('10.8.0.0/16', '172.24.4.200')) | {'external_gateway_info': TO}))
    for action in ('add_extraroutes', 'remove_extraroutes'):
        for label, raw in {'empty': '', 'list': '[]', 'no-router': '{}', 'no-routes': '{"router": {}}', 'null': '{"router": null}', 'notjson': '{'}.items():
            case(f'{action}-raw-{label}', have, on(action, raw=raw), ['routes'])


def guards():
    have = [*PAIR, router(), join(), step('GET', '/ports?device_id={router.id}', **{'as': 'port'})]
    case('guard-delete-router', have, step('DELETE', '/routers/{router.id}'))
    case('guard-delete-port', have, step('DELETE', '/ports/{port.id}'))
    case('guard-delete-network', have, step('DELETE', '/networks/{net.id}'))
    case('guard-delete-subnet', have, step('DELETE', '/subnets/{sub.id}'))
    case('guard-subnet-gateway', have, step('PUT', '/subnets/{sub.id}', {'subnet': {'gateway_ip': '10.0.0.2'}}))
    case('guard-subnet-gateway-null', have, step('PUT', '/subnets/{sub.id}', {'subnet': {'gateway_ip': None}}))
    case('guard-subnet-gateway-same', have, step('PUT', '/subnets/{sub.id}', {'subnet': {'gateway_ip': '10.0.0.1'}}), ['gateway_ip'])
    case('guard-subnet-name', have, step('PUT', '/subnets/{sub.id}', {'subnet': {'name': 'x'}}), ['name'])
    for label, body, show in (('ips', {'fixed_ips': [{'ip_address': '10.0.0.7'}]}, ()), ('ips-same', {'fixed_ips': [{'ip_address': '10.0.0.1'}]}, ['fixed_ips']),
            ('ips-more', {'fixed_ips': [{'ip_address': '10.0.0.1'}, {'ip_address': '10.0.0.7'}]}, ['fixed_ips']), ('ips-none', {'fixed_ips': []}, ['fixed_ips']),
            ('name', {'name': 'x'}, ['name']), ('device', {'device_id': ''}, ['device_id']), ('owner', {'device_owner': ''}, ['device_owner']),
            ('down', {'admin_state_up': False}, ['admin_state_up'])):
        back = step('PUT', '/ports/{port.id}', {'port': {'device_id': '{router.id}', 'device_owner': 'network:router_interface'}})
        case(f'guard-port-{label}', have, step('PUT', '/ports/{port.id}', {'port': body}), show,
             undo=[back, *undo_of(have, None)])
    own = {'device_owner': 'network:router_interface', 'device_id': '{router.id}'}
    case('guard-fake-port', [*PAIR, router(), port(**own)], step('DELETE', '/ports/{port.id}'),
         undo=[step('DELETE', '/routers/{router.id}')])
    case('guard-fake-port-nobody', [*PAIR, port(device_owner='network:router_interface', device_id=NOBODY)], step('DELETE', '/ports/{port.id}'))
    rev = ['revision_number']
    seen = step('GET', '/routers/{router.id}')
    case('revision-gateway', [*EXT, router(), put({'external_gateway_info': TO}, **{'as': 'after'})], step('GET', '/routers?revision_number={router.revision_number}&id={router.id}'), ['id'])
    case('revision-join', [*PAIR, router(), join()], step('GET', '/routers?revision_number={router.revision_number}&id={router.id}'), ['id'])
    case('revision-leave', [*PAIR, router(), join(), step('GET', '/routers?id={router.id}', **{'as': 'then'}), leave()],
         step('GET', '/routers?revision_number={then.revision_number}&id={router.id}'), ['id'])
    case('revision-routes', [*PAIR, router(), join(), step('GET', '/routers?id={router.id}', **{'as': 'then'}), put(way(('10.8.0.0/16', '10.0.0.9')))],
         step('GET', '/routers?revision_number={then.revision_number}&id={router.id}'), ['id'])
    case('revision-routes-same', [*PAIR, router(), join(), put(way(('10.8.0.0/16', '10.0.0.9'))), step('GET', '/routers?id={router.id}', **{'as': 'then'}),
         put(way(('10.8.0.0/16', '10.0.0.9')))], step('GET', '/routers?revision_number={then.revision_number}&id={router.id}'), ['id'])
    case('quota-shown', [], step('GET', '/quotas/' + 'e' * 32), ['router'])


def bad_lists():
    lists('router', 'odd', [], '', {'status': 'status=ACTIVE', 'ha': 'ha=false', 'distributed': 'distributed=true', 'gateway': 'external_gateway_info=x',
        'sort-status': 'sort_key=status&sort_dir=asc&name=none', 'sort-flavor': 'sort_key=flavor_id&sort_dir=asc&name=none',
        'sort-up': 'sort_key=admin_state_up&sort_dir=desc&name=none', 'sort-ha': 'sort_key=ha&sort_dir=asc', 'up-bad': 'admin_state_up=maybe',
        'ndp': 'enable_ndp_proxy=true'})
    three = [router('a', name='{case}-a'), router('b', name='{case}-b', admin_state_up=False), router('c', name='{case}-c')]
    lists('router', 'up', three, 'name={case}-a&name={case}-b&name={case}-c', {'down': 'admin_state_up=false', 'up': 'admin_state_up=true',
        'id': 'id={b.id}', 'two': 'id={b.id}&id={a.id}'})


def fill():
    common('router', {})
    attributes()
    flags()
    gateways()
    interfaces()
    sixes()
    centralized()
    routes()
    guards()
    bad_lists()
