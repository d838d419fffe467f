"""Who may do what to routers: asked by facts_policy.py beside the cases of cases_policy.py."""
from cases import NOBODY, make, step, sub
from cases_policy import FIRST, MAIN, MORE, SECOND, add, ask, by, network, port, subnet

TO = {'network_id': '{external.id}'}
OUT = [network('external'), by('ADMIN', sub('esub', network_id='{external.id}', cidr='172.24.4.0/24'))]
ROUTERS = {'own': ('A', {}), 'foreign': ('B', {}), 'guest': ('ADMIN', {'project_id': SECOND}), 'given': ('ADMIN', {'project_id': FIRST})}
WAYS = {'network': TO, 'snat': TO | {'enable_snat': True}, 'no-snat': TO | {'enable_snat': False}, 'ips': TO | {'external_fixed_ips': []},
        'ip': TO | {'external_fixed_ips': [{'ip_address': '172.24.4.77'}]}, 'qos': TO | {'qos_policy_id': None}, 'null': None, 'empty': {},
        'unknown-key': TO | {'color': 1}}


def a_router(label='own', at='router', **attrs):
    who, more = ROUTERS[label]
    return by(who, make('router', at, name='{case}', **more, **attrs))


def act(who, action, body, at='router', **more):
    return ask(who, 'PUT', f'/routers/{{{at}.id}}/{action}', body, **more)


def join(who, subnet_='sub', **more):
    return act(who, 'add_router_interface', {'subnet_id': f'{{{subnet_}.id}}'}, **more)


def leave(who, subnet_='sub', **more):
    return act(who, 'remove_router_interface', {'subnet_id': f'{{{subnet_}.id}}'}, **more)


def routers(name, setup, request, show=(), **more):
    names = [s.get('as') for s in setup]
    undo = [leave('ADMIN')] if 'router' in names and 'sub' in names else []
    add('router-' + name, setup, request, show, undo=undo, **more)


def operations():
    for label in ROUTERS:
        for who in MORE if label == 'own' else ('A', 'B'):
            routers(f'show-{label}-{who}', [a_router(label)], ask(who, 'GET', '/routers/{router.id}'), ['name', 'project_id'])
            routers(f'update-{label}-{who}', [a_router(label)], ask(who, 'PUT', '/routers/{router.id}', {'router': {'name': 'x'}}), ['name'])
            routers(f'delete-{label}-{who}', [a_router(label)], ask(who, 'DELETE', '/routers/{router.id}'))
    for who in [*MORE, 'MANAGER', 'CASED']:
        routers(f'create-{who}', [], ask(who, 'POST', '/routers', {'router': {'name': 'r'}}), ['name', 'project_id'])
        routers(f'list-{who}', [a_router(), a_router('foreign', 'other')], ask(who, 'GET', '/routers?name={case}'), ['project_id'])
    for who in ('ADMIN', 'A', 'SERVICE'):
        routers(f'create-for-other-{who}', [], ask(who, 'POST', '/routers', {'router': {'project_id': SECOND}}), ['project_id'])
    for who in ('ADMIN', 'A'):
        routers(f'keys-{who}', [a_router()], ask(who, 'GET', '/routers/{router.id}'), ['*'])
        routers(f'keys-list-{who}', [a_router()], ask(who, 'GET', '/routers?name={case}'), ['*'])
        routers(f'keys-created-{who}', [], ask(who, 'POST', '/routers', {'router': {}}), ['*'])
        routers(f'keys-updated-{who}', [a_router()], ask(who, 'PUT', '/routers/{router.id}', {'router': {'name': 'x'}}), ['*'])
        for fields in ('ha', 'name&fields=distributed'):
            label = fields.replace('&fields=', '-and-')
            routers(f'fields-{label}-{who}', [a_router()], ask(who, 'GET', f'/routers/{{router.id}}?fields={fields}'), ['*'])
        for verb in ('GET', 'DELETE'):
            routers(f'unknown-{verb}-{who}', [], ask(who, verb, f'/routers/{NOBODY}'))
    routers('list-by-project-A', [a_router(), a_router('foreign', 'other')], ask('A', 'GET', f'/routers?project_id={SECOND}&name={{case}}'), ['name'])
    routers('list-marker-foreign-A', [a_router(), a_router('foreign', 'other')], ask('A', 'GET', '/routers?limit=2&marker={other.id}'), ['name'])


