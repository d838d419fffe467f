"""Cases of address scopes, subnet pools, subnets from them, and sharing both."""
from cases import DROP, LONG, NOBODY, add, net, plain, slug, step, sub

OTHER = 'b' * 32
S, P = '/address-scopes/{scope.id}', '/subnetpools/{pool.id}'
SHOWN = ['name', 'prefixes', 'ip_version', 'default_prefixlen', 'min_prefixlen', 'max_prefixlen', 'default_quota', 'is_default', 'shared',
         'address_scope_id', 'description']
# what the answer to a change shows as other answers do
CHANGED = ['name', 'prefixes', 'ip_version', 'is_default', 'shared', 'description']


def scope(at='scope', **attrs):
    return step('POST', '/address-scopes', {'address_scope': {'name': '{case}-' + at, 'ip_version': 4} | attrs}, **{'as': at})


def pool(at='pool', **attrs):
    return step('POST', '/subnetpools', {'subnetpool': {'name': '{case}-' + at, 'prefixes': ['10.0.0.0/16']} | attrs}, **{'as': at})


def of_pool(at='one', net='net', pool='pool', **attrs):
    return step('POST', '/subnets', {'subnet': {'network_id': f'{{{net}.id}}', 'ip_version': 4, 'subnetpool_id': f'{{{pool}.id}}'} | attrs},
                **{'as': at})


def share(what, of, at='share', **attrs):
    return step('POST', '/rbac-policies', {'rbac_policy': {'object_type': what, 'object_id': f'{{{of}.id}}', 'action': 'access_as_shared',
                                                           'target_tenant': OTHER} | attrs}, **{'as': at})


def table(name, setup, make, some, show, **more):
    for attr, values in some.items():
        for which, value in enumerate(values):
            label = 'absent' if value is DROP else slug(value)
            add(f'{name}-{attr}-{which}-{label}', setup, make({attr: value}), show, **more)


def of_scopes():
    show = ['name', 'ip_version', 'shared', 'project_id', 'tenant_id']
    add('scope-post-shape', [], scope(), ['*'])
    add('scope-get-shape', [scope()], step('GET', S), ['*'])
    table('scope-post', [], lambda a: step('POST', '/address-scopes', {'address_scope': plain({'ip_version': 4} | a)}), {
        'name': ['', LONG[255], LONG[256], None, 5], 'ip_version': [4, 6, '6', 5, None, DROP, 'x', True], 'shared': [True, 'yes', None, 'x'],
        'project_id': [OTHER], 'color': [1], 'id': [NOBODY], 'tags': [['a']]}, show)
    table('scope-put', [scope()], lambda a: step('PUT', S, {'address_scope': plain(a)}), {
        'name': ['x', '', None], 'ip_version': [6], 'shared': [True, False, None], 'project_id': [OTHER]}, show)
    table('scope-put-shared', [scope(shared=True)], lambda a: step('PUT', S, {'address_scope': plain(a)}), {
        'name': ['x'], 'shared': [True, False]}, show)
    add('scope-put-empty', [scope()], step('PUT', S, {'address_scope': {}}), show)
    add('scope-bulk', [], step('POST', '/address-scopes', {'address_scopes': [{'ip_version': 4, 'name': '{case}-1'}, {'ip_version': 6, 'name': '{case}-2'}]}), show)
    add('scope-delete', [scope()], step('DELETE', S))
    add('scope-delete-twice', [scope(), step('DELETE', S)], step('DELETE', S))
    add('scope-delete-used', [scope(), pool(address_scope_id='{scope.id}')], step('DELETE', S))
    for verb in ('GET', 'PUT', 'DELETE'):
        add(f'scope-unknown-{verb.lower()}', [], step(verb, f'/address-scopes/{NOBODY}', {'address_scope': {}} if verb == 'PUT' else None))
    three = [scope('one'), scope('two', ip_version=6), scope('three', shared=True)]
    names = 'name={case}-one&name={case}-two&name={case}-three'
    for label, query in {'version': 'ip_version=6', 'shared': 'shared=true', 'unshared': 'shared=false', 'sort': 'sort_key=name&sort_dir=desc',
                         'limit': 'limit=2&sort_key=name&sort_dir=asc', 'fields': 'fields=name', 'bad': 'color=1', 'all': ''}.items():
        add(f'scope-list-{label}', three, step('GET', f'/address-scopes?{names}&{query}'), ['name', 'ip_version', 'shared'],
            ordered='sort' in query, limit='limit' in query)


