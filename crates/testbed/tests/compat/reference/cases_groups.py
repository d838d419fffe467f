"""Cases of security groups, their rules, what groups begin with, address groups, sharing, and ports with groups."""
from cases import DROP, LONG, NOBODY, add, net, plain, port, slug, step

OTHER = 'b' * 32
GROUPS, RULES, DEFAULTS, ADDRESSES, SHARED = (
    '/security-groups', '/security-group-rules', '/default-security-group-rules', '/address-groups', '/rbac-policies')
G, R, AG = GROUPS + '/{group.id}', RULES + '/{rule.id}', ADDRESSES + '/{ag.id}'
RULE = ['direction', 'ethertype', 'protocol', 'port_range_min', 'port_range_max', 'remote_ip_prefix', 'remote_group_id',
        'remote_address_group_id', 'normalized_cidr', 'description', 'belongs_to_default_sg']
BEGIN = {'security_group_id': '{group.id}', 'direction': 'ingress'}
TCP = {'protocol': 'tcp', 'port_range_min': 80, 'port_range_max': 90}


def group(at='group', **attrs):
    return step('POST', GROUPS, {'security_group': {'name': '{case}-' + at} | attrs}, **{'as': at})


def rule(at='rule', **attrs):
    return step('POST', RULES, {'security_group_rule': BEGIN | attrs}, **{'as': at})


def ag(at='ag', **attrs):
    return step('POST', ADDRESSES, {'address_group': {'name': '{case}'} | attrs}, **{'as': at})


def share(at='share', what='security_group', of='group', **attrs):
    return step('POST', SHARED, {'rbac_policy': {'object_type': what, 'object_id': f'{{{of}.id}}', 'action': 'access_as_shared',
                                                 'target_tenant': OTHER} | attrs}, **{'as': at})


def default(at='default', **attrs):
    return step('POST', DEFAULTS, {'default_security_group_rule': {
        'direction': 'ingress', 'used_in_default_sg': False, 'used_in_non_default_sg': True} | attrs}, **{'as': at})


def own_default(at='own'):
    return step('GET', GROUPS + '?name=default&project_id=' + 'a' * 32, **{'as': at})


def table(name, setup, make, some, show, **more):
    for attr, values in some.items():
        for value in values:
            label = 'absent' if value is DROP else slug(value)
            add(f'{name}-{attr}-{label}', setup, make({attr: value}), show, **more)


