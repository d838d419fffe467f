"""Cases of flavors, service profiles and service providers."""
from cases import DROP, NOBODY, add, make, plain, slug, step

F, P, L3 = '/flavors', '/service_profiles', 'L3_ROUTER_NAT'
DRIVERS = 'neutron.services.l3_router.service_providers.'
CLASSES = {'dvrha': 'dvrha.DvrHaDriver', 'dvr': 'dvr.DvrDriver', 'ha': 'ha.HaDriver', 'single_node': 'single_node.SingleNodeDriver'}
FLAVOR = {'name': '{case}', 'service_type': L3}
PROFILE = {'metainfo': '{case}'}
SHOW_F = ['name', 'description', 'service_type', 'enabled', 'service_profiles']
SHOW_P = ['description', 'driver', 'enabled', 'metainfo']
FLAVORS = {
    'name': ['', None, 'x' * 255, 'x' * 256, 7, DROP, ' x', 'a\nb'], 'description': ['d', None, '', 'x' * 1024, 'x' * 1025, 7, DROP],
    'service_type': ['', None, 'L3', 'l3_router_nat', 'QOS', 'CORE', 'FIREWALL', 'FLAVORS', 7, DROP], 'enabled': [False, None, 'off', 'maybe', 2, DROP],
    'service_profiles': [[], None, [NOBODY], ['x'], [5], 'x', DROP], 'id': [NOBODY], 'project_id': ['b' * 32], 'color': [1]}
PROFILES = {
    'metainfo': ['', None, '{}', {}, {'a': 1}, [1], 7, False, 'x' * 4000, 'x' * 5000, DROP], 'driver': ['', None, 'x', DRIVERS + CLASSES['ha'], 7, DROP],
    'description': ['d', None, '', 'x' * 1024, 'x' * 1025, 7, DROP], 'enabled': [False, None, 'off', 'maybe', DROP], 'id': [NOBODY], 'name': ['x'], 'color': [1]}


def flavor(at='flavor', **attrs):
    return step('POST', F, {'flavor': plain(FLAVOR | attrs)}, **{'as': at})


def profile(at='profile', **attrs):
    return step('POST', P, {'service_profile': plain(PROFILE | attrs)}, **{'as': at})


def bind(of='flavor', what='profile', **more):
    return step('POST', f'{F}/{{{of}.id}}/service_profiles', {'service_profile': {'id': f'{{{what}.id}}'}}, **more)


def unbind(of='flavor', what='profile'):
    return step('DELETE', f'{F}/{{{of}.id}}/service_profiles/{{{what}.id}}')


def one(kind, path, make_one, values, show, base):
    at = {'flavor': 'flavor', 'service_profile': 'profile'}[kind]
    url = f'{path}/{{{at}.id}}'
    add(f'{kind}-post-shape', [], make_one(), ['*'])
    add(f'{kind}-get', [make_one()], step('GET', url), ['*', *show])
    for attr, some in values.items():
        for value in some:
            label = 'absent' if value is DROP else slug(value)
            add(f'{kind}-post-{attr}-{label}', [], make_one(**{attr: value}), show)
            if value is not DROP:
                add(f'{kind}-put-{attr}-{label}', [make_one()], step('PUT', url, {kind: {attr: value}}), show)
    add(f'{kind}-put-empty', [make_one()], step('PUT', url, {kind: {}}), show)
    add(f'{kind}-put-then', [make_one(), step('PUT', url, {kind: {'description': 'new', 'enabled': False}})], step('GET', url), show)
    add(f'{kind}-delete', [make_one()], step('DELETE', url))
    add(f'{kind}-delete-twice', [make_one(), step('DELETE', url)], step('DELETE', url))
    add(f'{kind}-bulk', [], step('POST', path, {kind + 's': [base, base]}))
    for verb in ('GET', 'PUT', 'DELETE'):
        body = {kind: {}} if verb == 'PUT' else None
        for label, bad in {'unknown': NOBODY, 'malformed': 'no-such'}.items():
            add(f'{kind}-{verb.lower()}-id-{label}', [], step(verb, f'{path}/{bad}', body))
    for label, raw in {'notjson': '{', 'empty': '', 'wrongkey': '{"thing": {}}', 'null': f'{{"{kind}": null}}', 'list': '[1]', 'inner-empty': f'{{"{kind}": {{}}}}'}.items():
        add(f'{kind}-body-post-{label}', [], step('POST', path, raw=raw))
        add(f'{kind}-body-put-{label}', [make_one()], step('PUT', url, raw=raw), show)
    three = [make_one('one', description='{case}-1'), make_one('two', description='{case}-2', enabled=False), make_one('three', description='{case}-3')]
    scope = 'description={case}-1&description={case}-2&description={case}-3'
    for label, query in {'all': '', 'enabled': 'enabled=False', 'id': 'id={two.id}', 'fields': 'fields=description', 'bad': 'color=1', 'project': 'project_id=x',
                         'bad-sort': 'sort_key=color&sort_dir=asc', 'type': 'service_type=' + L3, 'driver': 'driver=', 'info': 'metainfo=x', 'name': 'name=x',
                         'profiles': 'service_profiles=x'}.items():
        add(f'{kind}-list-{label}', three, step('GET', f'{path}?{scope}&{query}'), ['description', 'enabled'])
    for label, query in {'up': 'sort_key=description&sort_dir=asc', 'down': 'sort_key=description&sort_dir=desc', 'page': 'sort_key=description&sort_dir=asc&limit=1&marker={one.id}',
                         'last': 'sort_key=description&sort_dir=asc&limit=2&marker={two.id}', 'back': 'sort_key=description&sort_dir=asc&limit=1&marker={three.id}&page_reverse=True',
                         'marker-unknown': f'limit=1&marker={NOBODY}'}.items():
        add(f'{kind}-sort-{label}', three, step('GET', f'{path}?{scope}&{query}'), ['description'], ordered=True, limit=True)