def of_pools():
    add('pool-post-shape', [], pool(), ['*'])
    add('pool-get-shape', [pool()], step('GET', P), ['*'])
    add('pool-get', [pool()], step('GET', P), SHOWN)
    add('pool-get-6', [pool(prefixes=['2001:db8::/48'])], step('GET', P), SHOWN)
    table('pool-post', [], lambda a: step('POST', '/subnetpools', {'subnetpool': plain({'name': '{case}', 'prefixes': ['10.0.0.0/16']} | a)}), {
        'name': ['', LONG[255], LONG[256], None, DROP, ' a'],
        'prefixes': [[], None, DROP, 'x', ['x'], ['10.0.0.0/16', '10.1.0.0/16'], ['10.0.0.0/16', '10.0.0.0/16'], ['10.0.0.0/16', '10.0.0.0/24'],
                     ['10.0.0.5/16'], ['10.0.0.0'], ['10.0.0.0/16', '2001:db8::/48'], ['2001:DB8::/48'], ['0.0.0.0/0'], [5], ['10.0.0.0/32']],
        'default_quota': [0, 5, -1, '5', None, 'x'], 'default_prefixlen': [24, '24', 33, 7, -1, 0, None, 'x'],
        'min_prefixlen': [0, 8, 16, 24, 33, -1, None, '9'], 'max_prefixlen': [32, 24, 8, 7, 33, 0, None], 'is_default': [True, 'x', None],
        'shared': [True, None], 'address_scope_id': [None, NOBODY, 'x', ''], 'description': ['d', None, LONG[256]], 'tags': [['a']],
        'ip_version': [4], 'project_id': [OTHER], 'color': [1]}, SHOWN)
    for label, attrs in {'bounds': dict(min_prefixlen=20, default_prefixlen=24, max_prefixlen=28), 'crossed': dict(min_prefixlen=28, max_prefixlen=20),
                         'below': dict(min_prefixlen=20, default_prefixlen=19), 'above': dict(max_prefixlen=20, default_prefixlen=24),
                         'min-6': dict(prefixes=['2001:db8::/32'], min_prefixlen=48), 'max-6': dict(prefixes=['2001:db8::/32'], max_prefixlen=129)}.items():
        add(f'pool-post-lengths-{label}', [], pool(**attrs), SHOWN)
    table('pool-put', [pool(default_prefixlen=24)], lambda a: step('PUT', P, {'subnetpool': plain(a)}), {
        'name': ['x', '', None], 'prefixes': [['10.0.0.0/15'], ['10.0.0.0/16', '10.2.0.0/16'], ['10.0.0.0/17'], [], ['10.2.0.0/16'], None, ['10.0.0.0/16'],
                                              ['10.0.0.0/17', '10.0.128.0/17'], ['10.0.0.0/16', '2001:db8::/48']],
        'default_quota': [0, 5, -1, None], 'default_prefixlen': [26, 7, 33, None], 'min_prefixlen': [16, 25, None], 'max_prefixlen': [28, 20, None],
        'is_default': [True, False], 'shared': [True], 'address_scope_id': [None, NOBODY], 'description': ['d'], 'ip_version': [6], 'project_id': [OTHER]},
        CHANGED)
    add('pool-put-empty', [pool()], step('PUT', P, {'subnetpool': {}}), CHANGED)
    add('pool-put-get', [pool(), step('PUT', P, {'subnetpool': {'name': 'x', 'max_prefixlen': 28}})], step('GET', P), [*SHOWN, 'revision_number'])
    add('pool-default-second', [pool('first', is_default=True)], pool(is_default=True, prefixes=['10.9.0.0/16']))
    add('pool-default-other-family', [pool('first', is_default=True)], pool(is_default=True, prefixes=['2001:db8::/48']), SHOWN)
    add('pool-default-put-second', [pool('first', is_default=True), pool()], step('PUT', P, {'subnetpool': {'is_default': True}}))
    add('pool-default-put-again', [pool(is_default=True)], step('PUT', P, {'subnetpool': {'is_default': True}}), CHANGED)
    add('pool-bulk', [], step('POST', '/subnetpools', {'subnetpools': [{'prefixes': ['10.0.0.0/16'], 'name': '{case}-1'}, {'prefixes': ['10.0.0.0/16'], 'name': '{case}-2'}]}), SHOWN)
    add('pool-delete', [pool()], step('DELETE', P))
    add('pool-delete-used', [net(), pool(), of_pool(prefixlen=24)], step('DELETE', P))
    for verb in ('GET', 'PUT', 'DELETE'):
        add(f'pool-unknown-{verb.lower()}', [], step(verb, f'/subnetpools/{NOBODY}', {'subnetpool': {}} if verb == 'PUT' else None))
    three = [pool('one', default_prefixlen=24), pool('two', prefixes=['2001:db8::/48'], default_quota=5), pool('three', shared=True)]
    names = 'name={case}-one&name={case}-two&name={case}-three'
    for label, query in {'version': 'ip_version=6', 'shared': 'shared=true', 'quota': 'default_quota=5', 'length': 'default_prefixlen=24', 'min': 'min_prefixlen=8',
                         'default': 'is_default=false', 'sort': 'sort_key=name&sort_dir=desc', 'sort-length': 'sort_key=min_prefixlen&sort_dir=asc&sort_key=name&sort_dir=asc',
                         'limit': 'limit=2&sort_key=name&sort_dir=asc', 'bad': 'prefixes=10.0.0.0/16', 'all': '', 'tags': 'tags=a'}.items():
        add(f'pool-list-{label}', three, step('GET', f'/subnetpools?{names}&{query}'), ['name', 'ip_version', 'shared', 'min_prefixlen'],
            ordered='sort' in query, limit='limit' in query)
    two = [scope(), pool('first', address_scope_id='{scope.id}')]
    add('pool-scope', two, pool(address_scope_id='{scope.id}', prefixes=['10.9.0.0/16']), SHOWN)
    add('pool-scope-conflict', two, pool(address_scope_id='{scope.id}', prefixes=['10.0.5.0/24']))
    add('pool-scope-family', [scope(ip_version=6)], pool(address_scope_id='{scope.id}'))
    add('pool-scope-put', [*two, pool(prefixes=['10.9.0.0/16'])], step('PUT', P, {'subnetpool': {'address_scope_id': '{scope.id}'}}), CHANGED)
    add('pool-scope-put-conflict', [*two, pool()], step('PUT', P, {'subnetpool': {'address_scope_id': '{scope.id}'}}))
    add('pool-scope-put-prefix', [*two, pool(prefixes=['10.9.0.0/16'], address_scope_id='{scope.id}')],
        step('PUT', P, {'subnetpool': {'prefixes': ['10.9.0.0/16', '10.0.0.0/24']}}))
    add('pool-scope-leave', [scope(), pool(address_scope_id='{scope.id}')], step('PUT', P, {'subnetpool': {'address_scope_id': None}}), CHANGED)
    add('pool-scope-leave-used', [scope(), pool(address_scope_id='{scope.id}'), net(), of_pool(prefixlen=24)], step('PUT', P, {'subnetpool': {'address_scope_id': None}}), CHANGED)
    mixed = [scope(), pool('other', prefixes=['10.8.0.0/16'], address_scope_id='{scope.id}'), pool(address_scope_id='{scope.id}'), net(),
             of_pool(prefixlen=24), of_pool('two', pool='other', prefixlen=24)]
    add('pool-scope-leave-mixed', mixed, step('PUT', P, {'subnetpool': {'address_scope_id': None}}))
    add('pool-scope-network', mixed, step('GET', '/networks/{net.id}'), ['ipv4_address_scope', 'ipv6_address_scope'])
    for label, body in {'one': ['10.3.0.0/16'], 'next': ['10.1.0.0/16'], 'again': ['10.0.0.0/16'], 'empty': [], 'null': None, 'text': 'x', 'bad': ['x'], 'inside': ['10.0.4.0/24'],
                        'family': ['2001:db8::/48']}.items():
        add(f'pool-add-prefixes-{label}', [pool()], step('PUT', P + '/add_prefixes', {'prefixes': body}), ['prefixes'], bare=True)
        add(f'pool-remove-prefixes-{label}', [pool(prefixes=['10.0.0.0/16', '10.3.0.0/16'])], step('PUT', P + '/remove_prefixes', {'prefixes': body}), ['prefixes'], bare=True)
    add('pool-remove-prefixes-used', [net(), pool(), of_pool(cidr='10.0.4.0/24')], step('PUT', P + '/remove_prefixes', {'prefixes': ['10.0.4.0/25']}))
    add('pool-remove-prefixes-all', [pool()], step('PUT', P + '/remove_prefixes', {'prefixes': ['10.0.0.0/16']}), ['prefixes'], bare=True)
    add('pool-add-prefixes-wrapped', [pool()], step('PUT', P + '/add_prefixes', {'subnetpool': {'prefixes': ['10.3.0.0/16']}}))
    add('pool-add-prefixes-post', [pool()], step('POST', P + '/add_prefixes', {'prefixes': ['10.3.0.0/16']}))
    add('pool-add-prefixes-unknown', [], step('PUT', f'/subnetpools/{NOBODY}/add_prefixes', {'prefixes': ['10.3.0.0/16']}))
    add('pool-action-unknown', [pool()], step('PUT', P + '/no_such', {}))
    add('pool-scope-add-conflict', [*two, pool(prefixes=['10.9.0.0/16'], address_scope_id='{scope.id}')],
        step('PUT', P + '/add_prefixes', {'prefixes': ['10.0.0.0/24']}))
    onboard = step('PUT', P + '/onboard_network_subnets', {'network_id': '{net.id}'})
    add('pool-onboard', [net(), pool(), sub(cidr='10.50.0.0/24')], onboard)
    add('pool-onboard-after', [net(), pool(), sub(cidr='10.50.0.0/24'), onboard], step('GET', P), ['prefixes'])
    add('pool-onboard-subnet', [net(), pool(), sub(cidr='10.50.0.0/24'), onboard], step('GET', '/subnets/{sub.id}'), ['cidr'])
    add('pool-onboard-none', [net(), pool()], onboard)
    add('pool-onboard-overlap', [net('more'), net(), pool(), of_pool(net='more', cidr='10.0.4.0/24'), sub(cidr='10.0.4.0/25')], onboard)
    add('pool-onboard-free', [net(), pool(), sub(cidr='10.0.4.0/25')], onboard)
    for label, body in {'unknown': {'network_id': NOBODY}, 'malformed': {'network_id': 'x'}, 'missing': {}, 'null': {'network_id': None}, 'list': []}.items():
        add(f'pool-onboard-{label}', [pool()], step('PUT', P + '/onboard_network_subnets', body))


