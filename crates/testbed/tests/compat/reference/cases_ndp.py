"""Cases of NDP proxies, and of the routers that have them."""
from cases import DROP, NOBODY, add, make, net, plain, port, slug, step, sub6

MANY = '/ndp-proxies'
ONE = MANY + '/{proxy.id}'
SHOW = ['name', 'description', 'ip_address', 'router_id', 'port_id', 'project_id', 'tenant_id']
R = '/routers/{router.id}'
GATE = {'network_id': '{ext.id}'}
IN, OUT = '2001:db8:1::/64', '2001:db8:f::/64'
SCOPE = step('POST', '/address-scopes', {'address_scope': {'name': '{case}', 'ip_version': 6}}, **{'as': 'scope'})
POOL = step('POST', '/subnetpools', {'subnetpool': {'name': '{case}', 'prefixes': ['2001:db8::/40'], 'default_prefixlen': 64, 'address_scope_id': '{scope.id}'}}, **{'as': 'pool'})
OUTSIDE = [SCOPE, POOL, net('ext', **{'router:external': True}), sub6('out', network_id='{ext.id}', cidr=OUT, subnetpool_id='{pool.id}')]
INSIDE = [net(), sub6('sub', cidr=IN, subnetpool_id='{pool.id}')]
JOIN = step('PUT', R + '/add_router_interface', {'subnet_id': '{sub.id}'})
PORT = port(fixed_ips=[{'subnet_id': '{sub.id}', 'ip_address': '2001:db8:1::5'}])
UNDO = [step('DELETE', '/ports/{port.id}'), step('PUT', R + '/remove_router_interface', {'subnet_id': '{sub.id}'})]


def router(at='router', **attrs):
    return step('POST', '/routers', {'router': plain({'name': '{case}', 'external_gateway_info': GATE, 'enable_ndp_proxy': True} | attrs)}, **{'as': at})


def proxy(at='proxy', **attrs):
    return step('POST', MANY, {'ndp_proxy': plain({'name': '{case}', 'router_id': '{router.id}', 'port_id': '{port.id}'} | attrs)}, **{'as': at})


def put(**attrs):
    return step('PUT', R, {'router': attrs})


READY = [*OUTSIDE, *INSIDE, router(), JOIN, PORT]
MADE = [*READY, proxy()]
VALUES = {
    'name': ['', 'x' * 255, 'x' * 256, None, 7, DROP], 'description': ['d', 'x' * 255, 'x' * 256, None, 7], 'router_id': [NOBODY, 'x', '', None, 5, DROP],
    'port_id': [NOBODY, 'x', '', None, 5, DROP], 'ip_address': ['2001:db8:1::5', '2001:DB8:1::5', '2001:db8:1::6', '2001:db8:1::/64', '10.0.0.5', 'x', '', None, 5],
    'id': [NOBODY], 'project_id': ['b' * 32, '', None, 5], 'tenant_id': ['b' * 32], 'color': [1]}