def bindings():
    both = [profile(), flavor()]
    bound = [*both, bind()]
    add('flavor-bind', both, bind(), ['*'])
    add('flavor-bind-then', bound, step('GET', F + '/{flavor.id}'), SHOW_F)
    add('flavor-bind-list', bound, step('GET', F + '?id={flavor.id}'), SHOW_F)
    add('flavor-bind-two', [*bound, profile('two'), bind(what='two')], step('GET', F + '/{flavor.id}'), ['service_profiles#'])
    add('flavor-bind-twice', bound, bind())
    add('flavor-bind-unknown', both, step('POST', F + '/{flavor.id}/service_profiles', {'service_profile': {'id': NOBODY}}))
    add('flavor-bind-flavor-unknown', both, step('POST', f'{F}/{NOBODY}/service_profiles', {'service_profile': {'id': '{profile.id}'}}))
    for label, body in {'malformed': {'service_profile': {'id': 'x'}}, 'none': {'service_profile': {}}, 'null': {'service_profile': {'id': None}}, 'more': {'service_profile': {'id': '{profile.id}', 'name': 'x'}},
                        'wrong-key': {'profile': {'id': '{profile.id}'}}, 'bulk': {'service_profiles': [{'id': '{profile.id}'}]}}.items():
        add(f'flavor-bind-{label}', both, step('POST', F + '/{flavor.id}/service_profiles', body))
    add('flavor-unbind', bound, unbind())
    add('flavor-unbind-then', [*bound, unbind()], step('GET', F + '/{flavor.id}'), SHOW_F)
    add('flavor-unbind-twice', [*bound, unbind()], unbind())
    add('flavor-unbind-unknown', both, step('DELETE', f'{F}/{{flavor.id}}/service_profiles/{NOBODY}'))
    add('flavor-unbind-flavor-unknown', both, step('DELETE', f'{F}/{NOBODY}/service_profiles/{{profile.id}}'))
    add('flavor-bound-get', bound, step('GET', F + '/{flavor.id}/service_profiles/{profile.id}'))
    add('flavor-bound-list', bound, step('GET', F + '/{flavor.id}/service_profiles'))
    add('flavor-bound-put', bound, step('PUT', F + '/{flavor.id}/service_profiles/{profile.id}', {'service_profile': {}}))
    add('flavor-bound-delete', bound, step('DELETE', F + '/{flavor.id}'))
    add('flavor-bound-delete-then', [*bound, step('DELETE', F + '/{flavor.id}')], step('GET', P + '/{profile.id}'), SHOW_P)
    add('flavor-bound-update', bound, step('PUT', F + '/{flavor.id}', {'flavor': {'name': 'other'}}), SHOW_F)
    add('flavor-post-profiles-known', [profile()], flavor(service_profiles=['{profile.id}']), ['service_profiles#'])
    add('flavor-put-profiles-known', both, step('PUT', F + '/{flavor.id}', {'flavor': {'service_profiles': ['{profile.id}']}}), ['service_profiles#'])
    add('service_profile-bound-delete', bound, step('DELETE', P + '/{profile.id}'))
    add('service_profile-bound-put', bound, step('PUT', P + '/{profile.id}', {'service_profile': {'description': 'x'}}))
    add('service_profile-unbound-delete', [*bound, unbind()], step('DELETE', P + '/{profile.id}'))


