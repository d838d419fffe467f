"""Cases of QoS policies, their rules, and what has them."""
from cases import DROP, LONG, NOBODY, add, net, plain, port, slug, step, sub

OTHER = 'b' * 32
POLICIES = '/qos/policies'
P = POLICIES + '/{policy.id}'
KINDS = {
    'bandwidth_limit_rule': {'max_kbps': 1000}, 'dscp_marking_rule': {'dscp_mark': 10}, 'minimum_bandwidth_rule': {'min_kbps': 500}}
SHOW = {
    'bandwidth_limit_rule': ['max_kbps', 'max_burst_kbps', 'direction'], 'dscp_marking_rule': ['dscp_mark'],
    'minimum_bandwidth_rule': ['min_kbps', 'direction']}
SHORT = {'bandwidth_limit_rule': 'limit', 'dscp_marking_rule': 'dscp', 'minimum_bandwidth_rule': 'min'}


def policy(at='policy', **attrs):
    return step('POST', POLICIES, {'policy': plain({'name': '{case}-' + at} | attrs)}, **{'as': at})


def rule(kind='bandwidth_limit_rule', at='rule', of='policy', **attrs):
    return step('POST', f'{POLICIES}/{{{of}.id}}/{kind}s', {kind: plain(KINDS[kind] | attrs)}, **{'as': at})


def table(name, setup, make, some, show, **more):
    for attr, values in some.items():
        for value in values:
            label = 'absent' if value is DROP else slug(value)
            add(f'{name}-{attr}-{label}', setup, make({attr: value}), show, **more)


def of_policies():
    show = ['name', 'description', 'shared', 'is_default', 'project_id', 'tenant_id', 'rules', 'revision_number', 'tags']
    add('qos-policy-post-shape', [], policy(), ['*'])
    add('qos-policy-post-values', [], policy(description='d', shared=True, is_default=True), show)
    add('qos-policy-get', [policy()], step('GET', P), show)
    table('qos-policy-post', [], lambda a: policy(**a), {
        'name': ['', None, ' lead', LONG[256], DROP], 'description': ['', None, LONG[256]], 'shared': ['x', None, 'true'], 'is_default': ['x', None, True],
        'project_id': [OTHER, None], 'tenant_id': [OTHER], 'rules': [[]], 'color': [1], 'id': [NOBODY], 'tags': [['a']]}, show)
    table('qos-policy-put', [policy()], lambda a: step('PUT', P, {'policy': a}), {
        'name': ['x', None], 'description': ['x', None], 'shared': [True, 'x'], 'is_default': [True, False, 'x'], 'project_id': [OTHER], 'rules': [[]],
        'color': [1]}, show)
    add('qos-policy-default-second', [policy(is_default=True)], policy('two', is_default=True))
    add('qos-policy-default-second-put', [policy(), policy('two', is_default=True)], step('PUT', P, {'policy': {'is_default': True}}))
    add('qos-policy-default-other-project', [policy(is_default=True)], policy('two', is_default=True, project_id=OTHER), ['is_default'])
    add('qos-policy-default-off', [policy(is_default=True)], step('PUT', P, {'policy': {'is_default': False}}), ['is_default'])
    add('qos-policy-default-again', [policy(is_default=True)], step('PUT', P, {'policy': {'is_default': True}}), ['is_default'])
    add('qos-policy-default-network', [policy(is_default=True)], net(), ['qos_policy_id'])
    add('qos-policy-default-network-other', [policy(is_default=True), policy('two')], net(qos_policy_id='{two.id}'), ['qos_policy_id'])
    add('qos-policy-default-network-null', [policy(is_default=True)], net(qos_policy_id=None), ['qos_policy_id'])
    add('qos-policy-delete', [policy()], step('DELETE', P))
    add('qos-policy-delete-twice', [policy(), step('DELETE', P)], step('DELETE', P))
    add('qos-policy-delete-rules', [policy(), rule()], step('DELETE', P))
    add('qos-policy-unshare', [policy(shared=True)], step('PUT', P, {'policy': {'shared': False}}), ['shared'])
    add('qos-policy-shared-entry', [policy(shared=True)], step('GET', '/rbac-policies?object_id={policy.id}'),
        ['object_type', 'action', 'target_tenant', 'project_id'])
    add('qos-policy-bulk', [], step('POST', POLICIES, {'policies': [{'name': '{case}'}]}))
    add('qos-policy-bulk-odd', [], step('POST', POLICIES, {'policys': [{'name': '{case}'}]}))
    for verb in ('GET', 'PUT', 'DELETE'):
        for label, bad in {'unknown': NOBODY, 'malformed': 'no-such'}.items():
            add(f'qos-policy-{verb.lower()}-id-{label}', [], step(verb, f'{POLICIES}/{bad}', {'policy': {}} if verb == 'PUT' else None))
    for label, raw in {'notjson': '{', 'empty': '', 'wrongkey': '{"thing": {}}', 'null': '{"policy": null}', 'list': '[1]', 'inner-empty': '{"policy": {}}'}.items():
        add(f'qos-policy-body-post-{label}', [], step('POST', POLICIES, raw=raw))
        add(f'qos-policy-body-put-{label}', [policy()], step('PUT', P, raw=raw))
    for label, query in {'name': 'name={case}-policy', 'shared': 'name={case}-policy&shared=true', 'not-shared': 'name={case}-policy&shared=false',
                         'default': 'name={case}-policy&is_default=true', 'fields': 'name={case}-policy&fields=name', 'rules': 'rules=x', 'color': 'color=1',
                         'sort': 'name={case}-policy&sort_key=name&sort_dir=asc', 'sort-shared': 'sort_key=shared&sort_dir=asc', 'limit': 'name={case}-policy&limit=1',
                         'description': 'name={case}-policy&description=', 'bad-shared': 'shared=x',
                         'project': 'name={case}-policy&project_id=' + OTHER}.items():
        add(f'qos-policy-list-by-{label}', [policy()], step('GET', f'{POLICIES}?{query}'), ['name'])


