"""Cases of trunks, and of the ports in them."""
from cases import DROP, LONG, NOBODY, add, net, plain, port, slug, step

T = '/trunks/{trunk.id}'
TWO = [net(), port('parent'), port('one'), port('two')]
# Whose MACs are shown.
KNOWN = [net(), port('parent'), port('one', mac_address='fa:16:3e:00:00:01'), port('two', mac_address='fa:16:3e:00:00:02')]


def trunk(*subs, at='trunk', **attrs):
    body = {'port_id': '{parent.id}', 'name': '{case}'} | ({'sub_ports': list(subs)} if subs else {})
    return step('POST', '/trunks', {'trunk': plain(body | attrs)}, **{'as': at})


def vlan(of='one', tag=10, **attrs):
    return plain({'port_id': f'{{{of}.id}}', 'segmentation_type': 'vlan', 'segmentation_id': tag} | attrs)


def act(action, *subs, body=None):
    return step('PUT', f'{T}/{action}_subports', {'sub_ports': list(subs)} if body is None else body)


def change(**attrs):
    return step('PUT', T, {'trunk': attrs})


UP = change(admin_state_up=True)
TAKE = {'undo': [UP]}


def of_trunks():
    show = ['name', 'description', 'admin_state_up', 'status', 'port_id', 'sub_ports', 'project_id', 'tenant_id', 'revision_number', 'tags']
    add('trunk-post-shape', TWO, trunk(vlan()), ['*'])
    add('trunk-post', TWO, trunk(), show)
    add('trunk-post-two', TWO, trunk(vlan(), vlan('two', 11)), show)
    add('trunk-post-values', TWO, trunk(vlan(), description='d'), show)
    add('trunk-get', [*TWO, trunk(vlan())], step('GET', T), show)
    add('trunk-get-unknown', [], step('GET', f'/trunks/{NOBODY}'))
    add('trunk-get-malformed', [], step('GET', '/trunks/x'))
    for attr, values in {'name': [None, '', LONG[256], ' lead', DROP], 'description': [None, LONG[256]], 'admin_state_up': ['x', None, 'true'],
                         'port_id': [None, 'x', '', NOBODY, DROP], 'sub_ports': [None, 'x', {}, [], [1], [{}]], 'status': ['ACTIVE'], 'color': ['red'],
                         'project_id': ['b' * 32, None]}.items():
        for value in values:
            add(f'trunk-post-{attr}-{"absent" if value is DROP else slug(value)}', TWO, trunk(**{attr: value}), show)
    for attr, values in {'name': ['x', None], 'description': ['x', None], 'admin_state_up': [False, 'x'], 'port_id': ['{one.id}'], 'sub_ports': [[]],
                         'status': ['ACTIVE'], 'project_id': ['b' * 32]}.items():
        for value in values:
            add(f'trunk-put-{attr}-{slug(value)}', [*TWO, trunk()], change(**{attr: value}), show, **TAKE)
    add('trunk-put-nothing', [*TWO, trunk()], change(), show)
    add('trunk-put-unknown', [], step('PUT', f'/trunks/{NOBODY}', {'trunk': {'name': 'x'}}))
    add('trunk-put-down-twice', [*TWO, trunk(), change(admin_state_up=False)], change(admin_state_up=False), ['admin_state_up', 'revision_number'], **TAKE)
    add('trunk-delete', [*TWO, trunk(vlan())], step('DELETE', T))
    add('trunk-delete-unknown', [], step('DELETE', f'/trunks/{NOBODY}'))
    add('trunk-delete-down', [*TWO, trunk(), change(admin_state_up=False)], step('DELETE', T), **TAKE)
    add('trunk-delete-frees', [*TWO, trunk(vlan()), step('DELETE', T)], trunk(vlan('parent'), port_id='{one.id}', at='again'), ['sub_ports', 'port_id'])
    add('trunk-bulk', TWO, step('POST', '/trunks', {'trunks': [{'port_id': '{parent.id}'}]}))
    names = '?name={case}-1&name={case}-2'
    lists = [*TWO, trunk(at='first', name='{case}-1'), trunk(at='second', name='{case}-2', port_id='{one.id}', description='d')]
    for label, query in {'all': '', 'port': '&port_id={one.id}', 'status': '&status=DOWN', 'active': '&status=ACTIVE', 'up': '&admin_state_up=true', 'description': '&description=d',
                         'sort': '&sort_key=name&sort_dir=desc', 'sort-sub': '&sort_key=sub_ports&sort_dir=asc', 'limit': '&limit=1&sort_key=name&sort_dir=asc',
                         'fields': '&fields=name', 'bad': '&color=1', 'subs': '&sub_ports=x', 'tags': '&tags=x', 'revision': '&revision_number=0'}.items():
        add(f'trunk-list-{label}', lists, step('GET', f'/trunks{names}{query}'), ['*'] if label == 'fields' else ['name', 'port_id'], ordered=label in ('sort', 'limit'),
            limit=label == 'limit')