def of_groups():
    show = ['name', 'description', 'stateful', 'shared', 'project_id', 'tenant_id', 'security_group_rules#', 'revision_number', 'tags']
    add('group-post-shape', [], group(), ['*'])
    add('group-post-values', [], group(description='d', stateful=False), show)
    add('group-get-shape', [group()], step('GET', G), ['*'])
    add('group-get-rules', [group()], step('GET', RULES + '?security_group_id={group.id}'), RULE)
    add('group-get-rule-shape', [group()], step('GET', RULES + '?security_group_id={group.id}'), ['*'])
    add('group-list', [group()], step('GET', GROUPS + '?name={case}-group'), show)
    add('group-default', [], step('GET', GROUPS + '?name=default&project_id=' + 'a' * 32), show)
    add('group-default-rules', [own_default()], step('GET', RULES + '?security_group_id={own.id}'),
        [r for r in RULE if r != 'remote_group_id'])
    add('group-default-name', [own_default()], step('PUT', GROUPS + '/{own.id}', {'security_group': {'name': 'x'}}))
    add('group-default-description', [own_default()], step('PUT', GROUPS + '/{own.id}', {'security_group': {
        'description': 'Default security group'}}), ['description'])
    add('group-default-stateful', [own_default()], step('PUT', GROUPS + '/{own.id}', {'security_group': {'stateful': True}}), ['stateful'])
    table('group-post', [], lambda a: step('POST', GROUPS, {'security_group': plain(a)}), {
        'name': ['default', 'DEFAULT', '', ' lead', None, 5, LONG[255], LONG[256], 'a\nb'], 'description': ['', LONG[256], None],
        'stateful': [None, 'no', 'x', 0], 'project_id': [OTHER, None, ''], 'tenant_id': [OTHER], 'shared': [True], 'tags': [['a']],
        'id': [NOBODY], 'color': [1], 'security_group_rules': [[]], 'is_default': [True]}, ['name', 'stateful', 'project_id', 'description'])
    table('group-put', [group()], lambda a: step('PUT', G, {'security_group': plain(a)}), {
        'name': ['x', 'default', '', None], 'description': ['x', None], 'stateful': [False, True, 'x', None], 'project_id': [OTHER],
        'shared': [True], 'tags': [['a']], 'color': [1]}, ['name', 'stateful', 'description', 'revision_number'])
    add('group-put-empty', [group()], step('PUT', G, {'security_group': {}}), ['name', 'revision_number'])
    add('group-put-shape', [group()], step('PUT', G, {'security_group': {'name': 'x'}}), ['*'])
    for label, raw in {'notjson': '{', 'empty': '', 'wrongkey': '{"thing": {}}', 'null': '{"security_group": null}',
                       'list': '[1]', 'inner-empty': '{"security_group": {}}'}.items():
        add(f'group-body-post-{label}', [], step('POST', GROUPS, raw=raw), ['name'])
        add(f'group-body-put-{label}', [group()], step('PUT', G, raw=raw), ['name'])
    add('group-bulk', [], step('POST', GROUPS, {'security_groups': [{'name': '{case}-1'}, {'name': '{case}-2'}]}), ['name'])
    add('group-bulk-bad', [], step('POST', GROUPS, {'security_groups': [{'name': '{case}-1'}, {'name': 'default'}]}))
    add('group-delete', [group()], step('DELETE', G))
    add('group-delete-twice', [group(), step('DELETE', G)], step('DELETE', G))
    for verb in ('GET', 'PUT', 'DELETE'):
        for label, bad in {'unknown': NOBODY, 'malformed': 'no-such'}.items():
            add(f'group-{verb.lower()}-id-{label}', [], step(verb, f'{GROUPS}/{bad}', {'security_group': {}} if verb == 'PUT' else None))
    in_use = [group(), net(), port(security_groups=['{group.id}'])]
    add('group-delete-in-use', in_use, step('DELETE', G))
    add('group-stateful-in-use', in_use, step('PUT', G, {'security_group': {'stateful': False}}))
    add('group-stateful-same-in-use', in_use, step('PUT', G, {'security_group': {'stateful': True}}), ['stateful'])
    add('group-name-in-use', in_use, step('PUT', G, {'security_group': {'name': 'x'}}), ['name'])
    about = [group(), group('two'), rule(remote_group_id='{two.id}')]
    add('group-delete-about', about, step('DELETE', GROUPS + '/{two.id}'))
    add('group-delete-about-rules', [*about, step('DELETE', GROUPS + '/{two.id}')],
        step('GET', RULES + '?security_group_id={group.id}&direction=ingress'), RULE)
    for label, query in {'name': 'name={case}-group', 'fields': 'name={case}-group&fields=name', 'shared': 'name={case}-group&shared=true',
                         'not-shared': 'name={case}-group&shared=False', 'stateful': 'name={case}-group&stateful=true',
                         'stateless': 'name={case}-group&stateful=0', 'bad-shared': 'shared=x', 'description': 'name={case}-group&description=',
                         'rules': 'security_group_rules=x', 'color': 'color=1', 'sort': 'name={case}-group&sort_key=name&sort_dir=asc',
                         'sort-stateful': 'sort_key=stateful&sort_dir=asc', 'limit': 'name={case}-group&limit=1',
                         'marker-unknown': f'limit=1&marker={NOBODY}', 'id': 'id={group.id}'}.items():
        add(f'group-list-by-{label}', [group()], step('GET', f'{GROUPS}?{query}'), ['name'])