def attributes():
    for attr in ('ha', 'distributed'):
        for who in ('ADMIN', 'A', 'NOVA'):
            for value in (False, None) if who == 'A' else (False,):
                routers(f'create-{attr}-{value}-{who}', [], ask(who, 'POST', '/routers', {'router': {attr: value}}), [attr])
            routers(f'update-{attr}-{who}', [a_router()], ask(who, 'PUT', '/routers/{router.id}', {'router': {attr: False}}), [attr])
        routers(f'update-{attr}-foreign-B', [a_router()], ask('B', 'PUT', '/routers/{router.id}', {'router': {attr: False}}))
    for label, info in WAYS.items():
        for who in ('ADMIN', 'A') if label in ('network', 'snat', 'ips') else ('A',):
            routers(f'create-gateway-{label}-{who}', OUT, ask(who, 'POST', '/routers', {'router': {'external_gateway_info': info}}),
                    ['external_gateway_info.network_id'])
            routers(f'update-gateway-{label}-{who}', [*OUT, a_router()],
                    ask(who, 'PUT', '/routers/{router.id}', {'router': {'external_gateway_info': info}}), ['external_gateway_info.network_id'])
    for who in ('READER', 'B', 'NOVA'):
        routers(f'update-gateway-{who}', [*OUT, a_router()], ask(who, 'PUT', '/routers/{router.id}', {'router': {'external_gateway_info': TO}}))
    routers('create-gateway-foreign-net-A', [network('foreign')], ask('A', 'POST', '/routers', {'router': {
        'external_gateway_info': {'network_id': '{foreign.id}'}}}))
    routers('create-gateway-shared-net-A', [network('shared')], ask('A', 'POST', '/routers', {'router': {
        'external_gateway_info': {'network_id': '{shared.id}'}}}))
    routers('clear-gateway-A', [*OUT, a_router(external_gateway_info=TO)], ask('A', 'PUT', '/routers/{router.id}', {'router': {'external_gateway_info': {}}}),
            ['external_gateway_info'])
    routers('gateway-shown-A', [*OUT, a_router(external_gateway_info=TO)], ask('A', 'GET', '/routers/{router.id}'), ['external_gateway_info.network_id',
            'external_gateway_info.enable_snat'])
    routers('gateway-port-A', [*OUT, a_router(external_gateway_info=TO)], ask('A', 'GET', '/ports?device_id={router.id}'), ['id'])
    routers('flavor-A', [], ask('A', 'POST', '/routers', {'router': {'flavor_id': None}}), ['flavor_id'])
    routers('zones-A', [], ask('A', 'POST', '/routers', {'router': {'availability_zone_hints': []}}), ['availability_zone_hints'])


def actions():
    info = ['id', 'project_id', 'network_id', 'subnet_ids']
    for where in ('own', 'foreign', 'shared', 'external'):
        for who in ('ADMIN', 'A'):
            routers(f'join-on-{where}-{who}', [*subnet(where), a_router()], join(who), info, bare=True)
    for label in ROUTERS:
        for who in ('ADMIN', 'A', 'B', 'READER', 'NOVA') if label == 'own' else ('A',):
            routers(f'join-{label}-{who}', [*subnet('own'), a_router(label)], join(who), info, bare=True)
            routers(f'leave-{label}-{who}', [*subnet('own'), a_router(label), join('ADMIN')], leave(who), info, bare=True)
            for action in ('add_extraroutes', 'remove_extraroutes') if who in ('A', 'B', 'READER') else ():
                routers(f'{action}-{label}-{who}', [*subnet('own'), a_router(label), join('ADMIN')],
                        act(who, action, {'router': {'routes': []}}), ['routes'])
    for whose, who, more in (('own', 'A', {}), ('foreign', 'B', {}), ('shared', 'A', {}), ('shared', 'B', {})):
        made = by(who, port('port', network_id=f'{{{whose}.id}}', **more))
        for asks in ('A', 'ADMIN'):
            routers(f'join-port-{whose}-of-{who}-{asks}', [*subnet(whose), made, a_router()],
                    act(asks, 'add_router_interface', {'port_id': '{port.id}'}), info, bare=True)
    guest = by('ADMIN', port('port', network_id='{own.id}', project_id=SECOND))
    routers('join-port-guest-A', [*subnet('own'), guest, a_router()], act('A', 'add_router_interface', {'port_id': '{port.id}'}), info, bare=True)
    outside = by('ADMIN', port('port', network_id='{shared.id}', project_id=FIRST, fixed_ips=[{'ip_address': '10.0.0.9'}]))
    small = [network('shared'), by('ADMIN', sub('sub', network_id='{shared.id}', allocation_pools=[{'start': '10.0.0.20', 'end': '10.0.0.30'}]))]
    for who in ('A', 'ADMIN'):
        routers(f'join-port-outside-{who}', [*small, outside, a_router()], act(who, 'add_router_interface', {'port_id': '{port.id}'}), info, bare=True)
    joined = [*subnet('own'), a_router(), join('A'), by('A', step('GET', '/ports?device_id={router.id}')) | {'as': 'port'}]
    routers('port-delete-A', joined, ask('A', 'DELETE', '/ports/{port.id}'))
    routers('port-move-A', joined, ask('A', 'PUT', '/ports/{port.id}', {'port': {'fixed_ips': [{'ip_address': '10.0.0.7'}]}}))
    routers('port-shown-A', joined, ask('A', 'GET', '/ports/{port.id}'), ['device_owner', 'project_id'])
    fake = {'network_id': '{own.id}', 'device_owner': 'network:router_interface', 'device_id': '{router.id}'}
    routers('port-fake-A', [*subnet('own'), a_router('foreign')], ask('A', 'POST', '/ports', {'port': fake}))
    routers('action-unknown-A', [a_router()], act('A', 'no_such_action', {}))
    limit = by('ADMIN', step('PUT', f'/quotas/{FIRST}', {'quota': {'router': 1}}))
    for who in ('A', 'B'):
        add(f'router-over-quota-{who}', [limit, a_router()], ask(who, 'POST', '/routers', {'router': {}}), ['name'],
            undo=[ask('ADMIN', 'DELETE', f'/quotas/{FIRST}')])


def fill():
    operations()
    attributes()
    actions()
