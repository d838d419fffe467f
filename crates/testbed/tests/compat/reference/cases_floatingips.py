"""Cases of floating IPs, their port forwardings, pools, and which L3 agents carry a router."""
from cases import DROP, LONG, NOBODY, add, net, plain, port, slug, step, sub, sub6

EXT = [net('ext', more={'router:external': True}), sub('extsub', network_id='{ext.id}', cidr='192.0.2.0/24')]
MAC = 'fa:16:3e:00:00:01'
INSIDE = [net(), sub(), port(fixed_ips=[{'ip_address': '10.0.0.5'}], name='{case}-p', mac_address=MAC)]
SHOW = ['floating_network_id', 'port_id', 'fixed_ip_address', 'router_id', 'status']
PF = ['external_port', 'internal_port', 'external_port_range', 'internal_port_range', 'protocol', 'internal_port_id',
      'internal_ip_address', 'description']
ADDRESS = '192.0.2.77'


def router(at='router', gateway='ext', *subnets, **attrs):
    body = attrs | ({'external_gateway_info': {'network_id': f'{{{gateway}.id}}'}} if gateway else {})
    return [step('POST', '/routers', {'router': body}, **{'as': at}),
            *(step('PUT', f'/routers/{{{at}.id}}/add_router_interface', {'subnet_id': f'{{{s}.id}}'}) for s in subnets)]


def undo(*pairs, ports=('port',)):
    """in which order things let go of each other"""
    return [*(step('DELETE', f'/ports/{{{p}.id}}') for p in ports),
            *(step('PUT', f'/routers/{{{r}.id}}/remove_router_interface', {'subnet_id': f'{{{s}.id}}'}) for r, s in pairs)]


def fip(at='fip', **attrs):
    return step('POST', '/floatingips', {'floatingip': {'floating_network_id': '{ext.id}'} | attrs}, **{'as': at})


def pf(at='pf', of='fip', **attrs):
    return step('POST', f'/floatingips/{{{of}.id}}/port_forwardings', {'port_forwarding': FORWARD | attrs}, **{'as': at})


FORWARD = {'internal_port_id': '{port.id}', 'internal_ip_address': '10.0.0.5', 'internal_port': 80, 'external_port': 8080,
           'protocol': 'tcp'}
READY = [*EXT, *INSIDE, *router('router', 'ext', 'sub')]
UNDO = undo(('router', 'sub'))
ONE = '/floatingips/{fip.id}'
FORWARDINGS = ONE + '/port_forwardings'


def posts(group, setup, rows, show=SHOW, **more):
    for label, attrs in rows.items():
        add(f'floatingip-post-{group}-{label}', setup,
            step('POST', '/floatingips', {'floatingip': plain({'floating_network_id': '{ext.id}'} | attrs)}),
            [*dict.fromkeys([*show, *(a for a in plain(attrs) if a not in ('subnet_id',))])], **more)


def puts(group, setup, rows, show=SHOW, at='fip', **more):
    for label, attrs in rows.items():
        add(f'floatingip-put-{group}-{label}', setup, step('PUT', f'/floatingips/{{{at}.id}}', {'floatingip': attrs}),
            [*dict.fromkeys([*show, *attrs])], **more)


def forwards(group, setup, rows, show=PF, **more):
    for label, attrs in rows.items():
        add(f'forwarding-post-{group}-{label}', setup,
            step('POST', FORWARDINGS, {'port_forwarding': plain(FORWARD | attrs)}), show, **({'undo': UNDO} | more))


def reforwards(group, setup, rows, show=PF, **more):
    for label, attrs in rows.items():
        add(f'forwarding-put-{group}-{label}', setup,
            step('PUT', FORWARDINGS + '/{pf.id}', {'port_forwarding': attrs}), show, **({'undo': UNDO} | more))


