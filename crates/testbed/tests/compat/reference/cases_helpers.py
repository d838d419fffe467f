"""Cases of conntrack helpers of routers."""
from cases import DROP, NOBODY, add, make, plain, slug, step

R = '/routers/{router.id}'
MANY = R + '/conntrack_helpers'
ONE = MANY + '/{helper.id}'
FTP = {'protocol': 'tcp', 'port': 21, 'helper': 'ftp'}
SHOW = ['protocol', 'port', 'helper']
ROUTER = [make('router', 'router')]


def helper(at='helper', of='router', **attrs):
    return step('POST', f'/routers/{{{of}.id}}/conntrack_helpers', {'conntrack_helper': plain(FTP | attrs)}, **{'as': at})


VALUES = {
    'protocol': ['udp', 'TCP', 'icmp', 'sctp', 6, '6', 'any', 'x', '', None, DROP],
    'port': [0, 1, 65535, 65536, -1, '21', 'x', '', None, DROP, 21.5, True],
    'helper': ['tftp', 'FTP', 'x', '', None, DROP, 5, 'x' * 65],
    'id': [NOBODY], 'router_id': [NOBODY], 'color': [1], 'project_id': ['b' * 32], 'tenant_id': ['b' * 32], 'name': ['x']}


def fill():
    made = [*ROUTER, helper()]
    add('helper-post-shape', ROUTER, helper(), ['*'])
    add('helper-post-values', ROUTER, helper(), SHOW)
    add('helper-get', made, step('GET', ONE), ['*', *SHOW])
    for attr, values in VALUES.items():
        for value in values:
            label = 'absent' if value is DROP else slug(value)
            add(f'helper-post-{attr}-{label}', ROUTER, helper(**{attr: value}), SHOW)
            if value is not DROP:
                add(f'helper-put-{attr}-{label}', made, step('PUT', ONE, {'conntrack_helper': {attr: value}}), SHOW)
    for name, protocols in {'amanda': ('tcp', 'udp'), 'h323': ('tcp', 'udp'), 'irc': ('tcp', 'udp'), 'netbios-ns': ('tcp', 'udp'), 'pptp': ('tcp', 'udp'),
                            'sane': ('tcp', 'udp'), 'sip': ('tcp', 'udp'), 'snmp': ('tcp', 'udp'), 'tftp': ('tcp', 'udp'), 'ftp': ('udp', 'dccp')}.items():
        for protocol in protocols:
            add(f'helper-kind-{name}-{protocol}', ROUTER, helper(helper=name, protocol=protocol), SHOW)
    add('helper-put-both', made, step('PUT', ONE, {'conntrack_helper': {'helper': 'tftp', 'protocol': 'udp', 'port': 69}}), SHOW)
    add('helper-put-empty', made, step('PUT', ONE, {'conntrack_helper': {}}), SHOW)
    add('helper-put-same', [*made, helper('two', port=22)], step('PUT', MANY + '/{two.id}', {'conntrack_helper': {'port': 21}}))
    add('helper-put-then', [*made, step('PUT', ONE, {'conntrack_helper': {'port': 2121}})], step('GET', ONE), SHOW)
    add('helper-twice', made, helper('two'))
    add('helper-twice-port', made, helper('two', port=22), SHOW)
    add('helper-twice-helper', made, helper('two', helper='irc'), SHOW)
    add('helper-twice-router', [*made, make('router', 'other')], helper('two', 'other'), SHOW)
    add('helper-delete', made, step('DELETE', ONE))
    add('helper-delete-twice', [*made, step('DELETE', ONE)], step('DELETE', ONE))
    add('helper-delete-then', [*made, step('DELETE', ONE)], step('GET', R), ['conntrack_helpers', 'revision_number'])
    add('helper-router', made, step('GET', R), ['conntrack_helpers', 'revision_number'])
    add('helper-router-none', ROUTER, step('GET', R), ['conntrack_helpers', 'revision_number'])
    add('helper-router-put', [*made, step('PUT', ONE, {'conntrack_helper': {'port': 2121}})], step('GET', R), ['conntrack_helpers', 'revision_number'])
    add('helper-router-post', ROUTER, step('POST', '/routers', {'router': {'conntrack_helpers': []}}))
    add('helper-router-list', made, step('GET', '/routers?id={router.id}&fields=conntrack_helpers'), ['conntrack_helpers'])
    add('helper-router-delete', made, step('DELETE', R))
    add('helper-bulk', ROUTER, step('POST', MANY, {'conntrack_helpers': [FTP, FTP | {'port': 22}]}), SHOW)
    add('helper-bulk-same', ROUTER, step('POST', MANY, {'conntrack_helpers': [FTP, FTP]}))
    for verb in ('GET', 'PUT', 'DELETE'):
        body = {'conntrack_helper': {}} if verb == 'PUT' else None
        for label, bad in {'unknown': NOBODY, 'malformed': 'no-such'}.items():
            add(f'helper-{verb.lower()}-id-{label}', ROUTER, step(verb, f'{MANY}/{bad}', body))
        add(f'helper-{verb.lower()}-router-unknown', made, step(verb, f'/routers/{NOBODY}/conntrack_helpers/{{helper.id}}', body))
        add(f'helper-{verb.lower()}-router-other', [*made, make('router', 'other')], step(verb, '/routers/{other.id}/conntrack_helpers/{helper.id}', body))
    add('helper-post-router-unknown', [], step('POST', f'/routers/{NOBODY}/conntrack_helpers', {'conntrack_helper': FTP}))
    add('helper-post-router-malformed', [], step('POST', '/routers/no-such/conntrack_helpers', {'conntrack_helper': FTP}))
    add('helper-list-router-unknown', [], step('GET', f'/routers/{NOBODY}/conntrack_helpers'))
    three = [*made, helper('two', port=22), helper('three', helper='tftp', protocol='udp', port=69)]
    for label, query in {'all': '', 'port': '?port=22', 'protocol': '?protocol=udp', 'helper': '?helper=ftp', 'ports': '?port=22&port=69', 'bad-port': '?port=x',
                         'project': '?project_id=' + 'a' * 32, 'color': '?color=1', 'id': '?id={two.id}', 'fields': '?fields=port', 'bad-sort': '?sort_key=color&sort_dir=asc',
                         'router': '?router_id={router.id}'}.items():
        add(f'helper-list-{label}', three, step('GET', MANY + query), SHOW)
    for label, query in {'port': 'sort_key=port&sort_dir=desc', 'page': 'sort_key=port&sort_dir=asc&limit=1&marker={helper.id}', 'last': 'sort_key=port&sort_dir=asc&limit=2&marker={two.id}',
                         'back': 'sort_key=port&sort_dir=asc&limit=1&marker={three.id}&page_reverse=True', 'marker-unknown': f'limit=1&marker={NOBODY}'}.items():
        add(f'helper-sort-{label}', three, step('GET', f'{MANY}?{query}'), SHOW, ordered=True, limit=True)
    for label, raw in {'notjson': '{', 'empty': '', 'wrongkey': '{"thing": {}}', 'null': '{"conntrack_helper": null}', 'list': '[1]', 'inner-empty': '{"conntrack_helper": {}}'}.items():
        add(f'helper-body-post-{label}', ROUTER, step('POST', MANY, raw=raw))
        add(f'helper-body-put-{label}', made, step('PUT', ONE, raw=raw), SHOW)
