"""Bindings of ports to several hosts: what there is, and who may."""
from cases import NOBODY, plain, step

B = '/ports/{port.id}/bindings'
SHOW = ['host', 'vif_type', 'vnic_type', 'status', 'profile']
BOUND = ['host', 'vnic_type', 'status', 'profile']
MANY = ('ADMIN', 'A', 'READER', 'SERVICE', 'NOVA')


def by(who, made):
    return made | {'who': who}


def port(host='h1', owner='compute:nova', **attrs):
    own = {'network_id': '{net.id}', 'device_owner': owner, 'device_id': 'vm'} | ({'binding:host_id': host} if host else {}) | attrs
    return [by('ADMIN', step('POST', '/networks', {'network': {'provider:network_type': 'vxlan'}}, **{'as': 'net'})),
            by('ADMIN', step('POST', '/ports', {'port': own}, **{'as': 'port'}))]


def bind(host='h2', who='SERVICE', **attrs):
    return by(who, step('POST', B, {'binding': {'host': host} | attrs}))


def act(method, path='', body=None, who='SERVICE'):
    return by(who, step(method, B + path, body))


def fill(add):
    def case(name, setup, request, show=(), **more):
        add(f'binding-{name}', setup, request, show, needs='agents', **more)
    here = port()
    for who in MANY:
        case(f'create-{who}', here, bind(who=who), BOUND, bare=False)
        case(f'list-{who}', here, act('GET', who=who), BOUND)
        case(f'show-{who}', here, act('GET', '/h1', who=who), BOUND)
        case(f'update-{who}', [*here, bind()], act('PUT', '/h2', {'binding': {'profile': {'a': 1}}}, who=who), BOUND)
        case(f'delete-{who}', [*here, bind()], act('DELETE', '/h2', who=who))
        case(f'activate-{who}', [*here, bind()], act('PUT', '/h2/activate', {}, who=who), BOUND, bare=True)
    case('create-shape', here, bind(), ['*'])
    case('list-shape', here, act('GET'), ['*'])
    case('activate-shape', [*here, bind()], act('PUT', '/h2/activate', {}), ['*'], bare=True)
    case('create-unknown-host', here, bind('nohost'))
    case('create-same-host', here, bind('h1'))
    case('create-twice', [*here, bind()], bind())
    case('create-third', [*here, bind()], bind('h3'), BOUND)
    case('create-profile', here, bind(profile={'migrating_to': 'h2'}), BOUND)
    case('create-direct', here, bind(vnic_type='direct'))
    for label, attrs in {'vnic-bad': {'vnic_type': 'x'}, 'profile-bad': {'profile': 'x'}, 'profile-null': {'profile': None}, 'extra': {'color': 1},
                         'status': {'status': 'ACTIVE'}, 'project': {'project_id': 'x'}, 'vif': {'vif_type': 'ovs'}}.items():
        case(f'create-{label}', here, bind(**attrs), BOUND)
    for label, host in {'empty': '', 'null': None, 'number': 5}.items():
        case(f'create-host-{label}', here, bind(host), BOUND)
    case('create-host-none', here, act('POST', '', {'binding': {}}))
    case('create-port-unknown', [], by('SERVICE', step('POST', f'/ports/{NOBODY}/bindings', {'binding': {'host': 'h1'}})))
    case('list-port-unknown', [], by('SERVICE', step('GET', f'/ports/{NOBODY}/bindings')))
    case('create-not-compute', port(owner=''), bind())
    case('list-not-compute', port(owner=''), act('GET'))
    case('create-unbound', port(host=None), bind(), BOUND)
    case('list-unbound', port(host=None), act('GET'), SHOW)
    case('list-two', [*here, bind()], act('GET'), BOUND)
    for label, query in {'host': 'host=h2', 'status': 'status=ACTIVE', 'vif': 'vif_type=unbound', 'fields': 'fields=host', 'color': 'color=1', 'vnic': 'vnic_type=normal'}.items():
        case(f'list-by-{label}', [*here, bind()], act('GET', '?' + query), ['host'])
    case('show-inactive', [*here, bind()], act('GET', '/h2'), BOUND)
    case('show-unknown', here, act('GET', '/h2'))
    case('update-active', here, act('PUT', '/h1', {'binding': {'profile': {'a': 1}}}), BOUND)
    case('update-host', [*here, bind()], act('PUT', '/h2', {'binding': {'host': 'h3'}}), BOUND)
    case('update-unknown', here, act('PUT', '/h2', {'binding': {'profile': {}}}))
    case('update-empty', [*here, bind()], act('PUT', '/h2', {'binding': {}}), BOUND)
    case('update-vnic', [*here, bind()], act('PUT', '/h2', {'binding': {'vnic_type': 'direct'}}))
    case('delete-active', here, act('DELETE', '/h1'))
    case('delete-active-then', [*here, act('DELETE', '/h1')], by('ADMIN', step('GET', '/ports/{port.id}')), ['binding:host_id', 'binding:vif_type', 'status'])
    case('delete-active-list', [*here, act('DELETE', '/h1')], act('GET'), BOUND)
    case('delete-unknown', here, act('DELETE', '/h2'))
    case('delete-then', [*here, bind(), act('DELETE', '/h2')], act('GET'), BOUND)
    case('activate-active', here, act('PUT', '/h1/activate', {}))
    case('activate-unknown', here, act('PUT', '/h2/activate', {}))
    case('activate-port', [*here, bind(), act('PUT', '/h2/activate', {})], by('ADMIN', step('GET', '/ports/{port.id}')), ['binding:host_id', 'status', 'binding:profile'])
    case('activate-list', [*here, bind(), act('PUT', '/h2/activate', {})], act('GET'), BOUND)
    case('activate-list-inactive', [*here, bind(), act('PUT', '/h2/activate', {})], act('GET', '?status=INACTIVE'), SHOW)
    case('activate-profile', [*here, bind(profile={'b': 2}), act('PUT', '/h2/activate', {})],
         by('ADMIN', step('GET', '/ports/{port.id}')), ['binding:profile', 'binding:host_id'])
    case('activate-back', [*here, bind(), act('PUT', '/h2/activate', {})], act('PUT', '/h1/activate', {}), SHOW, bare=True)
    case('activate-delete-old', [*here, bind(), act('PUT', '/h2/activate', {}), act('DELETE', '/h1')], act('GET'), BOUND)
    case('port-update-to-inactive', [*here, bind()], by('ADMIN', step('PUT', '/ports/{port.id}', {'port': {'binding:host_id': 'h2'}})), ['binding:host_id'])
    case('port-delete', [*here, bind()], by('ADMIN', step('DELETE', '/ports/{port.id}')))