def of_rules():
    one = [group()]
    add('rule-post-shape', one, rule(), ['*'])
    add('rule-get-shape', [*one, rule()], step('GET', R), ['*'])
    add('rule-put', [*one, rule()], step('PUT', R, {'security_group_rule': {'description': 'x'}}))
    add('rule-post-values', one, rule(**TCP, remote_ip_prefix='10.1.2.3/8', description='d'), [*RULE, 'project_id', 'tenant_id'])
    add('rule-delete', [*one, rule()], step('DELETE', R))
    add('rule-delete-twice', [*one, rule(), step('DELETE', R)], step('DELETE', R))
    add('rule-revision-of-group', [*one, rule()], step('GET', G), ['security_group_rules#'])
    for verb in ('GET', 'DELETE'):
        for label, bad in {'unknown': NOBODY, 'malformed': 'no-such'}.items():
            add(f'rule-{verb.lower()}-id-{label}', [], step(verb, f'{RULES}/{bad}'))
    make = lambda a: step('POST', RULES, {'security_group_rule': plain(BEGIN | a)})
    table('rule-post', one, make, {
        'direction': ['egress', 'INGRESS', 'x', None, DROP], 'ethertype': ['IPv6', 'ipv4', 'IPV6', 'x', '', None, 4],
        'protocol': ['tcp', 'TCP', 'any', None, 6, '6', '06', 0, 'ip', 255, 256, -1, 'x', '', True, 'icmp', 'ICMPv6', 'ipv6-icmp', 58,
                     'vrrp', 'ah', 1, 'hopopt'],
        'remote_ip_prefix': ['10.0.0.0/8', '10.1.2.3/8', '10.1.2.3', '0.0.0.0/0', '::/0', '2001:DB8::1/64', '10.0.0.0/255.0.0.0', '10.0.0.0/33',
                             'x', '', None, 5, [], False],
        'remote_group_id': ['{group.id}', NOBODY, 'x', '', None], 'remote_address_group_id': [NOBODY, 'x', '', None],
        'security_group_id': [NOBODY, 'x', None, DROP, LONG[64], ''], 'description': ['', None, LONG[255], LONG[256]],
        'port_range_min': [0, 80, 65536, -1, 'x', '80', 1.5, True], 'port_range_max': [80, ''], 'project_id': [OTHER, None],
        'normalized_cidr': ['10.0.0.0/8'], 'id': [NOBODY], 'color': [1], 'tags': [['a']], 'belongs_to_default_sg': [True]},
        [*RULE, 'project_id'])
    ports = {'tcp': TCP, 'udp': TCP | {'protocol': 'udp'}, 'number': TCP | {'protocol': 17}, 'sctp': TCP | {'protocol': 'sctp'},
             'dccp': TCP | {'protocol': 33}, 'udplite': TCP | {'protocol': 'udplite'}, 'gre': TCP | {'protocol': 'gre'},
             'any': TCP | {'protocol': 'any'}, 'down': TCP | {'port_range_min': 95}, 'one': TCP | {'port_range_max': 80},
             'zero': TCP | {'port_range_min': 0}, 'min-only': TCP | {'port_range_max': None}, 'max-only': TCP | {'port_range_min': None},
             'all': TCP | {'port_range_min': 1, 'port_range_max': 65535}, 'text': TCP | {'port_range_min': '80', 'port_range_max': '90'},
             'icmp-type': {'protocol': 'icmp', 'port_range_min': 8}, 'icmp-code': {'protocol': 'icmp', 'port_range_max': 0},
             'icmp-both': {'protocol': 'icmp', 'port_range_min': 8, 'port_range_max': 0},
             'icmp-type-big': {'protocol': 'icmp', 'port_range_min': 256}, 'icmp-code-big': {'protocol': 1, 'port_range_min': 8, 'port_range_max': 256},
             'icmp-zero': {'protocol': 'icmp', 'port_range_min': 0, 'port_range_max': 0},
             'icmp6': {'ethertype': 'IPv6', 'protocol': 'icmp', 'port_range_min': 128}, 'icmp6-number': {'ethertype': 'IPv6', 'protocol': '1'},
             'icmp6-name': {'ethertype': 'IPv6', 'protocol': 'icmpv6'}, 'icmp6-own': {'ethertype': 'IPv6', 'protocol': 58},
             'v6-route': {'ethertype': 'IPv6', 'protocol': 'ipv6-route'}, 'v4-route': {'protocol': 'ipv6-route'},
             'v6-prefix': {'ethertype': 'IPv6', 'remote_ip_prefix': '2001:db8::/32'}, 'v6-prefix-4': {'ethertype': 'IPv6', 'remote_ip_prefix': '10.0.0.0/8'},
             'v6-all': {'ethertype': 'IPv6', 'remote_ip_prefix': '::/0'},
             'group-and-prefix': {'remote_group_id': '{group.id}', 'remote_ip_prefix': '10.0.0.0/8'},
             'order-ports-prefix': TCP | {'port_range_min': 95, 'remote_ip_prefix': '2001:db8::/32'},
             'order-group-prefix': {'security_group_id': NOBODY, 'remote_ip_prefix': '2001:db8::/32'},
             'order-group-remote': {'security_group_id': NOBODY, 'remote_group_id': NOBODY}}
    for label, attrs in ports.items():
        add(f'rule-ports-{label}', one, make(attrs), RULE)
    same = {'plain': ({}, {}), 'any': ({}, {'protocol': 'any'}), 'description': ({'description': 'x'}, {}),
            'number': ({'protocol': 'tcp'}, {'protocol': 6}), 'case': ({'protocol': 'tcp'}, {'protocol': 'TCP'}),
            'all-ports': ({'protocol': 'tcp'}, {'protocol': 'tcp', 'port_range_min': 1, 'port_range_max': 65535}),
            'everywhere': ({}, {'remote_ip_prefix': '0.0.0.0/0'}), 'host-bits': ({'remote_ip_prefix': '10.0.0.0/8'}, {'remote_ip_prefix': '10.1.2.3/8'}),
            'address': ({'remote_ip_prefix': '10.1.2.3'}, {'remote_ip_prefix': '10.1.2.3/32'}), 'ethertype': ({}, {'ethertype': 'IPv6'}),
            'icmp6': ({'ethertype': 'IPv6', 'protocol': 'icmp'}, {'ethertype': 'IPv6', 'protocol': 58}),
            'direction': ({}, {'direction': 'egress', 'remote_group_id': '{group.id}'}), 'range': (TCP, TCP | {'port_range_max': 89}),
            'overlap': (TCP, TCP), 'project': ({}, {'project_id': OTHER}), 'remote': ({'remote_group_id': '{group.id}'}, {'remote_group_id': '{group.id}'}),
            'egress-first': ({}, {'direction': 'egress'}), 'v6-case': ({'ethertype': 'IPv6', 'remote_ip_prefix': '2001:db8::/64'},
                                                                      {'ethertype': 'IPv6', 'remote_ip_prefix': '2001:DB8::/64'})}
    for label, (first, second) in same.items():
        add(f'rule-same-{label}', [*one, rule(**first)], make(second), ['direction', 'protocol'])
    def many(*rows):
        return step('POST', RULES, {'security_group_rules': [BEGIN | r for r in rows]})
    add('rule-bulk', one, many({}, TCP), ['protocol'])
    add('rule-bulk-one', one, many(TCP), ['protocol'])
    add('rule-bulk-same', one, many(TCP, TCP))
    add('rule-bulk-there', [*one, rule(**TCP)], many({}, TCP))
    add('rule-bulk-two-groups', [*one, group('two')], many({}, {'security_group_id': '{two.id}'}))
    add('rule-bulk-two-projects', one, many({}, TCP | {'project_id': OTHER}))
    add('rule-bulk-bad', one, many({}, TCP | {'port_range_min': 99}))
    add('rule-bulk-bad-none', [*one, step('POST', RULES, {'security_group_rules': [BEGIN, BEGIN | TCP | {'port_range_min': 99}]}, fails=True)],
        step('GET', RULES + '?security_group_id={group.id}&direction=ingress'), RULE)
    three = [*one, rule(**TCP, remote_ip_prefix='10.0.0.0/8', description='x'), rule('b', protocol='icmp'), rule('c', ethertype='IPv6', remote_group_id='{group.id}')]
    for label, query in {'direction': 'direction=ingress', 'protocol': 'protocol=tcp', 'protocol-upper': 'protocol=TCP', 'ethertype': 'ethertype=ipv6',
                         'port': 'port_range_min=80', 'prefix': 'remote_ip_prefix=10.0.0.0/8', 'remote': 'remote_group_id={group.id}',
                         'description': 'description=x', 'cidr': 'normalized_cidr=10.0.0.0/8', 'default': 'belongs_to_default_sg=true',
                         'not-default': 'belongs_to_default_sg=false', 'bad-port': 'port_range_min=x', 'bad-direction': 'direction=x', 'color': 'color=x',
                         'sort': 'direction=ingress&sort_key=protocol&sort_dir=desc', 'sort-bad': 'sort_key=description&sort_dir=asc',
                         'fields': 'fields=protocol'}.items():
        add(f'rule-list-by-{label}', three, step('GET', f'{RULES}?security_group_id={{group.id}}&{query}'), ['protocol', 'direction', 'ethertype'])


