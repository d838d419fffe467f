"""Who may do what to address scopes and subnet pools, and take subnets from whose pools."""
from cases import step

SECOND = '2' * 32
S, P = '/address-scopes/{scope.id}', '/subnetpools/{pool.id}'


def by(who, made):
    return made | {'who': who}


def scope(who, **attrs):
    return by(who, step('POST', '/address-scopes', {'address_scope': {'name': '{case}', 'ip_version': 4} | attrs}, **{'as': 'scope'}))


def pool(who, **attrs):
    return by(who, step('POST', '/subnetpools', {'subnetpool': {'name': '{case}', 'prefixes': ['10.0.0.0/16'], 'default_prefixlen': 24} | attrs}, **{'as': 'pool'}))


def share(what, of, **attrs):
    return by('A', step('POST', '/rbac-policies', {'rbac_policy': {'object_type': what, 'object_id': f'{{{of}.id}}', 'action': 'access_as_shared',
                                                                   'target_tenant': SECOND} | attrs}, **{'as': 'share'}))


def net(who):
    return by(who, step('POST', '/networks', {'network': {}}, **{'as': 'net'}))


def fill(add):
    def ask(who, method, path, body=None):
        return by(who, step(method, path, body))
    subnet = {'subnet': {'network_id': '{net.id}', 'ip_version': 4, 'subnetpool_id': '{pool.id}'}}
    for who in ('ADMIN', 'A', 'B', 'READER', 'NOVA'):
        for kind, key, at, path, make in (('scope', 'address_scope', S, '/address-scopes', scope), ('pool', 'subnetpool', P, '/subnetpools', pool)):
            add(f'{kind}-create-{who}', [], make(who), ['name', 'shared'])
            add(f'{kind}-create-shared-{who}', [], make(who, shared=True), ['shared'])
            for label, setup in {'own': [make('A')], 'shared': [make('A'), share(key, kind)]}.items():
                add(f'{kind}-show-{label}-{who}', setup, ask(who, 'GET', at), ['name', 'shared'])
                add(f'{kind}-list-{label}-{who}', setup, ask(who, 'GET', path + '?name={case}'), ['name', 'shared'])
                add(f'{kind}-update-{label}-{who}', setup, ask(who, 'PUT', at, {key: {'name': 'x'}}), ['name'])
                add(f'{kind}-delete-{label}-{who}', setup, ask(who, 'DELETE', at))
    for who in ('A', 'B'):
        add(f'pool-default-{who}', [], pool(who, is_default=True))
        add(f'pool-update-default-{who}', [pool(who)], ask(who, 'PUT', P, {'subnetpool': {'is_default': True}}))
        add(f'scope-set-shared-{who}', [scope(who)], ask(who, 'PUT', S, {'address_scope': {'shared': True}}))
        add(f'pool-add-{who}', [pool('A')], ask(who, 'PUT', P + '/add_prefixes', {'prefixes': ['10.1.0.0/16']}), ['prefixes'], bare=True)
        add(f'pool-remove-shared-{who}', [pool('A'), share('subnetpool', 'pool')], ask(who, 'PUT', P + '/remove_prefixes', {'prefixes': ['10.0.1.0/24']}), ['prefixes'], bare=True)
        add(f'pool-onboard-{who}', [pool('A'), net('A')], ask(who, 'PUT', P + '/onboard_network_subnets', {'network_id': '{net.id}'}))
        for label, setup in {'own': [pool('A')], 'shared': [pool('A'), share('subnetpool', 'pool')]}.items():
            add(f'pool-subnet-{label}-{who}', [*setup, net(who)], by(who, step('POST', '/subnets', subnet)), ['cidr'], undo=[step('DELETE', '/networks/{net.id}')])
        for label, setup in {'own': [scope('A')], 'shared': [scope('A'), share('address_scope', 'scope')]}.items():
            add(f'pool-scope-{label}-{who}', setup, pool(who, address_scope_id='{scope.id}'), ['name'])
    used = [pool('A'), share('subnetpool', 'pool'), net('B'), by('B', step('POST', '/subnets', subnet))]
    add('rbac-pool-in-use', used, ask('A', 'DELETE', '/rbac-policies/{share.id}'), undo=[step('DELETE', '/networks/{net.id}')])
    used = [scope('A'), share('address_scope', 'scope'), pool('B', address_scope_id='{scope.id}')]
    add('rbac-scope-in-use', used, ask('A', 'DELETE', '/rbac-policies/{share.id}'), undo=[step('DELETE', P)])
    add('pool-update-foreign-scope', used, ask('B', 'PUT', P, {'subnetpool': {'name': 'x'}}), undo=[step('DELETE', P)])
    limit = by('ADMIN', step('PUT', '/quotas/' + '1' * 32, {'quota': {'subnetpool': 0, 'force': True}}))
    add('quota-of-subnetpool', [limit], pool('A'), undo=[by('ADMIN', step('DELETE', '/quotas/' + '1' * 32))])
