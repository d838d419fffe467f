"""Cases of local IPs, and of the ports that stand for them."""
from cases import DROP, NOBODY, add, net, plain, port, slug, step, sub, sub6

MANY = '/local-ips'
ONE = MANY + '/{local.id}'
BELOW = '/local_ips/{local.id}/port_associations'
SHOW = ['name', 'description', 'network_id', 'local_ip_address', 'ip_mode', 'project_id', 'tenant_id']
STANDS = ['local_ip_id', 'local_ip_address', 'fixed_port_id', 'fixed_ip', 'host']
NET = [net(), sub('sub', cidr='10.0.0.0/24')]
BOTH = [*NET, sub6('six', cidr='fd00::/64')]


def at(name='port', ip='10.0.0.5', **attrs):
    return port(name, fixed_ips=[{'subnet_id': '{sub.id}', 'ip_address': ip}], **attrs)


TWO = port('two', fixed_ips=[{'subnet_id': '{sub.id}', 'ip_address': '10.0.0.7'}, {'subnet_id': '{six.id}', 'ip_address': 'fd00::7'}])
NONE = port('bare', fixed_ips=[])


def local(handle='local', **attrs):
    return step('POST', MANY, {'local_ip': plain({'name': '{case}'} | attrs)}, **{'as': handle})


def stand(handle='stand', of='local', **attrs):
    return step('POST', f'/local_ips/{{{of}.id}}/port_associations', {'port_association': plain({'fixed_port_id': '{port.id}'} | attrs)}, **{'as': handle})


MADE = [*NET, at(), local(network_id='{net.id}', local_ip_address='10.0.0.100')]
STOOD = [*MADE, stand()]
# What stands for it is named by its port.
UNDO = [step('DELETE', BELOW + '/{port.id}')]
VALUES = {
    'name': ['', 'x' * 255, 'x' * 256, None, 7, DROP], 'description': ['d', 'x' * 256, None, 7], 'ip_mode': ['translate', 'passthrough', 'x', '', None, 5],
    'local_ip_address': ['10.0.0.100', None, 'x', '10.0.0.0/24', '192.0.2.1', '', 5], 'local_port_id': [NOBODY, 'x', '', None, 5], 'network_id': [NOBODY, 'x', '', None, 5],
    'id': [NOBODY], 'project_id': ['b' * 32, '', None, 5], 'tenant_id': ['b' * 32], 'color': [1]}