def of_defaults():
    shown = ['direction', 'ethertype', 'protocol', 'port_range_min', 'port_range_max', 'remote_ip_prefix', 'remote_group_id',
             'remote_address_group_id', 'description', 'used_in_default_sg', 'used_in_non_default_sg']
    add('default-rule-list', [], step('GET', DEFAULTS), shown)
    add('default-rule-list-shape', [], step('GET', DEFAULTS), ['*'])
    add('default-rule-post-shape', [], default(**TCP), ['*'])
    add('default-rule-post-values', [], default(**TCP, remote_ip_prefix='10.0.0.0/8', description='d'), shown)
    add('default-rule-get', [default(**TCP)], step('GET', DEFAULTS + '/{default.id}'), shown)
    add('default-rule-put', [default(**TCP)], step('PUT', DEFAULTS + '/{default.id}', {'default_security_group_rule': {}}))
    add('default-rule-delete', [default(**TCP)], step('DELETE', DEFAULTS + '/{default.id}'))
    add('default-rule-delete-unknown', [], step('DELETE', f'{DEFAULTS}/{NOBODY}'))
    add('default-rule-get-unknown', [], step('GET', f'{DEFAULTS}/{NOBODY}'))
    add('default-rule-used', [default(**TCP), group()], step('GET', RULES + '?security_group_id={group.id}'), RULE)
    add('default-rule-used-parent', [default(remote_group_id='PARENT'), group()],
        step('GET', RULES + '?security_group_id={group.id}&direction=ingress'), RULE)
    add('default-rule-same', [default(**TCP)], default(**TCP, description='x'))
    add('default-rule-same-there', [], default(direction='egress'))
    add('default-rule-same-for-default', [default(**TCP)], default(**TCP, used_in_default_sg=True, used_in_non_default_sg=False), shown)
    table('default-rule-post', [], lambda a: step('POST', DEFAULTS, {'default_security_group_rule': plain({
        'direction': 'ingress', 'used_in_default_sg': False, 'used_in_non_default_sg': False} | a)}), {
        'used_in_default_sg': [DROP, None, 'x', 'yes'], 'used_in_non_default_sg': [DROP], 'direction': [DROP, 'x'], 'protocol': ['x', 'TCP', 6],
        'ethertype': ['x', 'ipv6'], 'port_range_min': [80], 'remote_group_id': ['PARENT', 'x', NOBODY], 'remote_address_group_id': [NOBODY],
        'remote_ip_prefix': ['::/0', 'x'], 'description': [LONG[256], None], 'project_id': [OTHER], 'color': [1]}, shown)
    for label, query in {'used': 'used_in_default_sg=true', 'direction': 'direction=ingress', 'color': 'color=1',
                         'sort': 'sort_key=direction&sort_dir=asc', 'parent': 'remote_group_id=PARENT'}.items():
        add(f'default-rule-list-by-{label}', [], step('GET', f'{DEFAULTS}?{query}'), ['direction', 'ethertype'])