def of_rules():
    one = [policy()]
    for kind, begin in KINDS.items():
        short, show = SHORT[kind], SHOW[kind]
        plural, r = f'{P}/{kind}s', f'{P}/{kind}s/{{rule.id}}'
        add(f'qos-{short}-post-shape', one, rule(kind), ['*'])
        add(f'qos-{short}-post-values', one, rule(kind), show)
        add(f'qos-{short}-get-shape', [*one, rule(kind)], step('GET', r), ['*'])
        add(f'qos-{short}-get', [*one, rule(kind)], step('GET', r), show)
        add(f'qos-{short}-list', [*one, rule(kind)], step('GET', plural), show)
        add(f'qos-{short}-list-fields', [*one, rule(kind)], step('GET', plural + '?fields=id&fields=' + show[0]), [show[0]])
        add(f'qos-{short}-list-filter', [*one, rule(kind)], step('GET', f'{plural}?{show[0]}=7'), show)
        add(f'qos-{short}-in-policy', [*one, rule(kind)], step('GET', P), ['rules.type', 'rules.qos_policy_id', 'rules.' + show[0]])
        add(f'qos-{short}-twice', [*one, rule(kind)], rule(kind, 'two'))
        add(f'qos-{short}-delete', [*one, rule(kind)], step('DELETE', r))
        add(f'qos-{short}-delete-twice', [*one, rule(kind), step('DELETE', r)], step('DELETE', r))
        add(f'qos-{short}-revision', [*one, rule(kind)], step('GET', P), ['revision_number'])
        for verb in ('GET', 'PUT', 'DELETE'):
            body = {kind: {}} if verb == 'PUT' else None
            add(f'qos-{short}-{verb.lower()}-id-unknown', one, step(verb, f'{plural}/{NOBODY}', body))
            add(f'qos-{short}-{verb.lower()}-policy-unknown', [*one, rule(kind)], step(verb, f'{POLICIES}/{NOBODY}/{kind}s/{{rule.id}}', body))
            add(f'qos-{short}-{verb.lower()}-policy-other', [*one, rule(kind), policy('two')], step(verb, f'{POLICIES}/{{two.id}}/{kind}s/{{rule.id}}', body))
        add(f'qos-{short}-post-policy-unknown', [], step('POST', f'{POLICIES}/{NOBODY}/{kind}s', {kind: begin}))
        add(f'qos-{short}-list-policy-unknown', [], step('GET', f'{POLICIES}/{NOBODY}/{kind}s'))
        number = list(begin)[0]
        some = {number: [0, 8, '14', -1, 'x', None, DROP, 2147483647, 2147483648, 63], 'color': [1], 'id': [NOBODY], 'qos_policy_id': [NOBODY]}
        if 'direction' in show:
            some['direction'] = ['ingress', 'egress', 'any', 'x', None, '']
        if 'burst' in ''.join(show):
            some[show[1]] = [0, 100, -1, 'x', None, 2147483648]
        table(f'qos-{short}-post', one, lambda a, kind=kind: rule(kind, **a), some, show)
        table(f'qos-{short}-put', [*one, rule(kind)], lambda a, kind=kind, r=r: step('PUT', r, {kind: a}), {
            k: v for k, v in some.items() if k != 'id'} | {number: [0, 20, 'x', None]}, show)
        add(f'qos-{short}-put-empty', [*one, rule(kind)], step('PUT', r, {kind: {}}), show)
        if 'direction' in show:
            both = [*one, rule(kind), rule(kind, 'two', direction='ingress')]
            add(f'qos-{short}-directions', both[:-1], both[-1], show)
            add(f'qos-{short}-put-clash', both, step('PUT', r, {kind: {'direction': 'ingress'}}), show)
        alias = '/qos/alias-' + kind.replace('_', '-') + 's'
        a = f'{alias}/{{rule.id}}'
        add(f'qos-{short}-alias-get-shape', [*one, rule(kind)], step('GET', a), ['*'])
        add(f'qos-{short}-alias-get', [*one, rule(kind)], step('GET', a), show)
        add(f'qos-{short}-alias-put', [*one, rule(kind)], step('PUT', a, {'alias_' + kind: {number: 16}}), show)
        add(f'qos-{short}-alias-put-plain', [*one, rule(kind)], step('PUT', a, {kind: {number: 16}}), show)
        add(f'qos-{short}-alias-put-bad', [*one, rule(kind)], step('PUT', a, {'alias_' + kind: {number: 'x'}}))
        add(f'qos-{short}-alias-delete', [*one, rule(kind)], step('DELETE', a))
        add(f'qos-{short}-alias-delete-then', [*one, rule(kind), step('DELETE', a)], step('GET', P), ['rules'])
        add(f'qos-{short}-alias-unknown', [], step('GET', f'{alias}/{NOBODY}'))
        add(f'qos-{short}-alias-list', [], step('GET', alias))
        add(f'qos-{short}-alias-post', one, step('POST', alias, {'alias_' + kind: begin}))
    add('qos-min-above-max', [policy(), rule()], rule('minimum_bandwidth_rule', 'two', min_kbps=2000))
    add('qos-min-above-max-other-direction', [policy(), rule()], rule('minimum_bandwidth_rule', 'two', min_kbps=2000, direction='ingress'), ['min_kbps'])
    add('qos-max-below-min', [policy(), rule('minimum_bandwidth_rule')], rule(at='two', max_kbps=100))
    add('qos-max-below-min-put', [policy(), rule('minimum_bandwidth_rule'), rule(at='two')],
        step('PUT', P + '/bandwidth_limit_rules/{two.id}', {'bandwidth_limit_rule': {'max_kbps': 100}}))
    add('qos-rules-both', [policy(), rule(), rule('dscp_marking_rule', 'two')], step('GET', P), ['rules.type'])