def plain_fips():
    exact = [fip(floating_ip_address=ADDRESS)]
    add('floatingip-post-shape', EXT, fip(), ['*'])
    add('floatingip-get-shape', [*EXT, fip()], step('GET', ONE), ['*'])
    add('floatingip-put-shape', [*EXT, fip()], step('PUT', ONE, {'floatingip': {'description': 'x'}}), ['*'])
    add('floatingip-list-shape', [*EXT, fip()], step('GET', '/floatingips?floating_network_id={ext.id}'), ['*'])
    add('floatingip-get-values', [*EXT, *exact], step('GET', ONE), [*SHOW, 'floating_ip_address', 'description', 'dns_name',
        'dns_domain', 'tags', 'port_details', 'port_forwardings', 'qos_policy_id', 'revision_number', 'project_id', 'tenant_id'])
    add('floatingip-post-values', EXT, exact[0], [*SHOW, 'floating_ip_address', 'description', 'dns_name', 'dns_domain', 'tags',
        'port_details', 'port_forwardings', 'qos_policy_id', 'revision_number', 'project_id'])
    add('floatingip-port', [*EXT, *exact], step('GET', '/ports?device_id={fip.id}'), ['device_owner', 'project_id', 'status',
        'name', 'network_id', 'fixed_ips', 'security_groups', 'port_security_enabled', 'binding:vif_type', 'binding:host_id',
        'admin_state_up', 'description'])
    add('floatingip-port-delete', [*EXT, fip(), step('GET', '/ports?device_id={fip.id}', **{'as': 'own'})],
        step('DELETE', '/ports/{own.id}'))
    add('floatingip-port-update', [*EXT, fip(), step('GET', '/ports?device_id={fip.id}', **{'as': 'own'})],
        step('PUT', '/ports/{own.id}', {'port': {'name': 'mine'}}), ['name'])
    add('floatingip-port-gone', [*EXT, fip(), step('DELETE', ONE)], step('GET', '/ports?network_id={ext.id}'), ['status'])
    add('floatingip-network-delete', [*EXT, fip()], step('DELETE', '/networks/{ext.id}'))
    add('floatingip-subnet-delete', [*EXT, fip()], step('DELETE', '/subnets/{extsub.id}'))
    add('floatingip-network-internal', [*EXT, fip()],
        step('PUT', '/networks/{ext.id}', {'network': {'router:external': False}}), ['router:external'])
    add('floatingip-delete', [*EXT, fip()], step('DELETE', ONE))
    add('floatingip-delete-twice', [*EXT, fip(), step('DELETE', ONE)], step('DELETE', ONE))
    add('floatingip-delete-body', [*EXT, fip()], step('DELETE', ONE, {'floatingip': {}}))
    for verb in ('GET', 'PUT', 'DELETE'):
        for label, bad in {'unknown': NOBODY, 'malformed': 'no-such'}.items():
            add(f'floatingip-{verb.lower()}-id-{label}', [], step(verb, f'/floatingips/{bad}',
                {'floatingip': {}} if verb == 'PUT' else None))
    for label, raw in {'notjson': '{', 'empty': '', 'wrongkey': '{"thing": {}}', 'null': '{"floatingip": null}', 'list': '[]',
                       'empty-inner': '{"floatingip": {}}', 'inner-list': '{"floatingip": []}',
                       'plural': '{"floatingips": []}', 'bulk': '{"floatingips": [{"floating_network_id": "%s"}]}' % NOBODY}.items():
        add(f'floatingip-body-post-{label}', [], step('POST', '/floatingips', raw=raw))
        if label not in ('plural', 'bulk'):
            add(f'floatingip-body-put-{label}', [*EXT, fip()], step('PUT', ONE, raw=raw), ['status'])
    add('floatingip-bulk', EXT, step('POST', '/floatingips', {'floatingips': [{'floating_network_id': '{ext.id}'}] * 2}), SHOW)
    add('floatingip-patch', [*EXT, fip()], step('PATCH', ONE, {'floatingip': {}}))
    add('floatingip-post-member', [*EXT, fip()], step('POST', ONE, {'floatingip': {}}))
    add('floatingip-put-collection', [], step('PUT', '/floatingips', {'floatingip': {}}))
    add('floatingip-delete-collection', [], step('DELETE', '/floatingips'))
    for attr, some in {'description': ['', LONG[255], LONG[256], None, 5], 'dns_name': ['', 'a', 'a.b', '-', None],
                       'dns_domain': ['', 'a.', 'nodot', None], 'qos_policy_id': [None, NOBODY, 'x'],
                       'floating_ip_address': ['192.0.2.9', '192.0.2.1', '192.0.2.0', '10.9.9.9', 'x', '', '2001:db8::1',
                                               '192.0.2.255'],
                       'subnet_id': ['{extsub.id}', NOBODY, 'x', None], 'floating_network_id': ['x', None, NOBODY, DROP],
                       'port_id': ['x', NOBODY, None, ''], 'fixed_ip_address': ['10.0.0.5', 'x', None, ''],
                       'router_id': [None, 'x', NOBODY], 'status': ['ACTIVE'], 'floating_port_id': [NOBODY], 'color': [1],
                       'tags': [['a'], None], 'name': ['x'], 'id': [NOBODY], 'port_details': [None], 'port_forwardings': [[]],
                       'project_id': ['b' * 32, '', None, 7], 'tenant_id': ['b' * 32]}.items():
        rows = {f'{attr}-{"absent" if v is DROP else "pool" if v == "{extsub.id}" else slug(v)}': {attr: v} for v in some}
        hide = {'id', 'subnet_id', 'color'}
        posts('attr', EXT, rows, [s for s in SHOW if s != 'x'])
        for label, attrs in rows.items():
            if next(iter(attrs.values())) is not DROP and attr not in hide:
                puts('attr', [*EXT, fip()], {label: attrs})
    posts('attr', EXT, {'differ': {'project_id': 'b' * 32, 'tenant_id': 'c' * 32}})
    posts('taken', [*EXT, fip(floating_ip_address='192.0.2.9')], {'address': {'floating_ip_address': '192.0.2.9'}})
    other = sub('extsub2', network_id='{ext.id}', cidr='198.51.100.0/30')
    posts('pool', [*EXT, other], {'second': ({'subnet_id': '{extsub2.id}', 'floating_ip_address': '198.51.100.2'}),
        'wrong': {'subnet_id': '{extsub2.id}', 'floating_ip_address': '192.0.2.9'}, 'auto': {'subnet_id': '{extsub2.id}'}})
    posts('pool', [*EXT, other, fip(subnet_id='{extsub2.id}')], {'full': {'subnet_id': '{extsub2.id}'}})
    one = [net('ext', more={'router:external': True}), sub('extsub', network_id='{ext.id}', cidr='192.0.2.0/30')]
    posts('last', one, {'takes': {}}, [*SHOW, 'floating_ip_address'])
    posts('last', [*one, fip()], {'none': {}})
    posts('network', [net('ext')], {'internal': {}})
    posts('network', [net('ext'), sub('extsub', network_id='{ext.id}')], {'internal-subnet': {}})
    posts('network', [net('ext', more={'router:external': True})], {'no-subnet': {}})
    posts('network', [net('ext', more={'router:external': True}), sub6('s6', network_id='{ext.id}')], {'only-v6': {}})
    posts('network', [*EXT, sub6('s6', network_id='{ext.id}')], {'dual': {}, 'v6-pool': {'subnet_id': '{s6.id}'}})
    posts('network', [*EXT, net('far'), sub('farsub', network_id='{far.id}')], {'far-pool': {'subnet_id': '{farsub.id}'}})
    add('floatingip-dual-port', [*EXT, sub6('s6', network_id='{ext.id}', mode=None), fip()],
        step('GET', '/ports?device_id={fip.id}'), ['fixed_ips#'])
    for label, tag in {'good': 'revision_number={fip.revision_number}', 'stale': 'revision_number=77'}.items():
        add(f'floatingip-if-match-put-{label}', [*EXT, fip()], step('PUT', ONE, {'floatingip': {'description': 'x'}},
            headers={'If-Match': tag}), ['description'])
        add(f'floatingip-if-match-delete-{label}', [*EXT, fip()], step('DELETE', ONE, headers={'If-Match': tag}))
    rev = ['revision_number']
    add('floatingip-revision-created', [*EXT, fip()], step('GET', ONE), rev)
    add('floatingip-revision-noop', [*EXT, fip(), step('PUT', ONE, {'floatingip': {}})], step('GET', ONE), rev)
    add('floatingip-revision-description', [*EXT, fip(), step('PUT', ONE, {'floatingip': {'description': 'x'}})],
        step('GET', ONE), rev)
    add('floatingip-quota-default', [], step('GET', '/quotas/' + 'c' * 32), ['floatingip'])