def of_addresses():
    shown = ['name', 'description', 'addresses', 'project_id']
    add('ag-post-shape', [], ag(), ['*'])
    add('ag-get-shape', [ag()], step('GET', AG), ['*'])
    add('ag-post-values', [], ag(description='d', addresses=['10.0.0.0/8', '2001:db8::/32']), shown)
    add('ag-list', [ag(addresses=['10.0.0.0/8'])], step('GET', ADDRESSES + '?name={case}'), shown)
    add('ag-delete', [ag()], step('DELETE', AG))
    add('ag-delete-twice', [ag(), step('DELETE', AG)], step('DELETE', AG))
    add('ag-delete-in-use', [ag(), group(), rule(remote_address_group_id='{ag.id}')], step('DELETE', AG))
    add('ag-in-rule', [ag(), group()], rule(remote_address_group_id='{ag.id}'), RULE)
    add('ag-in-rule-and-group', [ag(), group()], rule(remote_address_group_id='{ag.id}', remote_group_id='{group.id}'))
    table('ag-post', [], lambda a: step('POST', ADDRESSES, {'address_group': plain(a)}), {
        'name': ['', LONG[256], None, ' lead'], 'description': [LONG[256], None], 'shared': [True],
        'addresses': [[], None, ['10.0.0.1'], ['10.1.2.3/8'], ['10.0.0.0/8', '10.1.0.0/8'], ['x'], 'x', [5], ['2001:DB8::/32'], ['10.0.0.0/33']],
        'project_id': [OTHER], 'tags': [['a']], 'color': [1]}, shown)
    table('ag-put', [ag(addresses=['10.0.0.0/8'])], lambda a: step('PUT', AG, {'address_group': plain(a)}), {
        'name': ['x', None], 'description': ['x'], 'addresses': [['10.9.0.0/16']], 'color': [1]}, shown)
    add('ag-put-empty', [ag()], step('PUT', AG, {'address_group': {}}), shown)
    for action in ('add', 'remove'):
        for label, body in {'new': {'addresses': ['192.0.2.0/24']}, 'there': {'addresses': ['10.0.0.0/8']},
                            'bits': {'addresses': ['10.1.2.3/8']}, 'both': {'addresses': ['10.0.0.0/8', '192.0.2.0/24']},
                            'none': {'addresses': []}, 'twice': {'addresses': ['192.0.2.0/24', '192.0.2.1/24']},
                            'null': {'addresses': None}, 'text': {'addresses': 'x'}, 'bad': {'addresses': ['x']}, 'bare': {'addresses': ['192.0.2.1']},
                            'wrapped': {'address_group': {'addresses': ['192.0.2.0/24']}}, 'empty': {}, 'more': {'addresses': ['192.0.2.0/24'], 'x': 1}}.items():
            add(f'ag-{action}-{label}', [ag(addresses=['10.0.0.0/8'])], step('PUT', f'{AG}/{action}_addresses', body), shown)
        add(f'ag-{action}-unknown', [], step('PUT', f'{ADDRESSES}/{NOBODY}/{action}_addresses', {'addresses': []}))
    add('ag-add-shape', [ag()], step('PUT', AG + '/add_addresses', {'addresses': ['10.0.0.0/8']}), ['*'])
    add('ag-other-action', [ag()], step('PUT', AG + '/other', {'addresses': []}))
    add('ag-bulk', [], step('POST', ADDRESSES, {'address_groups': [{'name': '{case}-1'}, {'name': '{case}-2'}]}), ['name'])
    for label, query in {'name': 'name={case}', 'description': 'name={case}&description=', 'shared': 'name={case}&shared=true', 'addresses': 'addresses=x',
                         'sort': 'name={case}&sort_key=description&sort_dir=asc'}.items():
        add(f'ag-list-by-{label}', [ag()], step('GET', f'{ADDRESSES}?{query}'), ['name'])


