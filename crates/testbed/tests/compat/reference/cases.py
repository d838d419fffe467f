"""The cases facts.py asks the reference: networks, subnets, ports, routers and agents, as admin.

Most are rows of tables: `posts` and `puts` take {label: attributes}, `values` one attribute and a list of
values (POST and PUT for each), `lists` {label: query}.  A row may be (attributes, shown attributes).
"{case}" in a string is the case's name, so that resources of different cases differ in name.
"""
import json
import re

CASES = []
DROP = object()
NOBODY = '00000000-0000-4000-8000-00000000dead'
BASE = {'network': {}, 'subnet': {'network_id': '{net.id}', 'ip_version': 4, 'cidr': '10.0.0.0/24'},
        'port': {'network_id': '{net.id}'}, 'router': {}, 'agent': {}}
ALWAYS = {'network': ['name'], 'subnet': ['cidr'], 'port': ['status'], 'router': ['name'], 'agent': ['host']}
HIDDEN = {'security_groups', 'network_id', 'fixed_ips', 'prefixlen', 'use_default_subnetpool', 'ha', 'mac_address'}
MAC, MAC2 = 'fa:16:3e:11:22:33', 'fa:16:3e:11:22:44'
# asked of networks (and routers, which are the reference's older stack) only: common code answers
ALIKE = re.compile(
    'body-(post|put)-(empty|text|list|null|number|emptyobject|inner-.*|plural-.*|trailing)|delete-twice|'
    'delete-body-spaces|patch-collection|delete-collection|.*-id-upper|get-slash|get-below|get-filter|'
    'get-fields-unknown|post-(extra-key|fields)|put-wrapped-plural|bulk-(mixed|both-keys|null-item|bad|bad-none|'
    'wrapped)|post-owner-(tenant|same|empty|null|number|long)|(post|put)-extra-(two-unknown|revision|status|shared|'
    'tags-null)|revision-(noop|description)|(get|delete)-id-malformed|revision-(two|name-answer)|if-match-.*-(text|'
    'etag|twice|quoted|empty)|if-match-delete-.*|get-json-suffix|list-suffix|list-slash|list-fields-(empty|page|'
    'comma)|list-(any|bad)-(id-(two|comma|empty|malformed)|all|tags|sort-desc|project-other|description|'
    'description-(or|empty)|project|tenant|project-(empty|tenant)|two-unknown|created|since|revision.*|tags-any|'
    'not-tags-any|tags-empty|bare|sort-(two|nokey|nodir|baddir|upperdir|same|unknown)|limit-(exact|more|empty|two|'
    'zero|negative|text)|marker-(end|past|desc|empty|nolimit)|reverse-(one|bad|short|nolimit|nomarker))')
ASKED = ('network', 'router')
LONG = {n: 'x' * n for n in (32, 33, 64, 65, 255, 256)}


def make(kind, at, **attrs):
    """a set-up step; attributes that are no Python names come in through `more`"""
    body = BASE[kind] | attrs | attrs.pop('more', {})
    body.pop('more', None)
    return {'as': at, 'method': 'POST', 'path': f'/v2.0/{kind}s', 'body': {kind: body}}


def net(at='net', **attrs):
    return make('network', at, **attrs)


def sub(at='sub', **attrs):
    return make('subnet', at, **attrs)


def port(at='port', **attrs):
    return make('port', at, **attrs)


def sub6(at='sub6', mode=None, **attrs):
    both = {'ipv6_ra_mode': mode, 'ipv6_address_mode': mode} if mode else {}
    return make('subnet', at, ip_version=6, **({'cidr': '2001:db8::/64'} | both | attrs))


def step(method, path, body=None, **more):
    return {'method': method, 'path': '/v2.0' + path} | ({} if body is None else {'body': body}) | more


def add(name, setup, request, show=(), **more):
    case = {'setup': setup, 'request': request} | more
    case = json.loads(json.dumps(case).replace('{case}', name))
    CASES.append({'name': name, 'show': list(show)} | case)


def plain(body):
    return {k: v for k, v in body.items() if v is not DROP}