def of_types():
    for label, query in {'all': '', 'rules': '?all_rules=true', 'supported': '?all_supported=true', 'both': '?all_rules=true&all_supported=true', 'bad': '?all_rules=x',
                         'fields': '?fields=type', 'color': '?color=1', 'type': '?type=dscp_marking'}.items():
        add(f'qos-types-{label}', [], step('GET', '/qos/rule-types' + query), ['type'])
    for kind in ('bandwidth_limit', 'dscp_marking', 'minimum_bandwidth', 'packet_rate_limit', 'x'):
        add(f'qos-type-{kind}', [], step('GET', f'/qos/rule-types/{kind}'), ['type', 'drivers#'])
    add('qos-types-post', [], step('POST', '/qos/rule-types', {'rule_type': {}}))
    add('qos-type-delete', [], step('DELETE', '/qos/rule-types/dscp_marking'))


def of_uses():
    one = [policy(), net(), sub()]
    put = lambda what, at, value: step('PUT', f'/{what}s/{{{at}.id}}', {what: {'qos_policy_id': value}})
    add('qos-on-port', one, port(qos_policy_id='{policy.id}'), ['qos_policy_id', 'qos_network_policy_id'])
    add('qos-on-network', [policy()], net(qos_policy_id='{policy.id}'), ['qos_policy_id'])
    add('qos-on-network-port', [policy(), net(qos_policy_id='{policy.id}')], port(), ['qos_policy_id', 'qos_network_policy_id'])
    add('qos-on-network-port-own', [policy(), policy('two'), net(qos_policy_id='{policy.id}')], port(qos_policy_id='{two.id}'),
        ['qos_policy_id', 'qos_network_policy_id'])
    add('qos-on-network-later', [*one, port(), put('network', 'net', '{policy.id}')], step('GET', '/ports/{port.id}'), ['qos_policy_id', 'qos_network_policy_id'])
    for kind in ('port', 'network'):
        setup = [*one, port()]
        at = 'net' if kind == 'network' else 'port'
        add(f'qos-put-{kind}', setup, put(kind, at, '{policy.id}'), ['qos_policy_id', 'revision_number'])
        for value in (NOBODY, 'x', '', None):
            add(f'qos-put-{kind}-{slug(value)}', setup, put(kind, at, value), ['qos_policy_id', 'revision_number'])
        add(f'qos-put-{kind}-off', [*setup, put(kind, at, '{policy.id}')], put(kind, at, None), ['qos_policy_id', 'revision_number'])
        add(f'qos-put-{kind}-same', [*setup, put(kind, at, '{policy.id}')], put(kind, at, '{policy.id}'), ['qos_policy_id'])
        add(f'qos-delete-in-use-{kind}', [*setup, put(kind, at, '{policy.id}')], step('DELETE', P))
        add(f'qos-get-in-use-{kind}', [*setup, put(kind, at, '{policy.id}')], step('GET', f'/{kind}s/{{{at}.id}}'), ['qos_policy_id'])
    add('qos-unknown-port', [net()], port(qos_policy_id=NOBODY))
    add('qos-unknown-network', [], net(qos_policy_id=NOBODY))
    ext = [policy(), net(more={'router:external': True}), sub(cidr='203.0.113.0/24')]
    fip = lambda at='fip', **attrs: step('POST', '/floatingips', {'floatingip': {'floating_network_id': '{net.id}'} | attrs}, **{'as': at})
    add('qos-on-floatingip', ext, fip(qos_policy_id='{policy.id}'), ['qos_policy_id'])
    add('qos-on-floatingip-unknown', ext, fip(qos_policy_id=NOBODY))
    add('qos-on-floatingip-bad', ext, fip(qos_policy_id='x'))
    add('qos-on-floatingip-network', [policy(), net(more={'router:external': True}, qos_policy_id='{policy.id}'), sub(cidr='203.0.113.0/24')], fip(),
        ['qos_policy_id', 'qos_network_policy_id'])
    add('qos-put-floatingip', [*ext, fip()], put('floatingip', 'fip', '{policy.id}'), ['qos_policy_id'])
    add('qos-put-floatingip-off', [*ext, fip(qos_policy_id='{policy.id}')], put('floatingip', 'fip', None), ['qos_policy_id'])
    add('qos-delete-in-use-floatingip', [*ext, fip(qos_policy_id='{policy.id}')], step('DELETE', P))
    add('qos-floatingip-shape', ext, fip(), ['*'])
    gw = lambda **attrs: step('POST', '/routers', {'router': {'external_gateway_info': {'network_id': '{net.id}'} | attrs}}, **{'as': 'router'})
    add('qos-on-router', ext, gw(qos_policy_id='{policy.id}'), ['external_gateway_info.qos_policy_id'])
    add('qos-on-router-unknown', ext, gw(qos_policy_id=NOBODY))
    add('qos-on-router-bad', ext, gw(qos_policy_id='x'))
    add('qos-delete-in-use-router', [*ext, gw(qos_policy_id='{policy.id}')], step('DELETE', P))
    add('qos-put-router-off', [*ext, gw(qos_policy_id='{policy.id}')], step('PUT', '/routers/{router.id}', {'router': {
        'external_gateway_info': {'network_id': '{net.id}', 'qos_policy_id': None}}}), ['external_gateway_info.qos_policy_id'])
    share = lambda at='share', **attrs: step('POST', '/rbac-policies', {'rbac_policy': {
        'object_type': 'qos_policy', 'object_id': '{policy.id}', 'action': 'access_as_shared', 'target_tenant': OTHER} | attrs}, **{'as': at})
    add('qos-share', [policy()], share(), ['object_type', 'action', 'target_tenant'])
    add('qos-share-all', [policy(), share(target_tenant='*')], step('GET', P), ['shared'])
    add('qos-share-twice', [policy(), share()], share('two'))
    add('qos-share-action', [policy()], share(action='access_as_external'))
    add('qos-share-unknown', [], share(object_id=NOBODY))
    add('qos-share-gone', [policy(), share(), step('DELETE', P)], step('GET', '/rbac-policies/{share.id}'))
    add('qos-unshare', [policy(), share()], step('DELETE', '/rbac-policies/{share.id}'))
    add('qos-unshare-in-use', [policy(), share(), net(project_id=OTHER, qos_policy_id='{policy.id}')], step('DELETE', '/rbac-policies/{share.id}'))
    add('qos-unshare-in-use-port', [policy(), share(), net(project_id=OTHER), port(project_id=OTHER, qos_policy_id='{policy.id}')],
        step('DELETE', '/rbac-policies/{share.id}'))


def fill():
    of_policies()
    of_rules()
    of_types()
    of_uses()
