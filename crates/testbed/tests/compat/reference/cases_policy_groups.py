"""Who may do what to security groups, their rules, what groups begin with, address groups, and sharing."""
from cases import NOBODY, step

FIRST, SECOND = '1' * 32, '2' * 32
G, R, AG, D = '/security-groups/{group.id}', '/security-group-rules/{rule.id}', '/address-groups/{ag.id}', '/default-security-group-rules'
MANY = ('ADMIN', 'A', 'B', 'READER', 'SERVICE', 'NOVA', 'NOROLE', 'MANAGER')


def by(who, made):
    return made | {'who': who}


def group(who, at='group', **attrs):
    return by(who, step('POST', '/security-groups', {'security_group': {'name': '{case}-' + at} | attrs}, **{'as': at}))


def a_rule(who, at='rule', **attrs):
    return by(who, step('POST', '/security-group-rules', {'security_group_rule': {
        'security_group_id': '{group.id}', 'direction': 'ingress'} | attrs}, **{'as': at}))


def ag(who, at='ag', **attrs):
    return by(who, step('POST', '/address-groups', {'address_group': {'name': '{case}'} | attrs}, **{'as': at}))


def share(who, at='share', what='security_group', of='group', to=SECOND, **attrs):
    return by(who, step('POST', '/rbac-policies', {'rbac_policy': {
        'object_type': what, 'object_id': f'{{{of}.id}}', 'action': 'access_as_shared', 'target_tenant': to} | attrs}, **{'as': at}))


def net(who, at='net', **attrs):
    return by(who, step('POST', '/networks', {'network': attrs}, **{'as': at}))