def of_sharing():
    shown = ['object_type', 'action', 'target_tenant', 'project_id', 'tenant_id']
    one = [group()]
    add('rbac-post-shape', one, share(), ['*'])
    add('rbac-post-values', one, share(), shown)
    add('rbac-get-shape', [*one, share()], step('GET', SHARED + '/{share.id}'), ['*'])
    add('rbac-post-ag', [ag()], share(what='address_group', of='ag'), shown)
    add('rbac-list', [*one, share()], step('GET', SHARED + '?object_id={group.id}'), shown)
    add('rbac-list-type', [*one, share()], step('GET', SHARED + '?object_id={group.id}&object_type=security_group'), shown)
    add('rbac-same', [*one, share()], share())
    add('rbac-everyone', one, share(target_tenant='*'), shown)
    add('rbac-delete', [*one, share()], step('DELETE', SHARED + '/{share.id}'))
    add('rbac-delete-unknown', [], step('DELETE', f'{SHARED}/{NOBODY}'))
    add('rbac-get-unknown', [], step('GET', f'{SHARED}/{NOBODY}'))
    add('rbac-of-deleted', [*one, share(), step('DELETE', G)], step('GET', SHARED + '/{share.id}'))
    add('rbac-shared-shown', [*one, share(target_tenant='*')], step('GET', G), ['shared'])
    add('rbac-not-shown', [*one, share()], step('GET', G), ['shared'])
    add('rbac-shared-listed', [*one, share(target_tenant='*')], step('GET', GROUPS + '?name={case}-group&shared=true'), ['name', 'shared'])
    table('rbac-post', one, lambda a: step('POST', SHARED, {'rbac_policy': plain({
        'object_type': 'security_group', 'object_id': '{group.id}', 'action': 'access_as_shared', 'target_tenant': OTHER} | a)}), {
        'object_type': ['x', None, DROP, 'agent'], 'object_id': [NOBODY, 'x', DROP], 'action': ['access_as_external', 'x', '', DROP],
        'target_tenant': ['x', '', None, DROP, '22222222-2222-2222-2222-222222222222'], 'project_id': [OTHER], 'color': [1], 'id': [NOBODY]}, shown)
    table('rbac-put', [*one, share()], lambda a: step('PUT', SHARED + '/{share.id}', {'rbac_policy': a}), {
        'target_tenant': ['c' * 32, OTHER, '*', 'x'], 'object_id': [NOBODY], 'action': ['x'], 'object_type': ['network']}, shown)
    used = [*one, share(), net(), port(security_groups=['{group.id}'], project_id=OTHER)]
    add('rbac-delete-in-use', used, step('DELETE', SHARED + '/{share.id}'), undo=[step('DELETE', '/ports/{port.id}')])
    add('rbac-put-in-use', used, step('PUT', SHARED + '/{share.id}', {'rbac_policy': {'target_tenant': 'c' * 32}}), undo=[step('DELETE', '/ports/{port.id}')])
    add('rbac-put-in-use-everyone', used, step('PUT', SHARED + '/{share.id}', {'rbac_policy': {'target_tenant': '*'}}), shown,
        undo=[step('DELETE', '/ports/{port.id}')])
    add('rbac-delete-in-use-covered', [*used, share('all', target_tenant='*')], step('DELETE', SHARED + '/{share.id}'),
        undo=[step('DELETE', '/ports/{port.id}')])