def of_subnets():
    show = ['cidr', 'gateway_ip', 'allocation_pools', 'ip_version']
    one = [net(), pool(default_prefixlen=24)]
    six = [net(), pool(prefixes=['2001:db8::/48'], default_prefixlen=64)]
    for label, attrs in {'default': {}, 'length': {'prefixlen': 26}, 'cidr': {'cidr': '10.0.7.0/24'}, 'cidr-outside': {'cidr': '10.9.0.0/24'}, 'both': {'cidr': '10.0.7.0/24', 'prefixlen': 24},
                         'large': {'prefixlen': 4}, 'small': {'prefixlen': 33}, 'negative': {'prefixlen': -1}, 'gateway': {'gateway_ip': '10.0.9.5'}, 'nogateway': {'gateway_ip': None},
                         'gateway-length': {'gateway_ip': '10.0.9.5', 'prefixlen': 28}, 'pools': {'allocation_pools': [{'start': '10.0.0.5', 'end': '10.0.0.9'}]},
                         'pools-cidr': {'cidr': '10.0.7.0/24', 'allocation_pools': [{'start': '10.0.7.5', 'end': '10.0.7.9'}]}, 'version': {'ip_version': 6},
                         'host-bits': {'cidr': '10.0.7.9/24'}, 'cidr-larger': {'cidr': '10.0.0.0/15'}, 'use-default-too': {'use_default_subnetpool': True}, 'nodhcp': {'enable_dhcp': False, 'prefixlen': 31}}.items():
        add(f'subnet-pool-{label}', one, of_pool(**attrs), show)
    for label, attrs in {'default': {}, 'length': {'prefixlen': 80}, 'slaac': {'ipv6_ra_mode': 'slaac', 'ipv6_address_mode': 'slaac'}, 'nogateway': {'gateway_ip': None},
                         'slaac-80': {'ipv6_ra_mode': 'slaac', 'ipv6_address_mode': 'slaac', 'prefixlen': 80}, 'cidr': {'cidr': '2001:db8:0:5::/64'}}.items():
        add(f'subnet-pool-6-{label}', six, of_pool(ip_version=6, **attrs), show)
    add('subnet-pool-min', [net(), pool(min_prefixlen=20, default_prefixlen=24)], of_pool(prefixlen=19))
    add('subnet-pool-max', [net(), pool(max_prefixlen=28)], of_pool(prefixlen=29))
    add('subnet-pool-second', [net('other'), *one, of_pool('first', net='other')], of_pool(), show)
    add('subnet-pool-after-small', [net('other'), *one, of_pool('first', net='other', prefixlen=28)], of_pool(), show)
    add('subnet-pool-small-after-small', [net('other'), *one, of_pool('first', net='other', prefixlen=28)], of_pool(prefixlen=28), show)
    add('subnet-pool-taken', [net('other'), *one, of_pool('first', net='other', cidr='10.0.7.0/24')], of_pool(cidr='10.0.7.0/25'))
    add('subnet-pool-full', [net('other'), net(), pool(prefixes=['10.0.0.0/24'], default_prefixlen=24), of_pool('first', net='other')], of_pool())
    add('subnet-pool-same-network', [*one, of_pool('first')], of_pool(), show)
    add('subnet-pool-mixed', [*one, sub(cidr='192.168.0.0/24')], of_pool())
    add('subnet-pool-mixed-none', [*one, of_pool('first')], step('POST', '/subnets', {'subnet': {'network_id': '{net.id}', 'ip_version': 4, 'cidr': '192.168.0.0/24'}}))
    add('subnet-pool-mixed-pools', [*one, pool('other', prefixes=['10.9.0.0/16'], default_prefixlen=24), of_pool('first', pool='other')], of_pool())
    scoped = [scope(), net(), pool(default_prefixlen=24, address_scope_id='{scope.id}'), pool('other', prefixes=['10.9.0.0/16'], default_prefixlen=24, address_scope_id='{scope.id}')]
    add('subnet-pool-scope', [*scoped, of_pool('first', pool='other')], of_pool(), show)
    add('subnet-pool-scope-other', [*scoped, pool('third', prefixes=['10.20.0.0/16'], default_prefixlen=24), of_pool('first', pool='third')], of_pool())
    add('subnet-pool-scope-none', [*scoped, pool('third', prefixes=['10.20.0.0/16'], default_prefixlen=24), of_pool('first')], of_pool(pool='third'))
    add('subnet-pool-families', [*one, pool('six', prefixes=['2001:db8::/48'], default_prefixlen=64), of_pool('first')], of_pool(pool='six', ip_version=6), show)
    add('subnet-pool-shown', one, of_pool(), ['*'])
    add('subnet-pool-list', [*one, of_pool()], step('GET', '/subnets?subnetpool_id={pool.id}'), show)
    for label, quota, length in (('fits', 256, 24), ('over', 255, 24), ('zero', 0, 24), ('exactly', 16, 28)):
        add(f'subnet-pool-quota-{label}', [net(), pool(default_quota=quota)], of_pool(prefixlen=length), show)
    add('subnet-pool-quota-used', [net('other'), net(), pool(default_quota=256), of_pool('first', net='other', prefixlen=25)], of_pool(prefixlen=24))
    add('subnet-pool-quota-6', [net(), pool(prefixes=['2001:db8::/48'], default_quota=1)], of_pool(prefixlen=64, ip_version=6), show)
    add('subnet-pool-quota-6-over', [net(), pool(prefixes=['2001:db8::/32'], default_quota=1, min_prefixlen=48)], of_pool(prefixlen=63, ip_version=6))
    default = {'network_id': '{net.id}', 'ip_version': 4, 'use_default_subnetpool': True}
    add('subnet-pool-use-default', [net(), pool(is_default=True, default_prefixlen=24)], step('POST', '/subnets', {'subnet': default}), show)
    add('subnet-pool-use-default-length', [net(), pool(is_default=True)], step('POST', '/subnets', {'subnet': default | {'prefixlen': 27}}), show)
    add('subnet-pool-use-default-cidr', [net(), pool(is_default=True)], step('POST', '/subnets', {'subnet': default | {'cidr': '10.0.5.0/24'}}), show)
    add('subnet-pool-use-default-none', [net(), pool(is_default=True)], step('POST', '/subnets', {'subnet': default | {'ip_version': 6}}))
    add('subnet-pool-update', [*one, of_pool()], step('PUT', '/subnets/{one.id}', {'subnet': {'name': 'x'}}), show)
    add('subnet-pool-put-pool', [*one, of_pool()], step('PUT', '/subnets/{one.id}', {'subnet': {'subnetpool_id': None}}))
    add('subnet-pool-network', [*scoped, of_pool()], step('GET', '/networks/{net.id}'), ['subnets#', 'ipv6_address_scope'])