def of_proxies():
    def case(name, setup, request, show=(), **more):
        add(f'ndp-{name}', setup, request, show, undo=UNDO, **more)
    case('post-shape', READY, proxy(), ['*'])
    case('get', MADE, step('GET', ONE), ['*', *SHOW])
    for attr, values in VALUES.items():
        for value in values:
            case(f'post-{attr}-{"absent" if value is DROP else slug(value)}', READY, proxy(**{attr: value}), SHOW)
        for value in values[:2]:
            case(f'put-{attr}-{slug(value)}', MADE, step('PUT', ONE, {'ndp_proxy': {attr: value}}), ['name', 'description', 'ip_address'])
    for path in ('/ndp_proxies', '/address_scopes', '/security_group_rules', '/metering/metering_labels'):
        add(f'ndp-url-{path.split("/")[-1]}', [], step('GET', path + '?name={case}' if path != '/security_group_rules' else path + f'?id={NOBODY}'))
    case('url-post', READY, step('POST', '/ndp_proxies', {'ndp_proxy': {'router_id': '{router.id}', 'port_id': '{port.id}'}}), ['ip_address'])
    case('url-get', MADE, step('GET', '/ndp_proxies/{proxy.id}'), ['ip_address'])
    case('put-empty', MADE, step('PUT', ONE, {'ndp_proxy': {}}), SHOW)
    case('twice', MADE, proxy('two'))
    case('delete', MADE, step('DELETE', ONE))
    case('delete-twice', [*MADE, step('DELETE', ONE)], step('DELETE', ONE))
    case('delete-then', [*MADE, step('DELETE', ONE)], proxy('two'), SHOW)
    case('bulk', READY, step('POST', MANY, {'ndp_proxies': [{'router_id': '{router.id}', 'port_id': '{port.id}'}]}))
    case('port-deleted', [*MADE, step('DELETE', '/ports/{port.id}')], step('GET', ONE))
    case('port-moved', [*MADE, step('PUT', '/ports/{port.id}', {'port': {'fixed_ips': [{'subnet_id': '{sub.id}', 'ip_address': '2001:db8:1::9'}]}})], step('GET', ONE), ['ip_address'])
    for label, query in {'all': '', 'name': '&description=', 'none': '&description=x', 'id': '&id={proxy.id}', 'port': '&port_id={port.id}', 'router': '&router_id={router.id}', 'ip': '&ip_address=2001:db8:1::5',
                         'project': '&project_id=' + 'a' * 32, 'fields': '&fields=ip_address', 'bad': '&color=1', 'bad-sort': '&sort_key=color&sort_dir=asc'}.items():
        case(f'list-{label}', MADE, step('GET', f'{MANY}?name={{case}}{query}'), ['name', 'ip_address'])
    second = port('second', fixed_ips=[{'subnet_id': '{sub.id}', 'ip_address': '2001:db8:1::7'}])
    two = [*MADE, second, proxy('two', port_id='{second.id}')]
    undo = [step('DELETE', '/ports/{second.id}'), *UNDO]
    for label, query in {'ip': 'sort_key=ip_address&sort_dir=desc', 'page': 'sort_key=ip_address&sort_dir=asc&limit=1', 'description': 'sort_key=description&sort_dir=asc', 'marker': f'limit=1&marker={NOBODY}'}.items():
        add(f'ndp-sort-{label}', two, step('GET', f'{MANY}?name={{case}}&{query}'), ['ip_address'], ordered=True, limit='limit' in query, undo=undo)
    for verb in ('GET', 'PUT', 'DELETE'):
        for label, bad in {'unknown': NOBODY, 'malformed': 'no-such'}.items():
            add(f'ndp-{verb.lower()}-id-{label}', [], step(verb, f'{MANY}/{bad}', {'ndp_proxy': {}} if verb == 'PUT' else None))
    for label, raw in {'notjson': '{', 'empty': '', 'wrongkey': '{"thing": {}}', 'null': '{"ndp_proxy": null}', 'list': '[1]', 'inner-empty': '{"ndp_proxy": {}}'}.items():
        add(f'ndp-body-post-{label}', [], step('POST', MANY, raw=raw))


def of_ports():
    """which ports a router answers for"""
    def case(name, setup, request, show=('ip_address',), undo=UNDO):
        add(f'ndp-of-{name}', setup, request, show, undo=undo)
    apart = [*OUTSIDE, *INSIDE, router(), PORT]
    case('router-apart', apart, proxy(), undo=())
    case('router-off', [*OUTSIDE, *INSIDE, router(enable_ndp_proxy=False), JOIN, PORT], proxy())
    case('router-gateless', [*OUTSIDE, *INSIDE, router(enable_ndp_proxy=DROP, external_gateway_info=DROP), JOIN, PORT], proxy())
    four = make('subnet', 'four', cidr='10.0.0.0/24')
    old = port(fixed_ips=[{'subnet_id': '{four.id}'}])
    case('port-ipv4', [*OUTSIDE, *INSIDE, four, router(), JOIN, old], proxy())
    case('port-ipv4-ip', [*OUTSIDE, *INSIDE, four, router(), JOIN, old], proxy(ip_address='10.0.0.5'))
    case('port-none', [*OUTSIDE, *INSIDE, router(), JOIN, port(fixed_ips=[])], proxy())
    far = sub6('far', cidr='2001:db8:2::/64', subnetpool_id='{pool.id}')
    case('port-far', [*OUTSIDE, *INSIDE, far, router(), JOIN, port(fixed_ips=[{'subnet_id': '{far.id}'}])], proxy())
    both = port(fixed_ips=[{'subnet_id': '{far.id}', 'ip_address': '2001:db8:2::5'}, {'subnet_id': '{sub.id}', 'ip_address': '2001:db8:1::5'}])
    both_set = [*OUTSIDE, *INSIDE, far, router(), JOIN, both]
    case('port-both', both_set, proxy())
    case('port-both-far', both_set, proxy(ip_address='2001:db8:2::5'))
    case('port-both-near', both_set, proxy(ip_address='2001:db8:1::5'))
    bare = [net(), sub6('sub', cidr='2001:db8:1::/64')]
    case('scope-none', [*OUTSIDE, *bare, router(), JOIN, PORT], proxy())
    other = [step('POST', '/address-scopes', {'address_scope': {'name': 'o', 'ip_version': 6}}, **{'as': 'oscope'}),
             step('POST', '/subnetpools', {'subnetpool': {'name': 'o', 'prefixes': ['2001:db8:100::/40'], 'default_prefixlen': 64, 'address_scope_id': '{oscope.id}'}}, **{'as': 'opool'})]
    case('scope-other', [*OUTSIDE, *other, net(), sub6('sub', cidr='2001:db8:101::/64', subnetpool_id='{opool.id}'), router(), JOIN, port()], proxy())