def shown(kind, attrs, extra):
    return [a for a in dict.fromkeys([*ALWAYS[kind], *attrs, *extra]) if a not in HIDDEN or a in extra]


def posts(kind, group, setup, rows, show=(), **more):
    for label, row in rows.items():
        attrs, extra = row if isinstance(row, tuple) else (row, ())
        add(f'{kind}-post-{group}-{label}', setup, step('POST', f'/{kind}s', {kind: plain(BASE[kind] | attrs)}),
            shown(kind, plain(attrs), [*show, *extra]), **more)


def puts(kind, group, setup, rows, show=(), at=None, **more):
    at = at or {'network': 'net', 'subnet': 'sub'}.get(kind, kind)
    for label, row in rows.items():
        attrs, extra = row if isinstance(row, tuple) else (row, ())
        add(f'{kind}-put-{group}-{label}', setup, step('PUT', f'/{kind}s/{{{at}.id}}', {kind: attrs}),
            shown(kind, attrs, [*show, *extra]), **more)


def slug(value):
    if isinstance(value, str) and len(value) > 30:
        return f'{value[0]}{len(value)}'
    text = json.dumps(value)
    try:
        text = 'text-' + value if isinstance(value, str) and json.loads(value) is not None else text
    except ValueError:
        pass
    text = {'""': 'empty', '[]': 'empty-list', '{}': 'empty-object'}.get(text, text)
    text = text if len(text) < 60 else f'long{len(text)}'
    kind = '' if isinstance(value, str) or value is None or isinstance(value, bool) else type(value).__name__ + '-'
    return kind + (re.sub(r'[^a-zA-Z0-9.-]+', '_', text.encode().decode('unicode_escape').encode('ascii',
        'replace').decode()).strip('_') or 'sign')


START = {'network': [], 'subnet': [net()], 'port': [net()], 'router': [], 'agent': []}
EXIST = {'network': [net()], 'subnet': [net(), sub()], 'port': [net(), port()], 'router': [make('router', 'router')]}


def values(kind, attr, some, put=2, **more):
    """POST with every value, PUT with the first ones"""
    rows = {slug(v): {attr: v} for v in some}
    if len(rows) != len(some):
        raise SystemExit(f'{kind} {attr}: two values of one label')
    posts(kind, attr, START[kind], rows, **more)
    puts(kind, attr, EXIST[kind], dict(list(rows.items())[:put]), **more)


def lists(kind, group, setup, scope, rows, show=('name',), **more):
    for label, query in rows.items():
        if kind not in ASKED and ALIKE.fullmatch(f'list-{group}-{label}'):
            continue
        query = '&'.join(filter(None, (scope, query)))
        add(f'{kind}-list-{group}-{label}', setup, step('GET', f'/{kind}s?{query}'), show,
            **({'ordered': True} if 'sort_key' in query else {}), **({'limit': True} if 'limit' in query else {}), **more)


TEXT = [LONG[255], LONG[256], None, '', 7, ['x']]
NAME = [' lead', '', *TEXT[:3], *TEXT[4:], 'tail ', 'a\nb', 'caf\u00e9']
BOOL = ['off', 'maybe', None, 'TRUE', '1', 0, '', 2]
UUID = [NOBODY, None, 'x', '', 5]
PROV = ('provider:network_type', 'provider:physical_network', 'provider:segmentation_id')
SEGMENT = [*PROV, 'mtu']


def seg(*triple):
    return {k: v for k, v in zip(PROV, triple) if v is not DROP}


