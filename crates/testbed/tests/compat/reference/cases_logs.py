"""Cases of logs, and of what can be logged."""
from cases import DROP, NOBODY, add, make, net, plain, port, slug, step

MANY = '/log/logs'
ONE = MANY + '/{log.id}'
SHOW = ['name', 'description', 'resource_type', 'resource_id', 'target_id', 'event', 'enabled', 'project_id', 'tenant_id']


def log(handle='log', **attrs):
    return step('POST', MANY, {'log': plain({'name': '{case}', 'resource_type': 'security_group'} | attrs)}, **{'as': handle})


GROUP = step('POST', '/security-groups', {'security_group': {'name': '{case}'}}, **{'as': 'group'})
PORT = [net(), GROUP, port(security_groups=['{group.id}'])]
VALUES = {
    'name': ['', 'x' * 255, 'x' * 256, None, 7, DROP], 'description': ['d', 'x' * 256, None, 7], 'resource_type': ['x', 'snat', 'SECURITY_GROUP', '', None, 5, DROP],
    'resource_id': [NOBODY, None, 'x', '', 5], 'target_id': [NOBODY, None, 'x', '', 5], 'event': ['ALL', 'ACCEPT', 'DROP', 'accept', '', None, 5], 'enabled': [True, False, 'false', 'x', None, 2],
    'id': [NOBODY], 'project_id': ['b' * 32, '', None, 5], 'tenant_id': ['b' * 32], 'color': [1]}


def fill():
    made = [log()]
    add('log-post-shape', [], log(), ['*'])
    add('log-post', [], log(), SHOW)
    add('log-get', made, step('GET', ONE), ['*', *SHOW])
    for attr, values in VALUES.items():
        for value in values:
            add(f'log-post-{attr}-{"absent" if value is DROP else slug(value)}', [], log(**{attr: value}), SHOW)
        for value in values[:4]:
            add(f'log-put-{attr}-{slug(value)}', made, step('PUT', ONE, {'log': {attr: value}}), ['name', 'description', 'enabled', 'event'])
    add('log-put-empty', made, step('PUT', ONE, {'log': {}}), SHOW)
    add('log-put-then', [*made, step('PUT', ONE, {'log': {'enabled': False}})], step('GET', ONE), ['enabled'])
    add('log-of-group', [GROUP], log(resource_id='{group.id}'), SHOW)
    add('log-of-port', PORT, log(target_id='{port.id}'), SHOW)
    add('log-of-both', PORT, log(target_id='{port.id}', resource_id='{group.id}'), SHOW)
    other = step('POST', '/security-groups', {'security_group': {'name': '{case}'}}, **{'as': 'other'})
    add('log-of-others', [*PORT, other], log(target_id='{port.id}', resource_id='{other.id}'))
    add('log-of-open-port', [net(), port(port_security_enabled=False)], log(target_id='{port.id}'), SHOW)
    for kind in ('direct', 'macvtap', 'baremetal'):
        add(f'log-of-{kind}', [net(), port(**{'binding:vnic_type': kind})], log(target_id='{port.id}'), SHOW)
    add('log-of-group-by-router', [make('router', 'router')], log(resource_id='{router.id}'))
    add('log-twice', made, log('two'), SHOW)
    add('log-delete', made, step('DELETE', ONE))
    add('log-delete-twice', [*made, step('DELETE', ONE)], step('DELETE', ONE))
    add('log-group-deleted', [GROUP, log(resource_id='{group.id}'), step('DELETE', '/security-groups/{group.id}')], step('GET', ONE))
    add('log-port-deleted', [*PORT, log(target_id='{port.id}'), step('DELETE', '/ports/{port.id}')], step('GET', ONE))
    add('log-port-regrouped', [*PORT, log(target_id='{port.id}', resource_id='{group.id}'), step('PUT', '/ports/{port.id}', {'port': {'security_groups': []}})], step('GET', ONE), SHOW)
    add('log-bulk', [], step('POST', MANY, {'logs': [{'resource_type': 'security_group'}, {'resource_type': 'security_group', 'event': 'DROP'}]}), ['event'])
    add('log-bulk-bad', [], step('POST', MANY, {'logs': [{'resource_type': 'security_group'}, {'resource_type': 'x'}]}))
    for label, query in {'all': '', 'event': '&event=DROP', 'enabled': '&enabled=False', 'id': '&id={log.id}', 'type': '&resource_type=security_group', 'project': '&project_id=' + 'a' * 32,
                         'description': '&description=x', 'fields': '&fields=event', 'bad': '&color=1', 'bad-sort': '&sort_key=event&sort_dir=asc'}.items():
        add(f'log-list-{label}', made, step('GET', f'{MANY}?name={{case}}{query}'), ['name', 'event'])
    two = [*made, log('two', event='DROP', enabled=False)]
    for label, query in {'enabled': 'sort_key=enabled&sort_dir=asc', 'page': 'sort_key=enabled&sort_dir=desc&limit=1', 'marker': f'limit=1&marker={NOBODY}'}.items():
        add(f'log-sort-{label}', two, step('GET', f'{MANY}?name={{case}}&{query}'), ['event'], ordered=True, limit='limit' in query)
    for verb in ('GET', 'PUT', 'DELETE'):
        for label, bad in {'unknown': NOBODY, 'malformed': 'no-such'}.items():
            add(f'log-{verb.lower()}-id-{label}', [], step(verb, f'{MANY}/{bad}', {'log': {}} if verb == 'PUT' else None))
    for label, raw in {'notjson': '{', 'empty': '', 'wrongkey': '{"thing": {}}', 'null': '{"log": null}', 'list': '[1]', 'inner-empty': '{"log": {}}'}.items():
        add(f'log-body-post-{label}', [], step('POST', MANY, raw=raw))
        add(f'log-body-put-{label}', made, step('PUT', ONE, raw=raw), SHOW)
    for label, path in {'plain': 'loggable-resources', 'underscored': 'loggable_resources', 'fields': 'loggable-resources?fields=type', 'filter': 'loggable-resources?type=x', 'bad': 'loggable-resources?color=1',
                        'one': 'loggable-resources/security_group', 'none': 'nope'}.items():
        add(f'log-types-{label}', [], step('GET', f'/log/{path}'), ['type'])
    add('log-types-post', [], step('POST', '/log/loggable-resources', {'loggable_resource': {}}))