def fill(add):
    def ask(who, method, path, body=None):
        return by(who, step(method, path, body))
    mine, shared, everyone = [group('A')], [group('A'), share('A')], [group('A'), share('ADMIN', to='*')]
    for who in MANY:
        add(f'group-create-{who}', [], ask(who, 'POST', '/security-groups', {'security_group': {}}), ['name', 'project_id'])
        add(f'group-list-{who}', mine, ask(who, 'GET', '/security-groups?name={case}-group'), ['name', 'project_id'])
        add(f'group-rule-create-{who}', mine, a_rule(who), ['direction', 'project_id'])
        for label, setup in {'own': mine, 'shared': shared, 'everyone': everyone}.items():
            add(f'group-show-{label}-{who}', setup, ask(who, 'GET', G), ['name', 'project_id', 'shared', 'security_group_rules#'])
            if label == 'own' or who in ('B', 'READER', 'NOVA'):
                add(f'group-update-{label}-{who}', setup, ask(who, 'PUT', G, {'security_group': {'description': 'x'}}), ['description'])
                add(f'group-delete-{label}-{who}', setup, ask(who, 'DELETE', G))
                add(f'group-rule-list-{label}-{who}', [*setup, a_rule('A')], ask(who, 'GET', '/security-group-rules?security_group_id={group.id}'), ['direction'])
                add(f'group-rule-show-{label}-{who}', [*setup, a_rule('A')], ask(who, 'GET', R), ['direction'])
                add(f'group-rule-delete-{label}-{who}', [*setup, a_rule('A')], ask(who, 'DELETE', R))
        own = ['project_id', 'name', 'description']
        add(f'group-default-{who}', [], ask(who, 'GET', f'/security-groups?name=default&project_id={FIRST}'), own)
        add(f'default-rule-list-{who}', [], ask(who, 'GET', D), ['direction', 'ethertype'])
        add(f'default-rule-create-{who}', [], ask(who, 'POST', D, {'default_security_group_rule': {
            'direction': 'ingress', 'used_in_default_sg': False, 'used_in_non_default_sg': False}}), ['direction'])
        add(f'address-group-create-{who}', [], ask(who, 'POST', '/address-groups', {'address_group': {}}), ['project_id'])
        add(f'address-group-show-{who}', [ag('A')], ask(who, 'GET', AG), ['name'])
        add(f'address-group-list-{who}', [ag('A')], ask(who, 'GET', '/address-groups?name={case}'), ['name'])
        add(f'address-group-update-{who}', [ag('A')], ask(who, 'PUT', AG, {'address_group': {'description': 'x'}}), ['description'])
        add(f'address-group-add-{who}', [ag('A')], ask(who, 'PUT', AG + '/add_addresses', {'addresses': ['10.0.0.0/8']}), ['addresses'])
        add(f'address-group-delete-{who}', [ag('A')], ask(who, 'DELETE', AG))
        add(f'rbac-create-{who}', mine, share(who), ['target_tenant', 'project_id'])
        add(f'rbac-create-everyone-{who}', mine, share(who, to='*'), ['target_tenant'])
        one = '/rbac-policies/{share.id}'
        add(f'rbac-show-{who}', shared, ask(who, 'GET', one), ['target_tenant'])
        add(f'rbac-list-{who}', shared, ask(who, 'GET', '/rbac-policies?object_id={group.id}'), ['target_tenant'])
        add(f'rbac-update-{who}', shared, ask(who, 'PUT', one, {'rbac_policy': {'target_tenant': '3' * 32}}), ['target_tenant'])
        add(f'rbac-update-everyone-{who}', shared, ask(who, 'PUT', one, {'rbac_policy': {'target_tenant': '*'}}), ['target_tenant'])
        add(f'rbac-delete-{who}', shared, ask(who, 'DELETE', one))
    for who in ('ADMIN', 'A', 'B', 'READER'):
        add(f'group-create-for-other-{who}', [], ask(who, 'POST', '/security-groups', {'security_group': {'project_id': SECOND}}), ['project_id'])
        add(f'group-rule-create-for-other-{who}', mine, a_rule(who, project_id=SECOND), ['project_id'])
        add(f'group-rule-unknown-group-{who}', [], a_rule(who, security_group_id=NOBODY))
        add(f'group-rule-about-foreign-{who}', [group('A'), group('B', 'theirs')], a_rule('A' if who == 'READER' else who, remote_group_id='{theirs.id}'), ['direction'])
        add(f'group-rule-about-shared-{who}', [group('A'), group('B', 'theirs'), share('B', of='theirs', to=FIRST)],
            a_rule('A' if who == 'READER' else who, remote_group_id='{theirs.id}'), ['direction'])
        add(f'group-rule-about-addresses-{who}', [group('A'), ag('B')], a_rule('A' if who == 'READER' else who, remote_address_group_id='{ag.id}'), ['direction'])
        default = by('A', step('GET', f'/security-groups?name=default&project_id={FIRST}', **{'as': 'own'}))
        add(f'group-default-delete-{who}', [default], ask(who, 'DELETE', '/security-groups/{own.id}'))
        add(f'group-default-update-{who}', [default], ask(who, 'PUT', '/security-groups/{own.id}', {'security_group': {'description': 'Default security group'}}),
            ['description'])
        add(f'group-filter-shared-{who}', everyone, ask(who, 'GET', '/security-groups?name={case}-group&shared=true'), ['name', 'shared'])
        add(f'address-group-shared-{who}', [ag('A'), share('A', what='address_group', of='ag')], ask(who, 'GET', AG), ['name'])
        add(f'address-group-shared-update-{who}', [ag('A'), share('A', what='address_group', of='ag')],
            ask(who, 'PUT', AG, {'address_group': {'description': 'x'}}), ['description'])
        for label, of in {'own': 'A', 'foreign': 'B'}.items():
            add(f'port-group-{label}-{who}', [group(of), net('ADMIN', shared=True)], ask(who, 'POST', '/ports', {'port': {
                'network_id': '{net.id}', 'security_groups': ['{group.id}']}}), ['security_groups#'])
        add(f'port-group-shared-{who}', [*shared, net('ADMIN', shared=True)], ask(who, 'POST', '/ports', {'port': {
            'network_id': '{net.id}', 'security_groups': ['{group.id}']}}), ['security_groups#'])
        guest = [group('A'), net('A'), by('ADMIN', step('POST', '/ports', {'port': {'network_id': '{net.id}', 'project_id': SECOND}}, **{'as': 'port'}))]
        add(f'port-group-guest-{who}', guest, ask(who, 'PUT', '/ports/{port.id}', {'port': {'security_groups': ['{group.id}']}}), ['security_groups#'],
            undo=[step('DELETE', '/ports/{port.id}')])
        add(f'rbac-foreign-{who}', [group('B')], share(who, to='3' * 32), ['target_tenant'])
        add(f'rbac-for-other-{who}', mine, share(who, project_id=SECOND), ['project_id'])
    used = [*shared, net('ADMIN', shared=True), by('B', step('POST', '/ports', {'port': {
        'network_id': '{net.id}', 'security_groups': ['{group.id}']}}, **{'as': 'port'}))]
    undo = [step('DELETE', '/ports/{port.id}')]
    add('rbac-in-use-delete-A', used, ask('A', 'DELETE', '/rbac-policies/{share.id}'), undo=undo)
    add('rbac-in-use-update-A', used, ask('A', 'PUT', '/rbac-policies/{share.id}', {'rbac_policy': {'target_tenant': '3' * 32}}), undo=undo)
    add('rbac-in-use-group-delete-A', used, ask('A', 'DELETE', G), undo=undo)
    for name, limit in {'security_group': 0, 'security_group_rule': 0, 'rbac_policy': 0}.items():
        setup = [by('ADMIN', step('PUT', f'/quotas/{FIRST}', {'quota': {name: limit, 'force': True}}))]
        end = [by('ADMIN', step('DELETE', f'/quotas/{FIRST}'))]
        before = [group('A')] if name != 'security_group' else []
        request = {'security_group': group('A', 'other'), 'security_group_rule': a_rule('A'), 'rbac_policy': share('A')}[name]
        add(f'quota-of-{name}', [*before, *setup], request, undo=end)
    add('quota-of-rules-for-group', [by('ADMIN', step('PUT', f'/quotas/{FIRST}', {'quota': {'security_group_rule': 0, 'force': True}}))],
        group('A'), undo=[by('ADMIN', step('DELETE', f'/quotas/{FIRST}'))])