def lists():
    three = [fip(c, floating_ip_address=f'192.0.2.{n}', description='{case}-' + d)
             for c, n, d in (('a', 11, 'x'), ('b', 12, 'y'), ('c', 13, 'x'))]
    up, down = '&sort_key=floating_ip_address&sort_dir=asc', '&sort_key=floating_ip_address&sort_dir=desc'
    for label, query in {'all': '', 'id': '&id={a.id}', 'id-two': '&id={a.id}&id={c.id}', 'id-unknown': '&id=' + NOBODY,
            'address': '&floating_ip_address=192.0.2.12', 'address-bad': '&floating_ip_address=zz', 'address-empty': '&floating_ip_address=',
            'description': '&description={case}-x', 'status-down': '&status=DOWN', 'status-active': '&status=ACTIVE',
            'project': '&project_id=' + 'a' * 32, 'project-other': '&project_id=' + 'b' * 32, 'tenant': '&tenant_id=' + 'a' * 32,
            'router-none': '&router_id=' + NOBODY, 'port-none': '&port_id=' + NOBODY, 'router-empty': '&router_id=',
            'port-empty': '&port_id=', 'fixed-none': '&fixed_ip_address=10.0.0.5', 'revision': '&revision_number=0', 'tags': '&tags=x',
            'not-tags': '&not-tags=x', 'sort': up, 'sort-desc': down, 'sort-id': '&sort_key=id&sort_dir=asc&fields=status',
            'sort-status': '&sort_key=status&sort_dir=asc' + up, 'sort-router': '&sort_key=router_id&sort_dir=asc' + up,
            'sort-fixed': '&sort_key=fixed_ip_address&sort_dir=asc' + up, 'sort-project': '&sort_key=project_id&sort_dir=asc' + up,
            'sort-net': '&sort_key=floating_network_id&sort_dir=asc' + up, 'sort-port': '&sort_key=port_id&sort_dir=asc',
            'sort-description': '&sort_key=description&sort_dir=asc', 'sort-dns': '&sort_key=dns_name&sort_dir=asc',
            'limit': '&limit=2' + up, 'limit-zero': '&limit=0' + up, 'limit-bad': '&limit=x', 'marker': '&limit=2&marker={a.id}' + up,
            'marker-end': '&limit=2&marker={b.id}' + up, 'marker-past': '&limit=2&marker={c.id}' + up,
            'reverse': '&limit=2&marker={c.id}&page_reverse=True' + up,
            'marker-desc': '&limit=1&marker={c.id}' + down,
            'unknown': '&color=red', 'dns': '&dns_name=a', 'subnet': '&subnet_id=' + NOBODY, 'qos': '&qos_policy_id=' + NOBODY,
            'forwardings': '&port_forwardings=x', 'details': '&port_details=x'}.items():
        add(f'floatingip-list-{label}', [*EXT, *three], step('GET', '/floatingips?floating_network_id={ext.id}' + query),
            ['*'] if 'fields' in query else ['floating_ip_address'],
            **({'ordered': True} if 'sort_key' in query else {}), **({'limit': True} if 'limit' in query else {}))
    add('floatingip-list-fields', [*EXT, *three], step('GET', '/floatingips?floating_network_id={ext.id}&fields=status&fields=port_id'), ['*'])
    add('floatingip-get-fields', [*EXT, *three], step('GET', '/floatingips/{a.id}?fields=status&fields=port_details'), ['*'])
    tied = [*READY, fip('a', floating_ip_address='192.0.2.11', port_id='{port.id}'), fip('b', floating_ip_address='192.0.2.12')]
    for label, query in {'port': 'port_id={port.id}', 'router': 'router_id={router.id}', 'fixed': 'fixed_ip_address=10.0.0.5',
            'sort-fixed': 'sort_key=fixed_ip_address&sort_dir=asc', 'sort-router-desc': 'sort_key=router_id&sort_dir=desc',
            'router-marker': 'sort_key=router_id&sort_dir=desc&limit=1&marker={a.id}'}.items():
        add(f'floatingip-list-tied-{label}', tied, step('GET', f'/floatingips?floating_network_id={{ext.id}}&{query}'),
            ['floating_ip_address', 'fixed_ip_address', 'port_id', 'router_id'], undo=UNDO,
            **({'ordered': True} if 'sort_key' in query else {}))