def of_subports():
    bad = {'same-port': [vlan(), vlan(tag=11)], 'same-tag': [vlan(), vlan('two')], 'parent': [vlan('parent')], 'unknown': [vlan(port_id=NOBODY)], 'malformed': [vlan(port_id='x')],
           'no-port': [vlan(port_id=DROP)], 'no-type': [vlan(segmentation_type=DROP)], 'no-tag': [vlan(segmentation_id=DROP)], 'bare': [{'port_id': '{one.id}'}],
           'type': [vlan(segmentation_type='vxlan')], 'type-empty': [vlan(segmentation_type='')], 'type-null': [vlan(segmentation_type=None)], 'tag-null': [vlan(segmentation_id=None)],
           'tag-0': [vlan(tag=0)], 'tag-4095': [vlan(tag=4095)], 'tag-4094': [vlan(tag=4094)], 'tag-text': [vlan(tag='12')], 'tag-bad': [vlan(tag='x')], 'tag-negative': [vlan(tag=-1)],
           'extra': [vlan(color='red')], 'inherit': [{'port_id': '{one.id}', 'segmentation_type': 'inherit'}], 'inherit-tag': [vlan(segmentation_type='inherit')],
           'inherit-unknown': [vlan(port_id=NOBODY, segmentation_type='inherit')], 'item': [5], 'none': [], 'second-unknown': [vlan(), vlan(port_id=NOBODY, tag=12)]}
    for label, subs in bad.items():
        if label != 'none':
            add(f'trunk-subs-post-{label}', TWO, trunk(*subs), ['sub_ports'])
        add(f'trunk-subs-add-{label}', [*TWO, trunk()], act('add', *subs), ['sub_ports', 'status', 'revision_number'], bare=True)
    for label, subs in {'one': [{'port_id': '{one.id}'}], 'full': [vlan()], 'other-tag': [vlan(tag=12)], 'not-there': [{'port_id': '{two.id}'}], 'unknown': [{'port_id': NOBODY}],
                        'malformed': [{'port_id': 'x'}], 'none': [], 'twice': [{'port_id': '{one.id}'}] * 2, 'parent': [{'port_id': '{parent.id}'}], 'half': [{'port_id': '{one.id}', 'segmentation_id': 10}]}.items():
        add(f'trunk-subs-remove-{label}', [*TWO, trunk(vlan())], act('remove', *subs), ['sub_ports', 'status', 'revision_number'], bare=True)
    for action in ('add', 'remove'):
        base = [*TWO, trunk(vlan())]
        for label, body in {'empty': {}, 'list': [], 'text': {'sub_ports': 'x'}, 'null': {'sub_ports': None}, 'object': {'sub_ports': {}}}.items():
            add(f'trunk-subs-{action}-body-{label}', base, act(action, body=body), ['sub_ports'], bare=True)
        add(f'trunk-subs-{action}-unknown-trunk', TWO, step('PUT', f'/trunks/{NOBODY}/{action}_subports', {'sub_ports': [vlan()]}))
        add(f'trunk-subs-{action}-down', [*base, change(admin_state_up=False)], act(action, vlan('two', 11) if action == 'add' else vlan()), **TAKE)
        for verb in ('GET', 'POST', 'DELETE'):
            add(f'trunk-subs-{action}-{verb.lower()}', base, step(verb, f'{T}/{action}_subports', {'sub_ports': []} if verb == 'POST' else None))
    add('trunk-subs-add-shape', [*TWO, trunk()], act('add', vlan()), ['*'], bare=True)
    add('trunk-subs-add-more', [*TWO, trunk(vlan())], act('add', vlan('two', 11)), ['sub_ports'], bare=True)
    add('trunk-subs-add-again', [*TWO, trunk(vlan())], act('add', vlan(tag=11)))
    add('trunk-subs-add-tag-taken', [*TWO, trunk(vlan())], act('add', vlan('two', 10)))
    add('trunk-subs-get', [*TWO, trunk(vlan(), vlan('two', 11))], step('GET', f'{T}/get_subports'), ['*'], bare=True)
    add('trunk-subs-get-none', [*TWO, trunk()], step('GET', f'{T}/get_subports'), ['sub_ports'], bare=True)
    add('trunk-subs-get-unknown', [], step('GET', f'/trunks/{NOBODY}/get_subports'))
    add('trunk-subs-get-put', [*TWO, trunk()], step('PUT', f'{T}/get_subports', {'sub_ports': []}))
    add('trunk-subs-strange', [*TWO, trunk()], step('PUT', f'{T}/color', {}))
    add('trunk-get-after-add', [*TWO, trunk(), act('add', vlan(), vlan('two', 11))], step('GET', T), ['sub_ports', 'status', 'revision_number'])
    add('trunk-get-after-remove', [*TWO, trunk(vlan(), vlan('two', 11)), act('remove', vlan())], step('GET', T), ['sub_ports', 'status', 'revision_number'])
    tagged = [net('outer'), net('net', more={'provider:network_type': 'vlan', 'provider:physical_network': 'physnet2', 'provider:segmentation_id': 777}),
              port('parent', network_id='{outer.id}'), port('one')]
    small = [net('outer'), net('net', mtu=1400), port('parent'), port('one', network_id='{outer.id}')]
    inherit = {'port_id': '{one.id}', 'segmentation_type': 'inherit'}
    wide = [net('outer', mtu=1300), net(mtu=1400), port('parent', network_id='{outer.id}'), port('one')]
    add('trunk-inherit', [tagged[0], net('net', mtu=1400, more=tagged[1]['body']['network']), *tagged[2:]], trunk(inherit), ['sub_ports'])
    add('trunk-mtu-above', wide, trunk(vlan()), ['sub_ports'])
    add('trunk-mtu-below', [net('outer', mtu=1400), net(mtu=1300), port('parent', network_id='{outer.id}'), port('one')], trunk(vlan()), ['sub_ports'])
    add('trunk-mtu-above-add', [*wide, trunk()], act('add', vlan()))
    add('trunk-mtu-default', small, trunk(vlan()))