def of_local_ips():
    def case(name, setup, request, show=(), **more):
        add(f'local-ip-{name}', setup, request, show, **more)
    by_net, by_port = {'network_id': '{net.id}'}, {'local_port_id': '{port.id}'}
    ready = [*NET, at()]
    case('post-shape', ready, local(**by_port), ['*'])
    case('post-net', ready, local(**by_net, local_ip_address='10.0.0.100'), SHOW)
    case('post-port', ready, local(**by_port), ['local_port_id', *SHOW])
    case('post-nowhere', ready, local())
    case('post-port-and-net', [*ready, net('other')], local(**by_port, network_id='{other.id}'), SHOW)
    case('post-net-bare', [net()], local(**by_net))
    case('post-net-six', [net(), sub6('six', cidr='fd00::/64')], local(**by_net))
    case('post-net-taken', ready, local(**by_net, local_ip_address='10.0.0.5'))
    case('post-port-none', [*NET, NONE], local(local_port_id='{bare.id}'))
    case('post-port-two', [*BOTH, TWO], local(local_port_id='{two.id}'))
    for label, ip in {'own': '10.0.0.7', 'six': 'fd00::7', 'other': '10.0.0.8'}.items():
        case(f'post-port-two-{label}', [*BOTH, TWO], local(local_port_id='{two.id}', local_ip_address=ip), SHOW)
    case('post-port-other', ready, local(**by_port, local_ip_address='10.0.0.6'))
    case('get', MADE, step('GET', ONE), ['*', *SHOW])
    case('url', MADE, step('GET', '/local_ips/{local.id}'), ['name'])
    for attr, values in VALUES.items():
        for value in values:
            where = by_net if attr in ('local_ip_address', 'network_id') else by_port
            case(f'post-{attr}-{"absent" if value is DROP else slug(value)}', ready, local(**(where | {attr: value})), [one for one in SHOW if one != 'local_ip_address' or value not in (None, '')])
        for value in values[:2]:
            case(f'put-{attr}-{slug(value)}', MADE, step('PUT', ONE, {'local_ip': {attr: value}}), ['name', 'description'])
    case('put-empty', MADE, step('PUT', ONE, {'local_ip': {}}), SHOW)
    case('put-then', [*MADE, step('PUT', ONE, {'local_ip': {'name': '{case}', 'description': 'x'}})], step('GET', ONE), ['description'])
    case('delete', MADE, step('DELETE', ONE))
    case('delete-twice', [*MADE, step('DELETE', ONE)], step('DELETE', ONE))
    case('delete-in-use', STOOD, step('DELETE', ONE), undo=UNDO)
    case('delete-used', [*STOOD, step('DELETE', BELOW + '/{port.id}')], step('DELETE', ONE))
    case('delete-its-port', MADE, step('DELETE', '/ports/{local.local_port_id}'))
    case('delete-the-port', [*ready, local(**by_port)], step('DELETE', '/ports/{port.id}'))
    case('delete-network', MADE, step('DELETE', '/networks/{net.id}'))
    case('its-port', MADE, step('GET', '/ports/{local.local_port_id}'), ['device_owner', 'device_id', 'status', 'project_id', 'security_groups', 'binding:vif_type'])
    case('its-port-gone', [*MADE, step('DELETE', ONE)], step('GET', '/ports/{local.local_port_id}'))
    case('the-port-stays', [*ready, local(**by_port), step('DELETE', ONE)], step('GET', '/ports/{port.id}'), ['device_owner'])
    case('the-port-moves', [*ready, local(**by_port)], step('PUT', '/ports/{port.id}', {'port': {'fixed_ips': []}}), ['fixed_ips#'])
    case('post-net-gateway', ready, local(**by_net, local_ip_address='10.0.0.1'), SHOW)
    leg = [*NET, at(device_owner='network:dhcp')]
    case('post-port-of-network', leg, local(**by_port), SHOW)
    case('bulk', ready, step('POST', MANY, {'local_ips': [by_port, by_port | {'ip_mode': 'passthrough'}]}), ['ip_mode'])
    for label, query in {'all': '', 'description': '&description=x', 'id': '&id={local.id}', 'port': '&local_port_id={local.local_port_id}', 'network': '&network_id={net.id}',
                         'ip': '&local_ip_address=10.0.0.100', 'mode': '&ip_mode=passthrough', 'project': '&project_id=' + 'a' * 32, 'fields': '&fields=ip_mode', 'bad': '&color=1',
                         'bad-sort': '&sort_key=color&sort_dir=asc'}.items():
        case(f'list-{label}', MADE, step('GET', f'{MANY}?name={{case}}{query}'), ['name', 'ip_mode'])
    two = [*MADE, local('other', local_port_id='{port.id}')]
    for label, query in {'ip': 'sort_key=local_ip_address&sort_dir=desc', 'page': 'sort_key=local_ip_address&sort_dir=asc&limit=1', 'mode': 'sort_key=ip_mode&sort_key=local_ip_address&sort_dir=asc&sort_dir=asc',
                         'marker': f'limit=1&marker={NOBODY}'}.items():
        case(f'sort-{label}', two, step('GET', f'{MANY}?name={{case}}&{query}'), ['local_ip_address'], ordered=True, limit='limit' in query)
    for verb in ('GET', 'PUT', 'DELETE'):
        for label, bad in {'unknown': NOBODY, 'malformed': 'no-such'}.items():
            case(f'{verb.lower()}-id-{label}', [], step(verb, f'{MANY}/{bad}', {'local_ip': {}} if verb == 'PUT' else None))
    for label, raw in {'notjson': '{', 'empty': '', 'wrongkey': '{"thing": {}}', 'null': '{"local_ip": null}', 'list': '[1]', 'inner-empty': '{"local_ip": {}}'}.items():
        case(f'body-post-{label}', [], step('POST', MANY, raw=raw))
        case(f'body-put-{label}', MADE, step('PUT', ONE, raw=raw), SHOW)


