"""Who may do what to QoS policies and their rules, segments, and the ranges that these are chosen from."""
from cases import NOBODY, step

FIRST, SECOND = '1' * 32, '2' * 32
P = '/qos/policies/{policy.id}'
L = P + '/bandwidth_limit_rules'
MANY = ('ADMIN', 'A', 'B', 'READER', 'SERVICE', 'NOROLE', 'MANAGER')


def by(who, made):
    return made | {'who': who}


def policy(who='MANAGER', **attrs):
    return by(who, step('POST', '/qos/policies', {'policy': {'name': '{case}'} | attrs}, **{'as': 'policy'}))


def rule(who='MANAGER'):
    return by(who, step('POST', L, {'bandwidth_limit_rule': {'max_kbps': 1000}}, **{'as': 'rule'}))


def share(to=SECOND):
    return by('ADMIN', step('POST', '/rbac-policies', {'rbac_policy': {
        'object_type': 'qos_policy', 'object_id': '{policy.id}', 'action': 'access_as_shared', 'target_tenant': to}}))


def fill(add):
    def ask(who, method, path, body=None):
        return by(who, step(method, path, body))
    own = [policy()]
    for who in MANY:
        add(f'qos-create-{who}', [], policy(who), ['name', 'project_id'])
        add(f'qos-create-shared-{who}', [], policy(who, shared=True), ['shared'])
        add(f'qos-types-{who}', [], ask(who, 'GET', '/qos/rule-types?all_rules=false'), ['type'])
        for label, setup in {'own': own, 'shared': [policy(), share()], 'everyone': [policy(), share('*')]}.items():
            add(f'qos-show-{label}-{who}', setup, ask(who, 'GET', P), ['name', 'shared', 'project_id'])
            add(f'qos-list-{label}-{who}', setup, ask(who, 'GET', '/qos/policies?name={case}'), ['name'])
            add(f'qos-rules-{label}-{who}', [*setup, rule()], ask(who, 'GET', L), ['max_kbps'])
            add(f'qos-rule-show-{label}-{who}', [*setup, rule()], ask(who, 'GET', L + '/{rule.id}'), ['max_kbps'])
        add(f'qos-update-{who}', own, ask(who, 'PUT', P, {'policy': {'description': 'x'}}), ['description'])
        add(f'qos-delete-{who}', own, ask(who, 'DELETE', P))
        add(f'qos-rule-create-{who}', own, rule(who), ['max_kbps'])
        add(f'qos-rule-update-{who}', [*own, rule()], ask(who, 'PUT', L + '/{rule.id}', {'bandwidth_limit_rule': {'max_kbps': 1}}), ['max_kbps'])
        add(f'qos-rule-delete-{who}', [*own, rule()], ask(who, 'DELETE', L + '/{rule.id}'))
        net = [by('A', step('POST', '/networks', {'network': {}}, **{'as': 'net'}))]
        one = [by('ADMIN', step('GET', '/segments?network_id={net.id}', **{'as': 'seg'}))]
        add(f'segment-list-{who}', net, ask(who, 'GET', '/segments?network_id={net.id}'), ['network_type'])
        add(f'segment-show-{who}', [*net, *one], ask(who, 'GET', '/segments/{seg.id}'), ['name'])
        add(f'segment-update-{who}', [*net, *one], ask(who, 'PUT', '/segments/{seg.id}', {'segment': {'name': 'x'}}), ['name'])
        add(f'segment-delete-{who}', [*net, *one], ask(who, 'DELETE', '/segments/{seg.id}'))
        add(f'segment-create-{who}', net, ask(who, 'POST', '/segments', {'segment': {'network_id': '{net.id}', 'network_type': 'local'}}), ['network_type'])
        body = {'name': '{case}', 'shared': True, 'network_type': 'vxlan', 'minimum': 7000, 'maximum': 7001}
        range_ = by('ADMIN', step('POST', '/network-segment-ranges', {'network_segment_range': body}, **{'as': 'range'}))
        add(f'range-create-{who}', [], ask(who, 'POST', '/network-segment-ranges', {'network_segment_range': body}), ['minimum'])
        add(f'range-list-{who}', [range_], ask(who, 'GET', '/network-segment-ranges?name={case}'), ['minimum'])
        add(f'range-show-{who}', [range_], ask(who, 'GET', '/network-segment-ranges/{range.id}'), ['minimum'])
        add(f'range-delete-{who}', [range_], ask(who, 'DELETE', '/network-segment-ranges/{range.id}'))
    for label, setup in {'other': own, 'shared': [policy(), share()], 'unknown': []}.items():
        use = {'qos_policy_id': NOBODY if label == 'unknown' else '{policy.id}'}
        add(f'qos-use-{label}', setup, ask('B', 'POST', '/networks', {'network': use}), ['qos_policy_id'])
    add('qos-use-own', own, ask('A', 'POST', '/networks', {'network': {'qos_policy_id': '{policy.id}'}}), ['qos_policy_id'])