def of_ports():
    add('trunk-parent-twice', [*TWO, trunk()], trunk(at='again'))
    add('trunk-parent-is-sub', [*TWO, trunk(vlan())], trunk(port_id='{one.id}', at='again'))
    add('trunk-sub-is-parent', [*TWO, trunk()], trunk(vlan('parent'), port_id='{one.id}', at='again'))
    add('trunk-sub-twice', [*TWO, trunk(vlan())], trunk(vlan(), port_id='{two.id}', at='again'))
    owned = [net(), port('parent', device_id='d', device_owner='compute:nova'), port('one', device_id='d'), port('two', device_owner='compute:nova')]
    add('trunk-parent-of-instance', owned, trunk(), ['status'])
    add('trunk-sub-of-instance', owned, trunk(vlan()))
    add('trunk-sub-owner-only', owned, trunk(vlan('two')), ['sub_ports'])
    add('trunk-port-shows', [*KNOWN, trunk(vlan(), vlan('two', 11))], step('GET', '/ports/{parent.id}'), ['trunk_details.sub_ports', 'status'])
    add('trunk-port-shows-none', [*KNOWN, trunk()], step('GET', '/ports/{parent.id}'), ['trunk_details.sub_ports'])
    add('trunk-port-shows-sub', [*KNOWN, trunk(vlan())], step('GET', '/ports/{one.id}'), ['trunk_details', 'device_owner', 'device_id', 'status'])
    add('trunk-port-shows-not', KNOWN, step('GET', '/ports/{one.id}'), ['trunk_details'])
    add('trunk-port-list', [*KNOWN, trunk(vlan())], step('GET', '/ports?network_id={net.id}&fields=trunk_details'), ['trunk_details.sub_ports'])
    add('trunk-port-put', [*KNOWN, trunk(vlan())], step('PUT', '/ports/{parent.id}', {'port': {'name': 'x'}}), ['trunk_details.sub_ports', 'name'])
    for at in ('parent', 'one'):
        add(f'trunk-port-delete-{at}', [*TWO, trunk(vlan())], step('DELETE', f'/ports/{{{at}.id}}'))
    add('trunk-port-delete-after', [*TWO, trunk(vlan()), act('remove', vlan())], step('DELETE', '/ports/{one.id}'))
    add('trunk-network-delete', [*TWO, trunk(vlan())], step('DELETE', '/networks/{net.id}'))
    bind = lambda at, host: step('PUT', f'/ports/{{{at}.id}}', {'port': {'binding:host_id': host}})
    free = {'undo': [bind('parent', '')], 'needs': 'agents'}
    add('trunk-bound-parent', [*TWO, bind('parent', 'h1')], trunk(vlan()), **free)
    add('trunk-bound-nowhere', [*TWO, bind('parent', 'h99')], trunk(vlan()), **free)
    add('trunk-bound-sub', [*TWO, bind('one', 'h1')], trunk(vlan()), ['sub_ports', 'status'], **free)
    add('trunk-bound-later', [*TWO, trunk(vlan()), bind('parent', 'h1')], step('GET', T), ['status'], **free)
    add('trunk-bound-later-delete', [*TWO, trunk(vlan()), bind('parent', 'h1')], step('DELETE', T), **free)
    add('trunk-bound-later-add', [*TWO, trunk(), bind('parent', 'h1')], act('add', vlan()), ['sub_ports'], bare=True, **free)
    add('trunk-bound-later-remove', [*TWO, trunk(vlan()), bind('parent', 'h1')], act('remove', vlan()), ['sub_ports', 'status'], bare=True, **free)
    add('trunk-unbound', [*TWO, trunk(vlan()), bind('parent', 'h1'), bind('parent', '')], step('GET', T), ['status'], needs='agents')
    add('trunk-tags', [*TWO, trunk()], step('PUT', f'{T}/tags', {'tags': ['a', 'b']}), ['tags'], bare=True)
    add('trunk-tags-get', [*TWO, trunk(), step('PUT', f'{T}/tags/a')], step('GET', T), ['tags'])
    add('trunk-quota', [], step('GET', '/quotas/' + 'b' * 32 + '/default'), ['trunk'])


def fill():
    of_trunks()
    of_subports()
    of_ports()