def of_stands():
    def case(name, setup, request, show=(), **more):
        add(f'local-ip-stand-{name}', setup, request, show, undo=UNDO, **more)
    case('post-shape', MADE, stand(), ['*'])
    case('post', MADE, stand(), STANDS)
    case('get', STOOD, step('GET', BELOW + '/{port.id}'), ['*', *STANDS])
    case('url', STOOD, step('GET', '/local-ips/{local.id}/port-associations/{port.id}'), STANDS)
    for attr, values in {'fixed_port_id': [NOBODY, 'x', '', None, 5, DROP], 'fixed_ip': ['10.0.0.5', '10.0.0.6', None, 'x', '', 5], 'host': ['x'], 'local_ip_id': [NOBODY], 'color': [1],
                         'project_id': ['b' * 32], 'id': [NOBODY]}.items():
        for value in values:
            case(f'post-{attr}-{"absent" if value is DROP else slug(value)}', MADE, stand(**{attr: value}), STANDS)
    case('none', [*MADE, NONE], stand(fixed_port_id='{bare.id}'))
    both = [*MADE, sub6('six', cidr='fd00::/64'), TWO]
    case('two', both, stand(fixed_port_id='{two.id}'))
    add('local-ip-stand-two-which', both, stand(fixed_port_id='{two.id}', fixed_ip='10.0.0.7'), STANDS, undo=[step('DELETE', BELOW + '/{two.id}')])
    add('local-ip-stand-two-six', both, stand(fixed_port_id='{two.id}', fixed_ip='fd00::7'), STANDS, undo=[step('DELETE', BELOW + '/{two.id}')])
    case('twice', STOOD, stand('again'))
    case('of-its-own', [*NET, at(), local(local_port_id='{port.id}')], stand(), STANDS)
    elsewhere = [*MADE, net('far'), sub('there', network_id='{far.id}', cidr='10.0.0.0/24'), port('alien', network_id='{far.id}', fixed_ips=[{'subnet_id': '{there.id}', 'ip_address': '10.0.0.9'}])]
    add('local-ip-stand-elsewhere', elsewhere, stand(fixed_port_id='{alien.id}'), STANDS, undo=[step('DELETE', BELOW + '/{alien.id}')])
    case('put', STOOD, step('PUT', BELOW + '/{port.id}', {'port_association': {}}))
    case('delete', STOOD, step('DELETE', BELOW + '/{port.id}'))
    case('delete-twice', [*STOOD, step('DELETE', BELOW + '/{port.id}')], step('DELETE', BELOW + '/{port.id}'))
    case('again', [*STOOD, step('DELETE', BELOW + '/{port.id}')], stand('again'), STANDS)
    case('port-gone', [*STOOD, step('DELETE', '/ports/{port.id}')], step('GET', BELOW))
    case('port-moved', [*STOOD, step('PUT', '/ports/{port.id}', {'port': {'fixed_ips': []}})], step('GET', BELOW + '/{port.id}'), STANDS)
    case('hosted', [*NET, at(**{'binding:host_id': 'nowhere'}), local(network_id='{net.id}', local_ip_address='10.0.0.100'), stand()], step('GET', BELOW + '/{port.id}'), STANDS)
    case('bulk', MADE, step('POST', BELOW, {'port_associations': [{'fixed_port_id': '{port.id}'}]}))
    second = [*STOOD, at('other', '10.0.0.6'), stand('more', fixed_port_id='{other.id}')]
    undo = [*UNDO, step('DELETE', BELOW + '/{other.id}')]
    for label, query in {'all': '', 'port': '?fixed_port_id={other.id}', 'ip': '?fixed_ip=10.0.0.6', 'host': '?host=x', 'address': '?local_ip_address=10.0.0.100', 'bad': '?color=1', 'fields': '?fields=fixed_ip',
                         'bad-sort': '?sort_key=color&sort_dir=asc'}.items():
        add(f'local-ip-stand-list-{label}', second, step('GET', BELOW + query), ['fixed_ip'], undo=undo)
    for label, query in {'ip': 'sort_key=fixed_ip&sort_dir=desc', 'page': 'sort_key=fixed_ip&sort_dir=asc&limit=1'}.items():
        add(f'local-ip-stand-sort-{label}', second, step('GET', f'{BELOW}?{query}'), ['fixed_ip'], ordered=True, limit='limit' in query, undo=undo)
    for verb in ('GET', 'DELETE'):
        for label, bad in {'unknown': NOBODY, 'malformed': 'no-such'}.items():
            case(f'{verb.lower()}-id-{label}', MADE, step(verb, f'{BELOW}/{bad}'))
        case(f'{verb.lower()}-of-nobody', STOOD, step(verb, f'/local_ips/{NOBODY}/port_associations/{{port.id}}'))
    add('local-ip-stand-list-of-nobody', [], step('GET', f'/local_ips/{NOBODY}/port_associations'))
    add('local-ip-stand-post-of-nobody', [*NET, at()], step('POST', f'/local_ips/{NOBODY}/port_associations', {'port_association': {'fixed_port_id': '{port.id}'}}))


def fill():
    of_local_ips()
    of_stands()