def of_ports():
    show = ['security_groups#', 'port_security_enabled']
    two = [group(), group('two'), net()]
    mine = ['{group.id}']

    def make(**attrs):
        return step('POST', '/ports', {'port': {'network_id': '{net.id}'} | attrs})
    off = {'port_security_enabled': False}
    for label, attrs in {'default': {}, 'none': {'security_groups': []}, 'null': {'security_groups': None}, 'one': {'security_groups': mine},
                         'two': {'security_groups': ['{group.id}', '{two.id}']}, 'twice': {'security_groups': mine * 2}, 'off': off,
                         'off-one': off | {'security_groups': mine}, 'off-none': off | {'security_groups': []},
                         'unknown': {'security_groups': [NOBODY]}, 'one-unknown': {'security_groups': [*mine, NOBODY]},
                         'router': {'device_owner': 'network:router_interface', 'security_groups': mine}, 'dhcp': {'device_owner': 'network:dhcp'},
                         'compute': {'device_owner': 'compute:nova'}, 'other-project': {'project_id': OTHER, 'security_groups': mine},
                         'other-default': {'project_id': OTHER}}.items():
        add(f'port-groups-post-{label}', two, make(**attrs), show)
    add('port-groups-post-which', two, make(security_groups=mine), ['security_groups'])
    add('port-groups-get', [*two, port(security_groups=mine)], step('GET', '/ports/{port.id}'), ['security_groups'])
    add('port-groups-mixed', [group(), group('two', stateful=False), net()], make(security_groups=['{group.id}', '{two.id}']))
    add('port-groups-stateless', [group(stateful=False), net()], make(security_groups=mine), show)
    of_net = [group(), net(**off)]
    for label, attrs in {'plain': {}, 'on': {'port_security_enabled': True}, 'groups': {'security_groups': mine}}.items():
        add(f'port-groups-open-net-{label}', of_net, make(**attrs), show)
    have = [*two, port(security_groups=mine)]
    for label, attrs in {'none': {'security_groups': []}, 'null': {'security_groups': None}, 'two': {'security_groups': ['{two.id}']},
                         'both': {'security_groups': ['{group.id}', '{two.id}']}, 'same': {'security_groups': mine}, 'unknown': {'security_groups': [NOBODY]},
                         'off': off, 'off-none': off | {'security_groups': []}, 'off-one': off | {'security_groups': mine}, 'name': {'name': 'x'},
                         'pairs': {'allowed_address_pairs': [{'ip_address': '10.9.0.0/16'}]},
                         'off-pairs': off | {'allowed_address_pairs': [{'ip_address': '10.9.0.0/16'}], 'security_groups': []},
                         'owner': {'device_owner': 'network:dhcp'}}.items():
        add(f'port-groups-put-{label}', have, step('PUT', '/ports/{port.id}', {'port': attrs}), show)
    bare = [*two, port(**off)]
    for label, attrs in {'groups': {'security_groups': mine}, 'on': {'port_security_enabled': True},
                         'on-groups': {'port_security_enabled': True, 'security_groups': mine}, 'none': {'security_groups': []}}.items():
        add(f'port-groups-put-open-{label}', bare, step('PUT', '/ports/{port.id}', {'port': attrs}), show)
    add('port-groups-put-mixed', [*have, group('three', stateful=False)],
        step('PUT', '/ports/{port.id}', {'port': {'security_groups': ['{group.id}', '{three.id}']}}))
    add('port-groups-put-stateless', [*have, group('three', stateful=False)],
        step('PUT', '/ports/{port.id}', {'port': {'security_groups': ['{three.id}']}}), show)
    for label, query in {'one': 'security_groups={group.id}', 'other': 'security_groups={two.id}',
                         'either': 'security_groups={group.id}&security_groups={two.id}', 'unknown': f'security_groups={NOBODY}'}.items():
        add(f'port-groups-list-{label}', [*have, port('second', security_groups=['{two.id}'], name='{case}-2')],
            step('GET', '/ports?network_id={net.id}&' + query), ['name', 'security_groups#'])
    add('port-groups-revision', [*have, step('PUT', '/ports/{port.id}', {'port': {'security_groups': []}})],
        step('GET', '/ports/{port.id}'), ['security_groups#'])


def fill():
    of_groups()
    of_rules()
    of_defaults()
    of_addresses()
    of_sharing()
    of_ports()
