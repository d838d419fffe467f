"""Cases of metering labels and their rules."""
from cases import DROP, NOBODY, add, plain, slug, step

L, R = '/metering/metering-labels', '/metering/metering-label-rules'
SHOW_L = ['name', 'description', 'shared', 'project_id', 'tenant_id']
SHOW_R = ['direction', 'excluded', 'remote_ip_prefix', 'source_ip_prefix', 'destination_ip_prefix', 'metering_label_id']
RULE = {'metering_label_id': '{label.id}', 'direction': 'egress', 'source_ip_prefix': '10.0.0.0/24'}
LABELS = {
    'name': ['', None, 'x' * 255, 'x' * 256, 7, DROP, ' x'], 'description': ['d', None, 'x' * 1024, 'x' * 1025, 7, DROP], 'shared': [True, 'on', None, 'maybe', 2, DROP],
    'project_id': ['b' * 32, '', None, 5, 'x' * 256], 'tenant_id': ['b' * 32], 'id': [NOBODY], 'color': [1]}
RULES = {
    'metering_label_id': [NOBODY, 'x', None, 5, DROP], 'direction': ['ingress', 'any', 'EGRESS', None, 5, DROP], 'excluded': [True, 'off', None, 'maybe', DROP],
    'remote_ip_prefix': ['10.0.0.0/8', None, 'x', ''], 'source_ip_prefix': ['10.0.0.7', '10.0.0.7/24', '2001:DB8::/32', '10.0.0.0/255.255.0.0', '10.0.0.0/33', 'x', '', None, DROP],
    'destination_ip_prefix': ['0.0.0.0/0', '::/0', 'x', '', None], 'project_id': ['b' * 32], 'id': [NOBODY], 'name': ['x'], 'color': [1]}


def label(at='label', **attrs):
    return step('POST', L, {'metering_label': plain({'name': '{case}'} | attrs)}, **{'as': at})


def rule(at='rule', **attrs):
    return step('POST', R, {'metering_label_rule': plain(RULE | attrs)}, **{'as': at})


def remote(net, **attrs):
    return rule('other', source_ip_prefix=DROP, remote_ip_prefix=net, **attrs)


def one(kind, path, setup, make_one, values, show):
    name, url = f'metering-{kind}', f'{path}/{{{kind}.id}}'
    key = {'label': 'metering_label', 'rule': 'metering_label_rule'}[kind]
    made = [*setup, make_one()]
    add(f'{name}-post-shape', setup, make_one(), ['*'])
    add(f'{name}-get', made, step('GET', url), ['*', *show])
    for attr, some in values.items():
        for value in some:
            label_of = 'absent' if value is DROP else slug(value)
            add(f'{name}-post-{attr}-{label_of}', setup, make_one(**{attr: value}), show)
    add(f'{name}-put-readonly', made, step('PUT', url, {key: {'name' if kind == 'label' else 'direction': 'ingress'}}))
    add(f'{name}-delete', made, step('DELETE', url))
    add(f'{name}-delete-twice', [*made, step('DELETE', url)], step('DELETE', url))
    for verb in ('GET', 'DELETE'):
        for label_of, bad in {'unknown': NOBODY, 'malformed': 'no-such'}.items():
            add(f'{name}-{verb.lower()}-id-{label_of}', [], step(verb, f'{path}/{bad}'))
    for label_of, raw in {'notjson': '{', 'empty': '', 'wrongkey': '{"thing": {}}', 'null': f'{{"{key}": null}}', 'list': '[1]', 'inner-empty': f'{{"{key}": {{}}}}'}.items():
        add(f'{name}-body-post-{label_of}', [], step('POST', path, raw=raw), show)


def fill():
    one('label', L, [], label, LABELS, SHOW_L)
    one('rule', R, [label()], rule, RULES, SHOW_R)
    add('metering-label-bulk', [], step('POST', L, {'metering_labels': [{'name': '{case}'}, {'name': '{case}', 'shared': True}]}), ['shared'])
    made = [label(), rule('first', source_ip_prefix=DROP, remote_ip_prefix='10.0.0.0/24')]
    for name, asked in {'same': remote('10.0.0.0/24'), 'within': remote('10.0.0.7/32'), 'around': remote('10.0.0.0/8'), 'beside': remote('10.0.1.0/24'), 'other-family': remote('::/0'),
                        'direction': remote('10.0.0.0/24', direction='ingress'), 'excluded': remote('10.0.0.0/24', excluded=True), 'source': rule('other')}.items():
        add(f'metering-overlap-{name}', made, asked, SHOW_R)
    add('metering-overlap-label', [*made, label('two')], remote('10.0.0.0/24', metering_label_id='{two.id}'), SHOW_R)
    add('metering-overlap-sources', [label(), rule()], rule('other'), SHOW_R)
    add('metering-rule-both', [label()], rule(remote_ip_prefix='10.0.0.0/24'))
    add('metering-rule-two', [label()], rule(destination_ip_prefix='192.0.2.0/24'), SHOW_R)
    add('metering-rule-bulk', [label()], step('POST', R, {'metering_label_rules': [RULE, RULE | {'direction': 'ingress'}]}), ['direction'])
    add('metering-label-delete-rule', [label(), rule(), step('DELETE', L + '/{label.id}')], step('GET', R + '/{rule.id}'))
    add('metering-label-delete-used', [label(), rule()], step('DELETE', L + '/{label.id}'))
    three = [label('one'), label('two', shared=True, name='{case}-2'), label('three', description='d')]
    for name, query in {'all': '', 'shared': 'shared=True', 'id': 'id={two.id}', 'fields': 'fields=name', 'bad': 'color=1', 'project': 'project_id=x', 'description': 'description=d',
                        'bad-sort': 'sort_key=color&sort_dir=asc'}.items():
        add(f'metering-label-list-{name}', three, step('GET', f'{L}?name={{case}}&name={{case}}-2&{query}'), ['name', 'shared', 'description'])
    for name, query in {'up': 'sort_key=shared&sort_dir=desc&sort_key=id&sort_dir=asc&limit=1', 'none': 'sort_key=name'}.items():
        add(f'metering-label-sort-{name}', three, step('GET', f'{L}?name={{case}}&name={{case}}-2&{query}'), ['shared'], ordered=True, limit='limit' in query)
    rules = [label(), rule('one'), rule('two', direction='ingress', excluded=True), remote('192.0.2.0/24')]
    for name, query in {'all': '', 'direction': 'direction=ingress', 'excluded': 'excluded=True', 'source': 'source_ip_prefix=10.0.0.0/24', 'remote': 'remote_ip_prefix=192.0.2.0/24',
                        'fields': 'fields=direction', 'bad': 'color=1', 'project': 'project_id=x'}.items():
        add(f'metering-rule-list-{name}', rules, step('GET', f'{R}?metering_label_id={{label.id}}&{query}'), ['direction', 'excluded', 'remote_ip_prefix'])
    add('metering-root', [], step('GET', '/metering'))
    add('metering-other', [], step('GET', '/metering/other'))