def of_sharing():
    for what, of, setup, at in (('address_scope', 'scope', [scope()], S), ('subnetpool', 'pool', [pool()], P)):
        show = ['object_type', 'action', 'target_tenant']
        add(f'rbac-{what}', setup, share(what, of), show)
        add(f'rbac-{what}-everyone', setup, share(what, of, target_tenant='*'), show)
        add(f'rbac-{what}-shared', [*setup, share(what, of, target_tenant='*')], step('GET', at), ['shared'])
        add(f'rbac-{what}-shared-other', [*setup, share(what, of)], step('GET', at), ['shared'])
        add(f'rbac-{what}-twice', [*setup, share(what, of)], share(what, of, 'again'))
        add(f'rbac-{what}-external', setup, share(what, of, action='access_as_external'))
        add(f'rbac-{what}-unknown', [], share(what, of, object_id=NOBODY))
        add(f'rbac-{what}-delete', [*setup, share(what, of)], step('DELETE', '/rbac-policies/{share.id}'))
        add(f'rbac-{what}-gone', [*setup, share(what, of), step('DELETE', at)], step('GET', f'/rbac-policies?object_id={{{of}.id}}'), show)
        made = [step('POST', '/' + ('address-scopes' if of == 'scope' else 'subnetpools'), {what: {
            'name': '{case}', 'shared': True} | ({'ip_version': 4} if of == 'scope' else {'prefixes': ['10.0.0.0/16']})}, **{'as': of})]
        add(f'rbac-{what}-by-shared', made, step('GET', f'/rbac-policies?object_id={{{of}.id}}'), show)
    add('rbac-pool-scope-closed', [scope(), pool(address_scope_id='{scope.id}')], share('subnetpool', 'pool'))
    add('rbac-pool-scope-open', [scope(shared=True), pool(address_scope_id='{scope.id}')], share('subnetpool', 'pool'), ['object_type'])


def fill():
    of_scopes()
    of_pools()
    of_subnets()
    of_sharing()
