"""Cases of rules of QoS policies that count packets."""
from cases import DROP, NOBODY, add, net, plain, port, slug, step
from cases_qos import P, POLICIES, policy, table

# kind, its path, what it begins with, and what of it is shown
KINDS = {
    'pps': ('packet_rate_limit_rule', 'packet_rate_limit_rules', {'max_kpps': 10}, ['max_kpps', 'max_burst_kpps', 'direction']),
    'minpps': ('minimum_packet_rate_rule', 'minimum-packet-rate-rules', {'min_kpps': 10}, ['min_kpps', 'direction'])}


def rule(short, at='rule', of='policy', **attrs):
    kind, path, begin, _ = KINDS[short]
    return step('POST', f'{POLICIES}/{{{of}.id}}/{path}', {kind: plain(begin | attrs)}, **{'as': at})


def fill():
    one = [policy()]
    for short, (kind, path, begin, show) in KINDS.items():
        many, r = f'{P}/{path}', f'{P}/{path}/{{rule.id}}'
        number, made = list(begin)[0], [*one, rule(short)]
        add(f'qos-{short}-post-shape', one, rule(short), ['*'])
        add(f'qos-{short}-post-values', one, rule(short), show)
        add(f'qos-{short}-get', made, step('GET', r), ['*', *show])
        add(f'qos-{short}-list', made, step('GET', many), show)
        add(f'qos-{short}-list-fields', made, step('GET', f'{many}?fields=id&fields={number}'), [number])
        add(f'qos-{short}-list-filter', made, step('GET', f'{many}?{number}=7'), show)
        add(f'qos-{short}-in-policy', made, step('GET', P), ['rules.type', 'rules.qos_policy_id', 'rules.' + number, 'revision_number'])
        add(f'qos-{short}-twice', made, rule(short, 'two'))
        add(f'qos-{short}-directions', made, rule(short, 'two', direction='ingress'), show)
        add(f'qos-{short}-delete', made, step('DELETE', r))
        add(f'qos-{short}-delete-twice', [*made, step('DELETE', r)], step('DELETE', r))
        some = {number: [0, 8, '14', -1, 'x', None, DROP, 2147483647, 2147483648], 'color': [1], 'direction': ['ingress', 'egress', 'any', 'x', None],
                'qos_policy_id': [NOBODY]}
        if short == 'pps':
            some['max_burst_kpps'] = [0, 100, -1, 'x', None]
        table(f'qos-{short}-post', one, lambda a, short=short: rule(short, **a), some, show)
        table(f'qos-{short}-put', made, lambda a, kind=kind, r=r: step('PUT', r, {kind: a}), some | {number: [0, 20, 'x', None]}, show)
        add(f'qos-{short}-put-empty', made, step('PUT', r, {kind: {}}), show)
        both = [*made, rule(short, 'two', direction='ingress')]
        add(f'qos-{short}-put-clash', both, step('PUT', r, {kind: {'direction': 'ingress'}}), show)
        for verb in ('GET', 'PUT', 'DELETE'):
            body = {kind: {}} if verb == 'PUT' else None
            add(f'qos-{short}-{verb.lower()}-id-unknown', one, step(verb, f'{many}/{NOBODY}', body))
            add(f'qos-{short}-{verb.lower()}-policy-other', [*made, policy('two')], step(verb, f'{POLICIES}/{{two.id}}/{path}/{{rule.id}}', body))
        alias = '/qos/alias-' + kind.replace('_', '-') + 's'
        add(f'qos-{short}-alias-get', made, step('GET', alias + '/{rule.id}'), show)
        add(f'qos-{short}-alias-put', made, step('PUT', alias + '/{rule.id}', {'alias_' + kind: {number: 16}}), show)
        add(f'qos-{short}-alias-delete', made, step('DELETE', alias + '/{rule.id}'))
        add(f'qos-{short}-type', [], step('GET', '/qos/rule-types/' + kind.removesuffix('_rule')), ['type', 'drivers#'])
        add(f'qos-{short}-on-port', [*made, net()], port(qos_policy_id='{policy.id}'), ['qos_policy_id'])
        add(f'qos-{short}-on-network', made, net(qos_policy_id='{policy.id}'), ['qos_policy_id'])
        add(f'qos-{short}-in-use', [*one, net(qos_policy_id='{policy.id}'), port()], rule(short), show)
    add('qos-minpps-any-both', [*one, rule('minpps', direction='any')], rule('minpps', 'two'))
    add('qos-minpps-both-any', [*one, rule('minpps')], rule('minpps', 'two', direction='any'))
    add('qos-minpps-put-any', [*one, rule('minpps'), rule('minpps', 'two', direction='ingress')],
        step('PUT', P + '/minimum-packet-rate-rules/{rule.id}', {'minimum_packet_rate_rule': {'direction': 'any'}}))
    add('qos-minpps-above-max', [*one, rule('pps')], rule('minpps', 'two', min_kpps=20), ['min_kpps'])
    add('qos-pps-below-min', [*one, rule('minpps', min_kpps=20)], rule('pps', 'two'), ['max_kpps'])
    add('qos-pps-plain-url', one, step('POST', '/policies/{policy.id}/packet_rate_limit_rules', {'packet_rate_limit_rule': {'max_kpps': 10}}), ['max_kpps'])