def association():
    full = [*SHOW, 'port_details', 'revision_number']
    posts('port', READY, {'only': {'port_id': '{port.id}'}, 'fixed': {'port_id': '{port.id}', 'fixed_ip_address': '10.0.0.5'},
        'other-fixed': {'port_id': '{port.id}', 'fixed_ip_address': '10.0.0.6'},
        'v6-fixed': {'port_id': '{port.id}', 'fixed_ip_address': '2001:db8::5'},
        'router': {'port_id': '{port.id}', 'router_id': '{router.id}'}, 'router-alone': {'router_id': '{router.id}'},
        'router-unknown': {'port_id': '{port.id}', 'router_id': NOBODY}}, full, undo=UNDO)
    two = router('other', None)
    posts('port', [*READY, *two], {'router-nogw': {'port_id': '{port.id}', 'router_id': '{other.id}'}}, full, undo=UNDO)
    gateway = router('other', 'ext')
    posts('port', [*READY, *gateway], {'router-elsewhere': {'port_id': '{port.id}', 'router_id': '{other.id}'}}, full, undo=UNDO)
    posts('port', [*EXT, *INSIDE], {'no-router': {'port_id': '{port.id}'}})
    posts('port', [*EXT, *INSIDE, *router('router', None, 'sub')], {'no-gateway': {'port_id': '{port.id}'}}, undo=UNDO)
    posts('port', [*EXT, *INSIDE, *router('router', 'ext')], {'no-interface': {'port_id': '{port.id}'}})
    ext2 = [net('ext2', more={'router:external': True}), sub('ext2sub', network_id='{ext2.id}', cidr='198.51.100.0/24')]
    posts('port', [*EXT, *ext2, *INSIDE, *router('router', 'ext2', 'sub')], {'other-gateway': {'port_id': '{port.id}'}}, undo=UNDO)
    posts('port', [*EXT, net(), sub(), port(fixed_ips=[]), *router('router', 'ext', 'sub')], {'no-address': {'port_id': '{port.id}'}}, undo=UNDO)
    v6 = [*EXT, net(), sub6(), port(), *router('router', 'ext', 'sub6')]
    posts('port', v6, {'only-v6': {'port_id': '{port.id}'}}, undo=undo(('router', 'sub6')))
    dual = [*EXT, net(), sub(), sub6(mode='slaac'), port(fixed_ips=[{'ip_address': '10.0.0.5'}]), *router('router', 'ext', 'sub')]
    posts('port', dual, {'dual': {'port_id': '{port.id}'}}, undo=UNDO)
    many = [*EXT, net(), sub(), port(fixed_ips=[{'ip_address': '10.0.0.5'}, {'ip_address': '10.0.0.6'}]), *router('router', 'ext', 'sub')]
    posts('port', many, {'two-addresses': {'port_id': '{port.id}'},
        'two-first': {'port_id': '{port.id}', 'fixed_ip_address': '10.0.0.5'}}, undo=UNDO)
    posts('port', [*many, fip('first', port_id='{port.id}', fixed_ip_address='10.0.0.5')], {
        'two-second': {'port_id': '{port.id}', 'fixed_ip_address': '10.0.0.6'},
        'two-again': {'port_id': '{port.id}', 'fixed_ip_address': '10.0.0.5'}}, undo=UNDO)
    tied = [*READY, fip(port_id='{port.id}')]
    posts('port', tied, {'taken': {'port_id': '{port.id}'}}, undo=UNDO)
    for owner in ('network:dhcp', 'network:router_interface', 'compute:nova', 'neutron:LOADBALANCERV2', 'Octavia', 'network:nova'):
        posts('owner', [*EXT, net(), sub(), port(device_owner=owner), *router('router', 'ext', 'sub')],
              {owner.replace(':', '-'): {'port_id': '{port.id}'}}, [s for s in SHOW if s != 'fixed_ip_address'], undo=UNDO)
    legs = [port('leg', fixed_ips=[{'ip_address': '10.0.0.9'}]), *router('second', 'ext2'),
            step('PUT', '/routers/{second.id}/add_router_interface', {'port_id': '{leg.id}'})]
    both = [*READY, *ext2, *legs]
    more = [*UNDO, step('PUT', '/routers/{second.id}/remove_router_interface', {'port_id': '{leg.id}'})]
    posts('both', both, {'first': {'port_id': '{port.id}'}, 'second': {'port_id': '{port.id}', 'floating_network_id': '{ext2.id}'}},
          [*SHOW, 'router_id'], undo=more)
    posts('both', [*both, fip(port_id='{port.id}')], {'other-network': {'port_id': '{port.id}', 'floating_network_id': '{ext2.id}'}}, undo=more)
    add('floatingip-get-tied', tied, step('GET', ONE), [*full, 'port_forwardings'], undo=UNDO)
    more = [port('port2', fixed_ips=[{'ip_address': '10.0.0.6'}], mac_address='fa:16:3e:00:00:02')]
    far = [net('far'), sub('farsub', network_id='{far.id}', cidr='10.7.0.0/24'),
           port('farport', network_id='{far.id}', fixed_ips=[{'ip_address': '10.7.0.5'}])]
    out = undo(('router', 'sub'), ports=('port', 'port2'))
    puts('free', [*READY, fip()], {'nothing': {}, 'port': {'port_id': '{port.id}'}, 'null': {'port_id': None},
        'fixed-alone': {'fixed_ip_address': '10.0.0.5'}, 'both': {'port_id': '{port.id}', 'fixed_ip_address': '10.0.0.5'},
        'bad-fixed': {'port_id': '{port.id}', 'fixed_ip_address': '10.0.0.99'}, 'unknown': {'port_id': NOBODY},
        'router': {'router_id': '{router.id}'}, 'router-port': {'port_id': '{port.id}', 'router_id': '{router.id}'},
        'router-null': {'router_id': None}}, full, undo=UNDO)
    puts('tied', [*tied, *more], {'nothing': {}, 'description': {'description': 'x'}, 'null': {'port_id': None},
        'same': {'port_id': '{port.id}'}, 'fixed-null': {'fixed_ip_address': None},
        'fixed-other': {'fixed_ip_address': '10.0.0.6'}, 'fixed-same': {'fixed_ip_address': '10.0.0.5'},
        'null-fixed': {'port_id': None, 'fixed_ip_address': '10.0.0.5'}, 'null-both': {'port_id': None, 'fixed_ip_address': None},
        'router-null': {'router_id': None}, 'port-router-null': {'port_id': '{port.id}', 'router_id': None}}, full, undo=out)
    puts('tied', [*tied, *more], {'move': {'port_id': '{port2.id}'}}, [*SHOW, 'revision_number'], undo=out)
    puts('tied', [*tied, *far], {'unreachable': {'port_id': '{farport.id}'}}, undo=UNDO)
    puts('tied', [*tied, *more, fip('fip2', port_id='{port2.id}')], {'taken': {'port_id': '{port2.id}'}}, undo=out)
    puts('two', [*many, fip(port_id='{port.id}', fixed_ip_address='10.0.0.5')], {
        'other-address': {'port_id': '{port.id}', 'fixed_ip_address': '10.0.0.6'}, 'no-address': {'port_id': '{port.id}'},
        'nothing': {}, 'description': {'description': 'x'}, 'address-alone': {'fixed_ip_address': '10.0.0.6'}}, undo=UNDO)
    puts('two', [*many, fip(port_id='{port.id}', fixed_ip_address='10.0.0.5'), fip('fip2', port_id='{port.id}', fixed_ip_address='10.0.0.6')],
         {'swap': {'port_id': '{port.id}', 'fixed_ip_address': '10.0.0.6'}}, undo=UNDO)
    add('floatingip-untied', [*tied, step('PUT', ONE, {'floatingip': {'port_id': None}})], step('GET', ONE), full, undo=UNDO)
    add('floatingip-retied', [*tied, step('PUT', ONE, {'floatingip': {'port_id': None}})],
        step('PUT', ONE, {'floatingip': {'port_id': '{port.id}'}}), full, undo=UNDO)
    add('floatingip-tied-delete', tied, step('DELETE', ONE), undo=UNDO)
    add('floatingip-tied-port-delete', tied, step('DELETE', '/ports/{port.id}'), undo=UNDO)
    add('floatingip-port-deleted', [*tied, step('DELETE', '/ports/{port.id}')], step('GET', ONE), full, undo=UNDO)
    add('floatingip-network-deleted', [*tied, step('DELETE', '/networks/{net.id}', fails=True)], step('GET', ONE), SHOW, undo=UNDO)
    for label, ips in {'empty': [], 'other': [{'ip_address': '10.0.0.6'}], 'more': [{'ip_address': '10.0.0.5'}, {'ip_address': '10.0.0.6'}],
                       'same': [{'ip_address': '10.0.0.5'}], 'subnet': [{'subnet_id': '{sub.id}'}]}.items():
        change = step('PUT', '/ports/{port.id}', {'port': {'fixed_ips': ips}})
        add(f'floatingip-port-ips-{label}', tied, change, ['fixed_ips.ip_address'], undo=UNDO)
        bad = {'fails': True} if label in ('empty', 'other') else {}
        if label != 'subnet':
            add(f'floatingip-port-ips-{label}-after', [*tied, change | bad], step('GET', ONE), SHOW, undo=UNDO)
    add('floatingip-port-renamed', [*tied, step('PUT', '/ports/{port.id}', {'port': {'name': 'other', 'device_id': 'd',
        'device_owner': 'compute:x', 'admin_state_up': False}})], step('GET', ONE), full, undo=UNDO)
    add('floatingip-gateway-clear', tied, step('PUT', '/routers/{router.id}', {'router': {'external_gateway_info': {}}}),
        ['status'], undo=UNDO)
    add('floatingip-gateway-move', [*tied, *ext2], step('PUT', '/routers/{router.id}',
        {'router': {'external_gateway_info': {'network_id': '{ext2.id}'}}}), ['status'], undo=UNDO)
    add('floatingip-interface-remove', tied, step('PUT', '/routers/{router.id}/remove_router_interface',
        {'subnet_id': '{sub.id}'}), ['subnet_id'], undo=UNDO)
    add('floatingip-router-delete', tied, step('DELETE', '/routers/{router.id}'), undo=UNDO)
    add('floatingip-subnet-tied-delete', tied, step('DELETE', '/subnets/{sub.id}'), undo=UNDO)
    dvr = [*EXT, net(), sub(), port(more={'binding:vnic_type': 'direct'}), *router('router', 'ext', 'sub', distributed=True)]
    posts('dvr', dvr, {'direct': {'port_id': '{port.id}'}}, [s for s in SHOW if s != 'fixed_ip_address'], undo=UNDO)
    dvr = [*EXT, *INSIDE, *router('router', 'ext', 'sub', distributed=True)]
    posts('dvr', dvr, {'port': {'port_id': '{port.id}'}}, undo=UNDO)
    add('floatingip-post-dvr-forwarded', [*dvr, fip(), pf()], fip('fip2', port_id='{port.id}'), SHOW, undo=UNDO)