def providers():
    add('providers-list', [], step('GET', '/service-providers'), ['name', 'service_type', 'default'])
    add('providers-shape', [], step('GET', '/service-providers'), ['*'])
    for label, query in {'name': 'name=dvr', 'names': 'name=dvr&name=ha', 'type': 'service_type=' + L3, 'type-other': 'service_type=QOS', 'default': 'default=True', 'not-default': 'default=False',
                         'fields': 'fields=name', 'bad': 'color=1', 'limit': 'limit=1', 'sort': 'sort_key=name&sort_dir=desc'}.items():
        add(f'providers-list-{label}', [], step('GET', f'/service-providers?{query}'), ['name'])
    add('providers-show', [], step('GET', '/service-providers/dvr'))
    for verb in ('POST', 'PUT', 'DELETE'):
        add(f'providers-{verb.lower()}', [], step(verb, '/service-providers', None if verb == 'DELETE' else {'service_provider': {}}))
    for name, driver in CLASSES.items():
        made = [profile(driver=DRIVERS + driver), flavor(), bind()]
        add(f'flavor-next-{name}', made, step('GET', f'{F}/{{flavor.id}}/next_providers/{NOBODY}'), ['*'])
        for label, ask in {'bare': {}, 'ha': {'ha': True}, 'not-ha': {'ha': False}, 'distributed': {'distributed': True}, 'central': {'distributed': False},
                           'both': {'ha': True, 'distributed': True}, 'neither': {'ha': False, 'distributed': False}}.items():
            add(f'flavor-router-{name}-{label}', made, step('POST', '/routers', {'router': {'flavor_id': '{flavor.id}', 'admin_state_up': False} | ask}), ['ha', 'distributed'])
    for label, made in {'unbound': [profile(driver=DRIVERS + CLASSES['ha']), flavor()], 'driverless': [profile(), flavor(), bind()],
                        'disabled': [profile(driver=DRIVERS + CLASSES['ha'], enabled=False), flavor(), bind()],
                        'flavor-disabled': [profile(driver=DRIVERS + CLASSES['single_node']), flavor(enabled=False), bind()]}.items():
        add(f'flavor-router-{label}', made, step('POST', '/routers', {'router': {'flavor_id': '{flavor.id}'}}), ['ha', 'distributed'])
        add(f'flavor-next-{label}', made, step('GET', f'{F}/{{flavor.id}}/next_providers/{NOBODY}'), ['*'])
    made = [profile(driver=DRIVERS + CLASSES['single_node']), flavor(), bind()]
    router = [*made, make('router', 'router', flavor_id='{flavor.id}', admin_state_up=False)]
    add('flavor-next-unknown', [], step('GET', f'{F}/{NOBODY}/next_providers/{NOBODY}'))
    add('flavor-next-list', made, step('GET', F + '/{flavor.id}/next_providers'))
    add('flavor-router-shown', router, step('GET', '/routers/{router.id}'), ['ha', 'distributed', '*'])
    add('flavor-router-delete-flavor', router, step('DELETE', F + '/{flavor.id}'))
    add('flavor-router-update-flavor', router, step('PUT', F + '/{flavor.id}', {'flavor': {'name': 'x'}}), ['name'])
    add('flavor-router-unbind', router, unbind())
    add('flavor-router-ha', router, step('PUT', '/routers/{router.id}', {'router': {'ha': True}}))
    add('flavor-router-distributed', router, step('PUT', '/routers/{router.id}', {'router': {'distributed': True}}))
    add('flavor-router-same', router, step('PUT', '/routers/{router.id}', {'router': {'distributed': False, 'ha': False}}), ['ha', 'distributed'])
    add('flavor-router-other', router, step('PUT', '/routers/{router.id}', {'router': {'flavor_id': NOBODY}}))
    add('flavor-router-name', router, step('PUT', '/routers/{router.id}', {'router': {'name': 'x'}}), ['name'])
    add('flavor-router-gone', [*router, step('DELETE', '/routers/{router.id}')], step('DELETE', F + '/{flavor.id}'))


def fill():
    one('flavor', F, flavor, FLAVORS, SHOW_F, FLAVOR)
    one('service_profile', P, profile, PROFILES, SHOW_P, PROFILE)
    bindings()
    providers()