def of_routers():
    """which routers have proxies"""
    shown = ['enable_ndp_proxy']

    def case(name, setup, request, show=shown, undo=()):
        add(f'ndp-router-{name}', setup, request, show, undo=undo)
    closed = [net('ext', **{'router:external': True}), sub6('out', network_id='{ext.id}', cidr=OUT)]
    old = [net('ext', **{'router:external': True}), make('subnet', 'out', network_id='{ext.id}', cidr='203.0.113.0/24')]
    both = [*OUTSIDE, make('subnet', 'four', network_id='{ext.id}', cidr='203.0.113.0/24')]
    gateless = router(external_gateway_info=DROP, enable_ndp_proxy=DROP)
    for value in (True, False, DROP, None, 'yes', 'maybe'):
        label = 'absent' if value is DROP else slug(value)
        case(f'post-{label}', OUTSIDE, router(enable_ndp_proxy=value))
        case(f'post-gateless-{label}', [], router(external_gateway_info=DROP, enable_ndp_proxy=value))
        if value is not DROP:
            case(f'put-{label}', [*OUTSIDE, router(enable_ndp_proxy=DROP)], put(enable_ndp_proxy=value))
            case(f'put-gateless-{label}', [gateless], put(enable_ndp_proxy=value))
            case(f'put-on-{label}', [*OUTSIDE, router()], put(enable_ndp_proxy=value))
    for label, outside in {'scopeless': closed, 'ipv4': old}.items():
        case(f'post-{label}', outside, router())
        case(f'put-{label}', [*outside, router(enable_ndp_proxy=DROP)], put(enable_ndp_proxy=True))
        case(f'put-{label}-gate', [*outside, gateless], put(enable_ndp_proxy=True, external_gateway_info=GATE))
    case('post-both', both, router())
    four = {'network_id': '{ext.id}', 'external_fixed_ips': [{'subnet_id': '{four.id}'}]}
    case('post-both-ipv4', both, router(external_gateway_info=four))
    case('put-both-ipv4', [*both, router(enable_ndp_proxy=DROP, external_gateway_info=four)], put(enable_ndp_proxy=True))
    case('gate-ipv4', [*both, router()], put(external_gateway_info=four))
    case('gate-ipv4-off', [*both, router(enable_ndp_proxy=False)], put(external_gateway_info=four))
    six = {'network_id': '{ext.id}', 'external_fixed_ips': [{'ip_address': '2001:db8:f::9'}]}
    case('gate-ipv6', [*both, router()], put(external_gateway_info=six))
    case('gate-same', [*OUTSIDE, router()], put(external_gateway_info=GATE))
    case('put-name', [*OUTSIDE, router()], put(name='x'))
    case('put-name-off', [*OUTSIDE, router(enable_ndp_proxy=False)], put(name='x'))
    case('put-gate', [*OUTSIDE, gateless], put(external_gateway_info=GATE))
    case('put-gate-on', [*OUTSIDE, gateless], put(external_gateway_info=GATE, enable_ndp_proxy=True))
    case('gate-off', [*OUTSIDE, router()], put(external_gateway_info={}))
    case('gate-off-on', [*OUTSIDE, router()], put(external_gateway_info={}, enable_ndp_proxy=True))
    second = [net('other', **{'router:external': True}), sub6('more', network_id='{other.id}', cidr='2001:db8:e::/64', subnetpool_id='{pool.id}')]
    away = {'network_id': '{other.id}'}
    case('gate-other', [*OUTSIDE, *second, router()], put(external_gateway_info=away))
    case('gate-other-on', [*OUTSIDE, *second, router(enable_ndp_proxy=False)], put(external_gateway_info=away, enable_ndp_proxy=True))
    case('used-gate-off', MADE, put(external_gateway_info={}), (), UNDO)
    case('used-gate-other', [*MADE, *second], put(external_gateway_info=away), (), UNDO)
    case('used-off', MADE, put(enable_ndp_proxy=False), shown, UNDO)
    case('used-leave', MADE, step('PUT', R + '/remove_router_interface', {'subnet_id': '{sub.id}'}), (), UNDO)
    case('used-delete', MADE, step('DELETE', R), (), UNDO)
    for value in ('true', 'false'):
        case(f'list-{value}', [*OUTSIDE, router()], step('GET', f'/routers?name={{case}}&enable_ndp_proxy={value}'))


def fill():
    of_proxies()
    of_ports()
    of_routers()