def forwardings():
    ready, made = [*READY, fip()], [*READY, fip(), pf()]
    add('forwarding-post-shape', ready, pf(), ['*'], undo=UNDO)
    add('forwarding-get-shape', made, step('GET', FORWARDINGS + '/{pf.id}'), ['*'], undo=UNDO)
    add('forwarding-list-shape', made, step('GET', FORWARDINGS), ['*'], undo=UNDO)
    add('forwarding-put-shape', made, step('PUT', FORWARDINGS + '/{pf.id}', {'port_forwarding': {'description': 'x'}}), ['*'], undo=UNDO)
    add('forwarding-get-values', made, step('GET', FORWARDINGS + '/{pf.id}'), PF, undo=UNDO)
    add('forwarding-delete', made, step('DELETE', FORWARDINGS + '/{pf.id}'), undo=UNDO)
    add('forwarding-delete-twice', [*made, step('DELETE', FORWARDINGS + '/{pf.id}')], step('DELETE', FORWARDINGS + '/{pf.id}'), undo=UNDO)
    add('forwarding-delete-last', [*made, step('DELETE', FORWARDINGS + '/{pf.id}')], step('GET', ONE), [*SHOW, 'port_forwardings'], undo=UNDO)
    add('forwarding-delete-one', [*made, pf('pf2', internal_port=81, external_port=8081), step('DELETE', FORWARDINGS + '/{pf.id}')],
        step('GET', ONE), [*SHOW, 'port_forwardings#'], undo=UNDO)
    add('forwarding-fip', made, step('GET', ONE), [*SHOW, 'port_details', 'port_forwardings', 'revision_number'], undo=UNDO)
    wide = {'internal_port': DROP, 'external_port': DROP, 'internal_port_range': '80:89', 'external_port_range': '8080:8089'}
    ranged = plain(FORWARD | wide)
    add('forwarding-fip-range', [*ready, step('POST', FORWARDINGS, {'port_forwarding': ranged}, **{'as': 'pf'})], step('GET', ONE),
        ['port_forwardings'], undo=UNDO)
    made_ranged = [*ready, step('POST', FORWARDINGS, {'port_forwarding': ranged}, **{'as': 'pf'})]
    add('forwarding-get-range', made_ranged, step('GET', FORWARDINGS + '/{pf.id}'), PF, undo=UNDO)
    add('forwarding-list-of-range', made_ranged, step('GET', FORWARDINGS), PF, undo=UNDO)
    add('forwarding-get-range-keys', made_ranged, step('GET', FORWARDINGS + '/{pf.id}'), ['*'], undo=UNDO)
    # A forwarding without ports cannot be looked at: making one fails in the reference.
    icmp = plain(FORWARD | {'internal_port': DROP, 'external_port': DROP, 'protocol': 'icmp'})
    for label, body in {'range': ranged, 'icmp': icmp}.items():
        add(f'forwarding-post-{label}-keys', ready, step('POST', FORWARDINGS, {'port_forwarding': body}), ['*'], undo=UNDO)
    for verb in ('GET', 'PUT', 'DELETE'):
        body = {'port_forwarding': {}} if verb == 'PUT' else None
        for label, bad in {'unknown': NOBODY, 'malformed': 'no-such'}.items():
            add(f'forwarding-{verb.lower()}-id-{label}', [*EXT, fip()], step(verb, f'{FORWARDINGS}/{bad}', body))
            add(f'forwarding-{verb.lower()}-fip-{label}', [], step(verb, f'/floatingips/{bad}/port_forwardings/{NOBODY}', body))
        add(f'forwarding-{verb.lower()}-other-fip', [*made, fip('fip2')], step(verb, '/floatingips/{fip2.id}/port_forwardings/{pf.id}', body),
            ['protocol'], undo=UNDO)
    add('forwarding-list-fip-unknown', [], step('GET', f'/floatingips/{NOBODY}/port_forwardings'))
    add('forwarding-post-fip-unknown', [*READY], step('POST', f'/floatingips/{NOBODY}/port_forwardings', {'port_forwarding': FORWARD}), undo=UNDO)
    add('forwarding-list-empty', [*EXT, fip()], step('GET', FORWARDINGS), ['*'])
    add('forwarding-top', [], step('GET', '/port_forwardings'))
    add('forwarding-below', made, step('GET', FORWARDINGS + '/{pf.id}/nosuch'), undo=UNDO)
    add('forwarding-nosuch', made, step('GET', ONE + '/nosuch'), undo=UNDO)
    add('forwarding-patch', made, step('PATCH', FORWARDINGS + '/{pf.id}', {'port_forwarding': {}}), undo=UNDO)
    add('forwarding-post-member', made, step('POST', FORWARDINGS + '/{pf.id}', {'port_forwarding': {}}), undo=UNDO)
    add('forwarding-put-collection', [*EXT, fip()], step('PUT', FORWARDINGS, {'port_forwarding': {}}))
    add('forwarding-delete-collection', [*EXT, fip()], step('DELETE', FORWARDINGS))
    for label, raw in {'notjson': '{', 'empty': '', 'wrongkey': '{"thing": {}}', 'null': '{"port_forwarding": null}',
                       'empty-inner': '{"port_forwarding": {}}', 'plural-empty': '{"port_forwardings": []}'}.items():
        add(f'forwarding-body-post-{label}', [*EXT, fip()], step('POST', FORWARDINGS, raw=raw))
    add('forwarding-bulk', ready, step('POST', FORWARDINGS, {'port_forwardings': [FORWARD, FORWARD | {'internal_port': 81,
        'external_port': 8081}]}), PF, undo=UNDO)
    add('forwarding-bulk-clash', ready, step('POST', FORWARDINGS, {'port_forwardings': [FORWARD, FORWARD]}), PF, undo=UNDO)
    for attr, some in {'protocol': ['udp', 'TCP', 'sctp', 'dccp', 'icmp', 'ipv6-icmp', '6', 6, 'x', None, DROP, ''],
                       'internal_port': [1, 65535, 0, 65536, '80', 'x', None, DROP, -1, True],
                       'external_port': [1, 65535, 0, 65536, '80', 'x', None, DROP],
                       'internal_ip_address': ['10.0.0.6', 'x', None, DROP, '2001:db8::5', '10.0.0.5/32'],
                       'internal_port_id': ['x', NOBODY, None, DROP], 'description': [LONG[255], LONG[256], None, 5],
                       'project_id': ['b' * 32], 'floatingip_id': [NOBODY], 'id': [NOBODY], 'color': [1], 'router_id': [NOBODY],
                       'name': ['x'], 'internal_port_range': ['80:80', '80:89'], 'external_port_range': ['8080:8080', '8080:8089']}.items():
        for v in some:
            label = 'absent' if v is DROP else slug(v)
            forwards(attr, ready, {label: {attr: v}})
            if v is not DROP and attr != 'id':
                reforwards(attr, made, {label: {attr: v}})
    no = {'internal_port': DROP, 'external_port': DROP}
    forwards('range', ready, {'n-n': no | {'internal_port_range': '80:89', 'external_port_range': '8080:8089'},
        'one': no | {'internal_port_range': '80:80', 'external_port_range': '8080:8080'},
        'bare': no | {'internal_port_range': '80', 'external_port_range': '8080'},
        'number': no | {'internal_port_range': 80, 'external_port_range': 8080},
        'one-n': no | {'internal_port_range': '80:80', 'external_port_range': '8080:8089'},
        'n-one': no | {'internal_port_range': '80:89', 'external_port_range': '8080:8080'},
        'unequal': no | {'internal_port_range': '80:89', 'external_port_range': '8080:8083'},
        'reverse': no | {'internal_port_range': '89:80', 'external_port_range': '8089:8080'},
        'three': no | {'internal_port_range': '1:2:3', 'external_port_range': '1:3'},
        'zero': no | {'internal_port_range': '0:9', 'external_port_range': '1:10'},
        'high': no | {'internal_port_range': '65530:65539', 'external_port_range': '1:10'},
        'text': no | {'internal_port_range': 'a:b', 'external_port_range': '1:2'},
        'empty': no | {'internal_port_range': '', 'external_port_range': '1:2'},
        'only-external': no | {'external_port_range': '1:2'}, 'only-internal': no | {'internal_port_range': '1:2'},
        'none': no, 'none-udp': no | {'protocol': 'udp'}, 'icmp': no | {'protocol': 'icmp'}, 'null': no | {'internal_port_range': None,
        'external_port_range': None}, 'both': {'internal_port_range': '81:81', 'external_port_range': '8081:8081'},
        'icmp-ports': {'protocol': 'icmp'}, 'list': no | {'internal_port_range': ['80:80'], 'external_port_range': '1:1'}})
    port2 = port('port2', fixed_ips=[{'ip_address': '10.0.0.6'}])
    out = undo(('router', 'sub'), ports=('port', 'port2'))
    forwards('clash', made, {'same': {}, 'external': {'internal_port': 81}, 'internal': {'external_port': 8081},
        'udp': {'protocol': 'udp'}, 'free': {'internal_port': 81, 'external_port': 8081},
        'in-range': no | {'internal_port_range': '90:94', 'external_port_range': '8079:8083'},
        'in-inner': no | {'internal_port_range': '79:83', 'external_port_range': '9000:9004'},
        'icmp': no | {'protocol': 'icmp'}})
    forwards('clash', [*made, port2], {'other-port': {'internal_port_id': '{port2.id}', 'internal_ip_address': '10.0.0.6'},
        'other-port-free': {'internal_port_id': '{port2.id}', 'internal_ip_address': '10.0.0.6', 'external_port': 8081}}, undo=out)
    second = [*READY, fip('first'), pf(of='first'), fip()]
    forwards('second', second, {'same': {}, 'other-external': {'external_port': 9090}, 'other-internal': {'internal_port': 81}})
    forwards('port', [*EXT, *INSIDE, fip()], {'no-router': {}}, undo=undo())
    forwards('port', [*EXT, *INSIDE, *router('router', None, 'sub'), fip()], {'no-gateway': {}})
    forwards('port', [*EXT, net(), sub(), port(fixed_ips=[]), *router('router', 'ext', 'sub'), fip()], {'no-address': {}})
    forwards('port', [*READY, port2, fip(), fip('fip2', port_id='{port.id}')], {'has-fip': {},
        'other-has-fip': {'internal_port_id': '{port2.id}', 'internal_ip_address': '10.0.0.6'}}, undo=out)
    forwards('fip', [*READY, port2, fip(port_id='{port.id}')], {'tied': {}, 'tied-other': {'internal_port_id': '{port2.id}',
        'internal_ip_address': '10.0.0.6'}}, undo=out)
    puts('forwarding', [*made, port2], {'port': {'port_id': '{port.id}'}, 'port2': {'port_id': '{port2.id}'}, 'null': {'port_id': None},
        'description': {'description': 'x'}, 'nothing': {}}, undo=out)
    posts('forwarding', [*made], {'port': {'port_id': '{port.id}'}}, undo=UNDO)
    add('forwarding-fip-delete', made, step('DELETE', ONE), undo=UNDO)
    add('forwarding-port-delete', made, step('DELETE', '/ports/{port.id}'), undo=UNDO)
    add('forwarding-port-deleted', [*made, step('DELETE', '/ports/{port.id}')], step('GET', ONE), [*SHOW, 'port_forwardings'], undo=UNDO)
    add('forwarding-port-deleted-one', [*made, port2, pf('pf2', internal_port_id='{port2.id}', internal_ip_address='10.0.0.6', external_port=81),
        step('DELETE', '/ports/{port.id}')], step('GET', ONE), [*SHOW, 'port_forwardings.internal_ip_address'], undo=out)
    for label, ips in {'other': [{'ip_address': '10.0.0.6'}], 'more': [{'ip_address': '10.0.0.5'}, {'ip_address': '10.0.0.6'}], 'empty': []}.items():
        change = step('PUT', '/ports/{port.id}', {'port': {'fixed_ips': ips}})
        add(f'forwarding-port-ips-{label}', made, change, ['fixed_ips.ip_address'], undo=UNDO)
        add(f'forwarding-port-ips-{label}-after', [*made, change], step('GET', ONE), [*SHOW, 'port_forwardings#'], undo=UNDO)
    add('forwarding-interface-remove', made, step('PUT', '/routers/{router.id}/remove_router_interface', {'subnet_id': '{sub.id}'}),
        ['subnet_id'], undo=UNDO)
    add('forwarding-gateway-clear', made, step('PUT', '/routers/{router.id}', {'router': {'external_gateway_info': {}}}), ['status'], undo=UNDO)
    far = [net('far'), sub('farsub', network_id='{far.id}', cidr='10.7.0.0/24'),
           port('farport', network_id='{far.id}', fixed_ips=[{'ip_address': '10.7.0.5'}]), *router('other', 'ext', 'farsub')]
    there = {'internal_port_id': '{farport.id}', 'internal_ip_address': '10.7.0.5'}
    apart = undo(('router', 'sub'), ('other', 'farsub'), ports=('port', 'farport'))
    forwards('router', [*made, *far], {'other': there | {'external_port': 81}}, undo=apart)
    reforwards('router', [*made, *far], {'other': there}, undo=apart)
    reforwards('port', [*made, port2], {'to-other': {'internal_port_id': '{port2.id}', 'internal_ip_address': '10.0.0.6'},
        'to-other-alone': {'internal_port_id': '{port2.id}'}, 'address': {'internal_ip_address': '10.0.0.6'},
        'same': {'internal_port_id': '{port.id}'}}, undo=out)
    reforwards('port', [*made, port2, fip('fip2', port_id='{port2.id}')], {'has-fip': {'internal_port_id': '{port2.id}',
        'internal_ip_address': '10.0.0.6'}}, undo=out)
    also = [*made, pf('pf2', internal_port=81, external_port=8081)]
    reforwards('clash', also, {'external': {'external_port': 8081}, 'internal': {'internal_port': 81}, 'free': {'external_port': 8082},
        'both': {'external_port': 8081, 'internal_port': 81}, 'swap-udp': {'protocol': 'udp', 'external_port': 8081},
        'range': {'external_port_range': '8080:8082', 'internal_port_range': '80:82'}, 'same': {'external_port': 8080}, 'nothing': {}})
    reforwards('range', [*ready, step('POST', FORWARDINGS, {'port_forwarding': ranged}, **{'as': 'pf'})], {
        'to-one': {'external_port_range': '8080:8080', 'internal_port_range': '80:80'}, 'move': {'external_port_range': '9080:9089'},
        'port': {'external_port': 9, 'internal_port': 9}, 'unequal': {'external_port_range': '9080:9083'}})
    three = [*ready, *(pf(c, internal_port=n, external_port=8000 + n, protocol=p, description=d)
                       for c, n, p, d in (('a', 80, 'tcp', 'x'), ('b', 81, 'udp', ''), ('c', 82, 'tcp', 'x')))]
    up = 'sort_key=external_port&sort_dir=asc'
    for label, query in {'all': '', 'id': 'id={a.id}', 'protocol': 'protocol=tcp', 'protocol-upper': 'protocol=TCP', 'external': 'external_port=8081',
            'external-two': 'external_port=8081&external_port=8082', 'external-text': 'external_port=x', 'port': 'internal_port_id={port.id}',
            'port-none': 'internal_port_id=' + NOBODY, 'description': 'description=x', 'range': 'external_port_range=8081:8081',
            'internal': 'internal_port=80', 'address': 'internal_ip_address=10.0.0.5', 'internal-range': 'internal_port_range=80:80',
            'unknown': 'color=x', 'sort': up, 'sort-protocol': 'sort_key=protocol&sort_dir=desc&' + up,
            'sort-range': 'sort_key=external_port_range&sort_dir=desc', 'sort-internal': 'sort_key=internal_port&sort_dir=asc',
            'sort-id': 'sort_key=id&sort_dir=asc&fields=protocol&id={a.id}', 'limit': 'limit=2&' + up, 'marker': 'limit=2&marker={b.id}&' + up,
            'reverse': 'limit=1&page_reverse=True&marker={b.id}&' + up,
            'fields': 'fields=protocol&fields=id', 'project': 'project_id=' + 'a' * 32, 'tags': 'tags=x'}.items():
        add(f'forwarding-list-{label}', three, step('GET', f'{FORWARDINGS}?{query}'), ['*'] if 'fields' in query else
            ['internal_port', 'protocol'], undo=UNDO, **({'ordered': True} if 'sort_key' in query else {}),
            **({'limit': True} if 'limit' in query else {}))
    add('forwarding-get-fields', made, step('GET', FORWARDINGS + '/{pf.id}?fields=protocol'), ['*'], undo=UNDO)