def common(kind, base):
    """what every collection does alike; base is a body good for POST"""
    many, start, exist = kind + 's', START[kind], EXIST[kind]
    at = {'network': 'net', 'subnet': 'sub'}.get(kind, kind)
    one, good = f'/{many}/{{{at}.id}}', {kind: base}

    def odd(label, setup, method, path, body=None, show=(), **more):
        if kind not in ASKED and ALIKE.fullmatch(label):
            return
        keep = {k: more.pop(k) for k in ('ordered', 'limit') if k in more}
        add(f'{kind}-{label}', setup, step(method, path, body, **more), show, **keep)
    for label, raw in {'notjson': '{', 'empty': '', 'list': '[1]', 'null': 'null', 'emptyobject': '{}',
                       'wrongkey': '{"thing": {}}', 'inner-null': '{"%s": null}' % kind, 'inner-list': '{"%s": []}' % kind,
                       'inner-text': '{"%s": "x"}' % kind, 'empty-inner': '{"%s": {}}' % kind,
                       'plural-object': '{"%s": {}}' % many,
                       'plural-text': '{"%s": ["x"]}' % many, 'trailing': '{"%s": {}} x' % kind}.items():
        if kind not in ASKED or label not in ('empty-inner',):
            odd(f'body-post-{label}', [], 'POST', f'/{many}', raw=raw)
        if label in ('notjson', 'empty', 'list', 'wrongkey', 'inner-null', 'empty-inner', 'plural-object'):
            odd(f'body-put-{label}', exist, 'PUT', one, raw=raw, show=['name'])
    odd('body-post-empty-inner', start, 'POST', f'/{many}', {kind: {}}) if kind in ASKED else None
    odd('delete', exist, 'DELETE', one)
    odd('delete-twice', [*exist, step('DELETE', one)], 'DELETE', one)
    odd('delete-body', exist, 'DELETE', one, {kind: {}})
    odd('delete-body-spaces', exist, 'DELETE', one, raw=' ')
    odd('patch', exist, 'PATCH', one, good)
    odd('post-member', exist, 'POST', one, good)
    odd('put-collection', [], 'PUT', f'/{many}', {kind: {}})
    odd('delete-collection', [], 'DELETE', f'/{many}')
    odd('patch-collection', [], 'PATCH', f'/{many}', {kind: {}})
    for verb in ('GET', 'PUT', 'DELETE'):
        for label, bad in {'unknown': NOBODY, 'malformed': 'no-such', 'upper': NOBODY.upper()}.items():
            odd(f'{verb.lower()}-id-{label}', [], verb, f'/{many}/{bad}', {kind: {}} if verb == 'PUT' else None)
    odd('get-json-suffix', exist, 'GET', one + '.json', show=['name'])
    odd('get-slash', exist, 'GET', one + '/', show=['name'])
    odd('get-below', exist, 'GET', one + '/nosuch')
    odd('get-shape', exist, 'GET', one, show=['*'])
    odd('get-fields', exist, 'GET', one + '?fields=name&fields=nosuch', show=['*'])
    odd('get-fields-unknown', exist, 'GET', one + '?fields=nosuch', show=['*'])
    odd('get-filter', exist, 'GET', one + '?name=other', show=['name'])
    odd('post-shape', start, 'POST', f'/{many}', good, show=['*'])
    odd('put-shape', exist, 'PUT', one, {kind: {'name': '{case}-b'}}, show=['*'])
    odd('post-extra-key', start, 'POST', f'/{many}', {**good, 'thing': 3}, show=['name'])
    odd('post-fields', start, 'POST', f'/{many}?fields=name&fields=id', good, show=['*'])
    odd('put-wrapped-plural', exist, 'PUT', one, {many: [{'name': 'x'}]}, show=['name'])
    # bulk
    two = [base | {'name': '{case}-1'}, base | {'name': '{case}-2'}]
    if kind == 'subnet':
        two[1]['cidr'] = '10.0.1.0/24'
    odd('bulk', start, 'POST', f'/{many}', {many: two}, show=['name'])
    odd('bulk-wrapped', start, 'POST', f'/{many}', {many: [{kind: b} for b in two]}, show=['name'])
    odd('bulk-mixed', start, 'POST', f'/{many}', {many: [two[0], {kind: two[1]}]}, show=['name'])
    odd('bulk-empty', [], 'POST', f'/{many}', {many: []})
    odd('bulk-both-keys', start, 'POST', f'/{many}', {many: two, **good}, show=['name'])
    bad = [two[0], two[1] | {'admin_state_up' if kind != 'subnet' else 'enable_dhcp': 'perhaps'}]
    odd('bulk-bad', start, 'POST', f'/{many}', {many: bad})
    odd('bulk-bad-none', [*start, step('POST', f'/{many}', {many: bad}, fails=True)], 'GET', f'/{many}?name={{case}}-1',
        show=['name'])
    late = [two[0], two[1] | {'network': {'mtu': 9000}, 'subnet': {'cidr': '10.0.0.0/25'},
        'port': {'fixed_ips': [{'ip_address': '9.9.9.9'}]}, 'router': {'routes': 1}}[kind]]
    odd('bulk-late', start, 'POST', f'/{many}', {many: late})
    odd('bulk-late-none', [*start, step('POST', f'/{many}', {many: late}, fails=True)], 'GET', f'/{many}?name={{case}}-1',
        show=['name'])
    odd('bulk-null-item', start, 'POST', f'/{many}', {many: [two[0], None]})
    # projects
    other = 'b' * 32
    for label, who in {'tenant': {'tenant_id': other}, 'project': {'project_id': other},
            'same': {'tenant_id': other, 'project_id': other}, 'differ': {'tenant_id': other, 'project_id': 'c' * 32},
            'null': {'project_id': None}, 'long': {'project_id': LONG[256]}}.items():
        odd(f'post-owner-{label}', start, 'POST', f'/{many}', {kind: base | who}, show=['tenant_id', 'project_id'])
    odd('put-owner-project', exist, 'PUT', one, {kind: {'project_id': other}})
    odd('put-owner-tenant', exist, 'PUT', one, {kind: {'tenant_id': 'a' * 32}})
    # attributes that nobody may give
    for label, attrs in {'unknown': {'color': 1}, 'id': {'id': NOBODY}, 'revision': {'revision_number': 4},
                         'status': {'status': 'DOWN'}, 'tags-null': {'tags': None},
                         'tags': {'tags': ['b', 'a']}, 'shared': {'shared': True}}.items():
        odd(f'post-extra-{label}', start, 'POST', f'/{many}', {kind: base | attrs}, show=[a for a in attrs if a != 'id'])
        odd(f'put-extra-{label}', exist, 'PUT', one, {kind: attrs}, show=[a for a in attrs if a != 'id'])
    values(kind, 'name', NAME if kind in ASKED else ['', None, ' lead', 7, LONG[256]],
        put=2 if kind == 'network' else 1)
    values(kind, 'description', TEXT if kind == 'network' else ['x', None], put=1)
    # revisions
    rev = ['revision_number']
    odd('revision-created', exist, 'GET', one, show=rev)
    odd('revision-noop', [*exist, step('PUT', one, {kind: {}})], 'GET', one, show=rev)
    odd('revision-same', [*exist, step('PUT', one, {kind: {'name': ''}})], 'GET', one, show=rev)
    odd('revision-name', [*exist, step('PUT', one, {kind: {'name': 'x'}})], 'GET', one, show=rev)
    odd('revision-name-answer', exist, 'PUT', one, {kind: {'name': 'x'}}, show=rev)
    odd('revision-description', [*exist, step('PUT', one, {kind: {'description': 'x'}})], 'GET', one, show=rev)
    odd('revision-two', [*exist, step('PUT', one, {kind: {'name': 'x', 'description': 'y'}}),
        step('PUT', one, {kind: {'name': 'z'}})], 'GET', one, show=rev)
    for label, tag in {'good': f'revision_number={{{at}.revision_number}}', 'stale': 'revision_number=77',
            'text': 'revision_number=x', 'etag': '"abc"', 'twice': 'revision_number=1,revision_number=2',
            'quoted': f'"revision_number={{{at}.revision_number}}"', 'empty': ''}.items():
        odd(f'if-match-put-{label}', exist, 'PUT', one, {kind: {'name': 'x'}}, headers={'If-Match': tag}, show=['name'])
        if label in ('good', 'stale'):
            odd(f'if-match-delete-{label}', exist, 'DELETE', one, headers={'If-Match': tag})
    # lists: three of a kind
    three = [make(kind, c, name='{case}-' + c, description=d) for c, d in (('a', 'x'), ('b', ''), ('c', 'x'))]
    for n, s in enumerate(three):
        if kind == 'subnet':
            s['body'][kind]['cidr'] = f'10.0.{n}.0/24'
        elif n == 1:
            s['body'][kind]['admin_state_up'] = False
    scope = '&'.join(f'name={{case}}-{c}' for c in 'abc')
    lists(kind, 'any', [*start, *three], scope, {'all': '', 'id': 'id={a.id}', 'id-unknown': 'id=' + NOBODY,
        'id-malformed': 'id=zz', 'id-empty': 'id=', 'description': 'description=x', 'project': 'project_id=' + 'a' * 32,
        'tenant': 'tenant_id=' + 'a' * 32, 'project-other': 'project_id=' + other,
        'revision-one': 'revision_number=1', 'tags': 'tags=x',
         'sort': 'sort_key=name&sort_dir=asc', 'sort-desc': 'sort_key=name&sort_dir=desc',
        'sort-two': 'sort_key=project_id&sort_dir=asc&sort_key=name&sort_dir=desc',


        'limit': 'limit=2&sort_key=name&sort_dir=asc',
        'limit-zero': 'limit=0',
        'marker': 'limit=2&marker={a.id}&sort_key=name&sort_dir=asc',
        'marker-end': 'limit=2&marker={b.id}&sort_key=name&sort_dir=asc',
        'marker-past': 'limit=2&marker={c.id}&sort_key=name&sort_dir=asc',
        'marker-nolimit': 'marker={a.id}&sort_key=name&sort_dir=asc',
        'marker-empty': 'limit=2&marker=&sort_key=name&sort_dir=asc',
        'reverse': 'limit=2&marker={c.id}&page_reverse=True&sort_key=name&sort_dir=asc',
        'reverse-short': 'limit=2&marker={b.id}&page_reverse=True&sort_key=name&sort_dir=asc',
        'reverse-nomarker': 'limit=2&page_reverse=True&sort_key=name&sort_dir=asc'})
    lists(kind, 'bad', [], '', {'unknown': 'color=red', 'created': 'created_at=2026-01-01', 'sort-nodir': 'sort_key=name',
        'sort-nokey': 'sort_dir=desc', 'sort-baddir': 'sort_key=name&sort_dir=up',
        'sort-upperdir': 'sort_key=name&sort_dir=DESC', 'sort-unknown': 'sort_key=color&sort_dir=asc',
        'sort-nosortkey': 'sort_key=description&sort_dir=asc', 'limit-negative': 'limit=-1', 'limit-text': 'limit=x',
        'marker-unknown': 'limit=2&marker=' + NOBODY})
    lists(kind, 'fields', [*start, *three], scope, {'one': 'fields=name', 'unknown': 'fields=nosuch',
        'two': 'fields=name&fields=description', 'empty': 'fields=',
        'page': 'fields=name&limit=1&sort_key=name&sort_dir=asc', 'comma': 'fields=name,description'}, show=['*'])
    odd('list-suffix', [*start, *three], 'GET', f'/{many}.json?{scope}', show=['name'])
    odd('list-slash', [*start, *three], 'GET', f'/{many}/?{scope}', show=['name'])


def all_cases():
    import cases_dhcp_agents
    import cases_flavors
    import cases_floatingips
    import cases_groups
    import cases_helpers
    import cases_local_ips
    import cases_logs
    import cases_metering
    import cases_ndp
    import cases_net
    import cases_packet_rates
    import cases_places
    import cases_pools
    import cases_port
    import cases_qos
    import cases_router
    import cases_segments
    import cases_sharing
    import cases_tags
    import cases_topology
    import cases_trunks
    CASES.clear()
    cases_dhcp_agents.fill()
    cases_flavors.fill()
    cases_floatingips.fill()
    cases_groups.fill()
    cases_helpers.fill()
    cases_local_ips.fill()
    cases_logs.fill()
    cases_metering.fill()
    cases_ndp.fill()
    cases_net.fill()
    cases_packet_rates.fill()
    cases_places.fill()
    cases_pools.fill()
    cases_port.fill()
    cases_qos.fill()
    cases_router.fill()
    cases_segments.fill()
    cases_sharing.fill()
    cases_tags.fill()
    cases_topology.fill()
    cases_trunks.fill()
    return CASES