def pools():
    add('floatingip-pools', EXT, step('GET', '/floatingip-pools?fields=cidr&fields=nosuch'), ['cidr'])
    add('floatingip-pools-shape', EXT, step('GET', '/floatingip-pools'), ['*'])
    add('floatingip-pools-values', EXT, step('GET', '/floatingip-pools'), ['subnet_id', 'network_id', 'cidr', 'subnet_name', 'project_id'])
    add('floatingip-pools-v6', [net('ext', more={'router:external': True}), sub6('s6', network_id='{ext.id}')], step('GET', '/floatingip-pools'), ['cidr'])
    add('floatingip-pools-internal', [net(), sub()], step('GET', '/floatingip-pools'), ['cidr'])
    add('floatingip-pools-filter', EXT, step('GET', '/floatingip-pools?cidr=192.0.2.0/24'), ['cidr'])
    add('floatingip-pools-sort', EXT, step('GET', '/floatingip-pools?sort_key=cidr&sort_dir=asc'), ['cidr'])
    add('floatingip-pools-show', [], step('GET', '/floatingip-pools/' + NOBODY))
    add('floatingip-pools-post', [], step('POST', '/floatingip-pools', {'floatingip_pool': {}}))


def agents():
    """h1 and h2 carry central traffic (dvr_snat), h3 is a compute host (dvr)"""
    def agent(at, host, kind='L3 agent'):
        return step('GET', f'/agents?host={host}&agent_type={kind.replace(" ", "%20")}', **{'as': at})
    free = [*router('router', None), agent('one', 'h1'), agent('two', 'h2'), agent('dvr', 'h3'), agent('dhcp', 'h1', 'DHCP agent')]
    on = [*free, step('POST', '/agents/{one.id}/l3-routers', {'router_id': '{router.id}'})]
    more = {'needs': 'agents'}

    def post(label, setup, at='one', body=None):
        add(f'l3-agent-add-{label}', setup, step('POST', f'/agents/{{{at}.id}}/l3-routers',
            {'router_id': '{router.id}'} if body is None else body), **more)
    post('free', free)
    post('same', on)
    post('other', on, 'two')
    post('dvr', free, 'dvr')
    post('dhcp', free, 'dhcp')
    post('unknown-router', free, 'one', {'router_id': NOBODY})
    post('bad-router', free, 'one', {'router_id': 'x'})
    post('extra', free, 'one', {'router_id': '{router.id}', 'color': 1})
    post('no-router', free, 'one', {})
    add('l3-agent-add-unknown', free, step('POST', f'/agents/{NOBODY}/l3-routers', {'router_id': '{router.id}'}), **more)
    post('distributed', [*router('router', None, distributed=True), agent('one', 'h1')])
    ha = [*router('router', None, ha=True), agent('one', 'h1'), agent('two', 'h2'), agent('dvr', 'h3')]
    post('ha', ha)
    post('ha-dvr', ha, 'dvr')
    down = step('PUT', '/agents/{one.id}', {'agent': {'admin_state_up': False}})
    up = step('PUT', '/agents/{one.id}', {'agent': {'admin_state_up': True}})
    add('l3-agent-add-down', [*free, down], step('POST', '/agents/{one.id}/l3-routers', {'router_id': '{router.id}'}), undo=[up], **more)
    for label, setup, at in (('none', free, 'one'), ('one', on, 'one'), ('dhcp', free, 'dhcp')):
        add(f'l3-agent-routers-{label}', setup, step('GET', f'/agents/{{{at}.id}}/l3-routers'), ['name', 'distributed', 'ha'], **more)
    add('l3-agent-routers-unknown', [], step('GET', f'/agents/{NOBODY}/l3-routers'), **more)
    for label, setup in (('none', free), ('one', on), ('removed', [*on, step('DELETE', '/agents/{one.id}/l3-routers/{router.id}')])):
        add(f'l3-agent-of-{label}', setup, step('GET', '/routers/{router.id}/l3-agents'), ['host', 'ha_state', 'agent_type', 'alive'], **more)
    add('l3-agent-of-keys', on, step('GET', '/routers/{router.id}/l3-agents'), ['*'], **more)
    add('l3-agent-of-ha', ha, step('GET', '/routers/{router.id}/l3-agents'), ['host', 'ha_state'], settles=True, **more)
    add('l3-agent-of-unknown', [], step('GET', f'/routers/{NOBODY}/l3-agents'), **more)
    add('l3-agent-of-scheduled', [*EXT, *router('router', 'ext')], step('GET', '/routers/{router.id}/l3-agents'), ['agent_type', 'ha_state'],
        settles=True, **more)
    for label, setup, at in (('one', on, 'one'), ('not', on, 'two'), ('dvr', on, 'dvr'), ('dhcp', on, 'dhcp')):
        add(f'l3-agent-remove-{label}', setup, step('DELETE', f'/agents/{{{at}.id}}/l3-routers/{{router.id}}'), **more)
    add('l3-agent-remove-unknown', free, step('DELETE', f'/agents/{{one.id}}/l3-routers/{NOBODY}'), **more)
    add('l3-agent-remove-agent-unknown', free, step('DELETE', f'/agents/{NOBODY}/l3-routers/{{router.id}}'), **more)
    add('l3-agent-move', [*on, step('DELETE', '/agents/{one.id}/l3-routers/{router.id}'),
        step('POST', '/agents/{two.id}/l3-routers', {'router_id': '{router.id}'})], step('GET', '/routers/{router.id}/l3-agents'), ['host'], **more)
    add('l3-agent-put', on, step('PUT', '/agents/{one.id}/l3-routers/{router.id}', {'router': {}}), **more)
    add('l3-agent-show', on, step('GET', '/agents/{one.id}/l3-routers/{router.id}'), **more)
    add('l3-agent-post-of', on, step('POST', '/routers/{router.id}/l3-agents', {}), **more)
    add('l3-agent-delete-of', on, step('DELETE', '/routers/{router.id}/l3-agents/{one.id}'), **more)
    add('l3-agent-show-of', on, step('GET', '/routers/{router.id}/l3-agents/{one.id}'), **more)
    add('l3-agent-delete-collection', on, step('DELETE', '/agents/{one.id}/l3-routers'), **more)
    add('l3-agent-delete', on, step('DELETE', '/agents/{one.id}'), spends='agents', **more)


def fill():
    plain_fips()
    lists()
    association()
    forwardings()
    pools()
    agents()
