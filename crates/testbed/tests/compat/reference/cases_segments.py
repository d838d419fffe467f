"""Cases of segments of networks, and ranges that segments are chosen from."""
from cases import DROP, LONG, NOBODY, add, net, plain, port, slug, step, sub

OTHER = 'b' * 32
SEGMENTS, RANGES = '/segments', '/network-segment-ranges'
S, R = SEGMENTS + '/{seg.id}', RANGES + '/{range.id}'
VLAN = {'provider:network_type': 'vlan', 'provider:physical_network': 'physnet1', 'provider:segmentation_id': 1500}
SEG = ['name', 'description', 'network_type', 'physical_network', 'segmentation_id', 'network_id']


def vlan(at='net', vid=1500, **attrs):
    return net(at, more=VLAN | {'provider:segmentation_id': vid} | attrs)


def seg(at='seg', **attrs):
    return step('POST', SEGMENTS, {'segment': plain({'network_id': '{net.id}', 'network_type': 'vlan', 'physical_network': 'physnet1',
                                                     'segmentation_id': 1501} | attrs)}, **{'as': at})


def own(at='seg'):
    return step('GET', SEGMENTS + '?network_id={net.id}', **{'as': at})


def range_(at='range', **attrs):
    return step('POST', RANGES, {'network_segment_range': plain({
        'name': '{case}', 'shared': True, 'network_type': 'vxlan', 'minimum': 5000, 'maximum': 5003} | attrs)}, **{'as': at})


def table(name, setup, make, some, show, **more):
    for attr, values in some.items():
        for value in values:
            label = 'absent' if value is DROP else slug(value)
            add(f'{name}-{attr}-{label}', setup, make({attr: value}), show, **more)


def ids(name, path, key, verbs=('GET', 'PUT', 'DELETE')):
    for verb in verbs:
        for label, bad in {'unknown': NOBODY, 'malformed': 'no-such'}.items():
            add(f'{name}-{verb.lower()}-id-{label}', [], step(verb, f'{path}/{bad}', {key: {}} if verb == 'PUT' else None))


def bodies(name, path, key, one, setup):
    for label, raw in {'notjson': '{', 'empty': '', 'wrongkey': '{"thing": {}}', 'null': '{"%s": null}' % key, 'list': '[1]',
                       'inner-empty': '{"%s": {}}' % key}.items():
        add(f'{name}-body-post-{label}', [], step('POST', path, raw=raw))
        add(f'{name}-body-put-{label}', setup, step('PUT', one, raw=raw))


def of_segments():
    add('segment-post-shape', [vlan()], seg(), ['*'])
    add('segment-post-values', [vlan()], seg(name='n', description='d'), SEG)
    add('segment-own-shape', [vlan()], own(), ['*'])
    add('segment-own', [vlan()], own(), SEG)
    add('segment-own-vxlan', [net(more={'provider:network_type': 'vxlan', 'provider:segmentation_id': 77})], own(), SEG)
    add('segment-own-local', [net(more={'provider:network_type': 'local'})], own(), SEG)
    add('segment-own-show', [vlan(), own()], step('GET', S), SEG)
    add('segment-of-multi', [net(segments=[VLAN, VLAN | {'provider:segmentation_id': 1502}])], own(), SEG)
    add('segment-network-after', [vlan(), seg()], step('GET', '/networks/{net.id}'), ['segments', 'provider:network_type', 'l2_adjacency'])
    add('segment-network-after-delete', [vlan(), seg(), step('DELETE', S)], step('GET', '/networks/{net.id}'),
        ['provider:network_type', 'provider:segmentation_id'])
    make = lambda a: seg(**a)
    table('segment-post', [vlan()], make, {
        'network_id': [NOBODY, 'x', None, DROP], 'network_type': ['vxlan', 'flat', 'x', '', None, DROP, LONG[33]],
        'physical_network': ['physnet2', 'x', '', None, DROP, LONG[65]], 'segmentation_id': [1500, 0, 4095, 'x', '1503', None],
        'name': ['', None, ' lead', LONG[255], LONG[256], 5], 'description': ['', None, LONG[256]], 'project_id': [OTHER, None],
        'tenant_id': ['a' * 32], 'color': [1], 'id': [NOBODY], 'segment_index': [1], 'hosts': [[]], 'tags': [['a']]}, SEG)
    for label, attrs in {'vxlan-chosen': {'network_type': 'vxlan', 'physical_network': DROP, 'segmentation_id': DROP},
                         'vxlan-id': {'network_type': 'vxlan', 'physical_network': DROP, 'segmentation_id': 78},
                         'flat': {'network_type': 'flat', 'physical_network': 'physnet2', 'segmentation_id': DROP},
                         'local': {'network_type': 'local', 'physical_network': DROP, 'segmentation_id': DROP}}.items():
        show = [s for s in SEG if s != 'segmentation_id' or 'chosen' not in label]
        add(f'segment-post-{label}', [vlan()], seg(**attrs), show)
    add('segment-post-taken', [vlan(), vlan('two', 1501)], seg())
    add('segment-post-twice', [vlan(), seg()], seg('again'))
    add('segment-bulk', [vlan()], step('POST', SEGMENTS, {'segments': [
        {'network_id': '{net.id}', 'network_type': 'vlan', 'physical_network': 'physnet1', 'segmentation_id': n} for n in (1501, 1502)]}))
    table('segment-put', [vlan(), seg()], lambda a: step('PUT', S, {'segment': a}), {
        'name': ['x', '', None, ' lead', 5], 'description': ['x', '', None], 'network_type': ['vlan'], 'segmentation_id': [1502],
        'physical_network': ['physnet1'], 'network_id': [NOBODY], 'color': [1]}, [*SEG, 'revision_number'])
    add('segment-delete', [vlan(), seg()], step('DELETE', S))
    add('segment-delete-own', [vlan(), own()], step('DELETE', S))
    add('segment-delete-own-then', [vlan(), own(), step('DELETE', S)], step('GET', '/networks/{net.id}'),
        ['provider:network_type', 'provider:physical_network', 'provider:segmentation_id'])
    add('segment-delete-twice', [vlan(), seg(), step('DELETE', S)], step('DELETE', S))
    add('segment-delete-subnet', [vlan(), own(), sub(segment_id='{seg.id}')], step('DELETE', S))
    add('segment-delete-bound', [vlan(), own(), port(more={'binding:host_id': 'h1'})], step('DELETE', S), needs='agents')
    add('segment-delete-bound-other', [vlan(), seg(), port(more={'binding:host_id': 'h1'})], step('DELETE', S), needs='agents')
    add('segment-freed', [vlan(), seg(), step('DELETE', S)], seg('again'), SEG)
    add('segment-network-gone', [vlan(), seg(), step('DELETE', '/networks/{net.id}')], step('GET', S))
    ids('segment', SEGMENTS, 'segment')
    bodies('segment', SEGMENTS, 'segment', S, [vlan(), seg()])
    for label, query in {'network': 'network_id={net.id}', 'type': 'network_id={net.id}&network_type=vlan', 'type-none': 'network_id={net.id}&network_type=flat',
                         'physical': 'network_id={net.id}&physical_network=physnet1', 'id-number': 'network_id={net.id}&segmentation_id=1501',
                         'name': 'network_id={net.id}&name=x', 'fields': 'network_id={net.id}&fields=network_type', 'color': 'color=1',
                         'sort': 'network_id={net.id}&sort_key=segmentation_id&sort_dir=desc', 'limit': 'network_id={net.id}&limit=1&sort_key=segmentation_id',
                         'sort-bad': 'sort_key=hosts&sort_dir=asc', 'project': 'project_id=x',
                         'description': 'network_id={net.id}&description=', 'revision': 'network_id={net.id}&revision_number=x'}.items():
        add(f'segment-list-by-{label}', [vlan(), seg()], step('GET', f'{SEGMENTS}?{query}'), ['network_type', 'segmentation_id'], ordered='sort' in label)
    on = [vlan(), own()]
    add('subnet-segment', on, sub(segment_id='{seg.id}'), ['segment_id'])
    add('subnet-segment-adjacency', [*on, sub(segment_id='{seg.id}')], step('GET', '/networks/{net.id}'), ['l2_adjacency'])
    add('subnet-segment-other-network', [*on, vlan('two', 1502), own('x')], step('POST', '/subnets', {'subnet': {
        'network_id': '{two.id}', 'ip_version': 4, 'cidr': '10.0.0.0/24', 'segment_id': '{seg.id}'}}), ['segment_id'])
    add('subnet-segment-mixed', [*on, sub()], sub('two', cidr='10.1.0.0/24', segment_id='{seg.id}'))
    add('subnet-segment-mixed-reverse', [*on, sub(segment_id='{seg.id}')], sub('two', cidr='10.1.0.0/24'))
    add('subnet-segment-two', [*on, sub(segment_id='{seg.id}')], sub('two', cidr='10.1.0.0/24', segment_id='{seg.id}'), ['segment_id'])
    add('subnet-segment-put', [*on, sub()], step('PUT', '/subnets/{sub.id}', {'subnet': {'segment_id': '{seg.id}'}}), ['segment_id'])
    add('subnet-segment-put-null', [*on, sub(segment_id='{seg.id}')], step('PUT', '/subnets/{sub.id}', {'subnet': {'segment_id': None}}), ['segment_id'])
    add('subnet-segment-put-same', [*on, sub(segment_id='{seg.id}')], step('PUT', '/subnets/{sub.id}', {'subnet': {'segment_id': '{seg.id}'}}), ['segment_id'])
    add('subnet-segment-put-unknown', [*on, sub()], step('PUT', '/subnets/{sub.id}', {'subnet': {'segment_id': NOBODY}}))
    add('subnet-segment-put-two-subnets', [*on, sub(), sub('two', cidr='10.1.0.0/24')], step('PUT', '/subnets/{sub.id}', {'subnet': {'segment_id': '{seg.id}'}}))
    add('subnet-segment-put-two-segments', [*on, seg('x'), sub()], step('PUT', '/subnets/{sub.id}', {'subnet': {'segment_id': '{seg.id}'}}))
    add('subnet-segment-list', [*on, sub(segment_id='{seg.id}')], step('GET', '/subnets?segment_id={seg.id}'), ['cidr'])
    routed = [*on, sub(segment_id='{seg.id}')]
    add('port-segment-deferred', routed, port(), ['fixed_ips', 'ip_allocation'])
    add('port-segment-asked', routed, port(fixed_ips=[{'subnet_id': '{sub.id}'}]), ['fixed_ips#', 'ip_allocation'])
    add('port-segment-host', routed, port(more={'binding:host_id': 'h1'}), ['fixed_ips.subnet_id', 'ip_allocation'], needs='agents')
    add('port-segment-host-unknown', routed, port(more={'binding:host_id': 'nohost'}), ['fixed_ips', 'ip_allocation'], needs='agents')
    add('port-segment-then-host', [*routed, port()], step('PUT', '/ports/{port.id}', {'port': {'binding:host_id': 'h1'}}),
        ['fixed_ips.subnet_id', 'ip_allocation'], needs='agents')
    add('port-segment-move-away', [*routed, port(more={'binding:host_id': 'h1'})],
        step('PUT', '/ports/{port.id}', {'port': {'binding:host_id': 'nohost'}}), ['fixed_ips.subnet_id'], needs='agents')


def of_peers():
    """subnets of a routed network lead to those on its other segments"""
    show = ['host_routes', 'gateway_ip']
    two = [vlan(), own(), seg('far'), sub(segment_id='{seg.id}')]
    other = lambda at='sub2', cidr='10.1.0.0/24', **more: sub(at, cidr=cidr, segment_id='{far.id}', **more)
    route = lambda to, via: {'destination': to, 'nexthop': via}
    get = lambda at='sub': step('GET', '/subnets/{%s.id}' % at)
    put = lambda at='sub', **change: step('PUT', '/subnets/{%s.id}' % at, {'subnet': change})
    add('peer-post', two, other(), show)
    add('peer-post-then', [*two, other()], get('sub2'), show)
    add('peer-post-other', [*two, other()], get(), show)
    add('peer-post-same-segment', [*two, sub('sub2', cidr='10.1.0.0/24', segment_id='{seg.id}')], get('sub2'), show)
    add('peer-post-six', [*two, sub('sub2', cidr='2001:db8::/64', ip_version=6, segment_id='{far.id}')], get('sub2'), show)
    add('peer-post-no-gateway', [*two, other(gateway_ip=None)], get('sub2'), show)
    add('peer-post-no-gateway-other', [*two, other(gateway_ip=None)], get(), show)
    add('peer-post-said', [*two, other(host_routes=[route('10.8.0.0/16', '10.1.0.9')])], get('sub2'), show)
    add('peer-post-said-same', [*two, other(host_routes=[route('10.0.0.0/24', '10.1.0.9')])], get('sub2'), show)
    add('peer-post-said-wide', [*two, other(host_routes=[route('10.0.0.0/8', '10.1.0.9')])], get('sub2'), show)
    add('peer-post-said-narrow', [*two, other(host_routes=[route('10.0.0.0/25', '10.1.0.9')])], get('sub2'), show)
    add('peer-post-bulk', two, step('POST', '/subnets', {'subnets': [
        {'network_id': '{net.id}', 'ip_version': 4, 'cidr': f'10.{n}.0.0/24', 'segment_id': '{far.id}'} for n in (1, 2)]}), show)
    both = [*two, other()]
    add('peer-third', [*both, seg('third', segmentation_id=1503), sub('sub3', cidr='10.3.0.0/24', segment_id='{third.id}')], get('sub3'), show)
    add('peer-revision', both, get(), ['revision_number'])
    add('peer-delete', [*both, step('DELETE', '/subnets/{sub2.id}')], get(), show)
    add('peer-delete-kept', [*both, put(host_routes=[route('10.1.0.0/24', '10.0.0.9')]), step('DELETE', '/subnets/{sub2.id}')], get(), show)
    small = [*two[:3], sub(segment_id='{seg.id}', allocation_pools=[{'start': '10.0.0.10', 'end': '10.0.0.20'}]), other()]
    for label, change in {'gateway': {'gateway_ip': '10.0.0.2'}, 'no-gateway': {'gateway_ip': None}, 'routes': {'host_routes': [route('10.8.0.0/16', '10.0.0.9')]},
                          'none': {'host_routes': []}, 'same': {'host_routes': [route('10.1.0.0/24', '10.0.0.1')]},
                          'wide': {'host_routes': [route('10.0.0.0/8', '10.0.0.9')]}, 'own': {'host_routes': [route('10.1.0.0/24', '10.0.0.9')]},
                          'own-gateway': {'host_routes': [route('10.1.0.0/24', '10.0.0.9')], 'gateway_ip': '10.0.0.2'},
                          'both': {'host_routes': [route('10.1.0.0/24', '10.0.0.1'), route('10.8.0.0/16', '10.0.0.9')], 'gateway_ip': '10.0.0.2'},
                          'name': {'name': 'x'}}.items():
        add(f'peer-put-{label}', small, put(**change), show)
    add('peer-put-gateway-other', [*small, put(gateway_ip='10.0.0.2')], get('sub2'), show)
    add('peer-put-gateway-back', [*small, put(gateway_ip=None)], put(gateway_ip='10.0.0.1'), show)


def of_ranges():
    show = ['name', 'default', 'shared', 'project_id', 'tenant_id', 'network_type', 'physical_network', 'minimum', 'maximum', 'used', 'available', 'description']
    add('range-post-shape', [], range_(), ['*'])
    add('range-post-values', [], range_(description='d'), show)
    add('range-post-project', [], range_(shared=False, project_id=OTHER), show)
    add('range-post-project-unsaid', [], range_(shared=False), show)
    add('range-post-vlan', [], range_(network_type='vlan', physical_network='physnet1', minimum=300, maximum=302), show)
    add('range-get', [range_()], step('GET', R), show)
    add('range-defaults', [], step('GET', RANGES + '?sort_key=id&sort_dir=asc'),
        ['default', 'shared', 'project_id', 'network_type', 'physical_network', 'minimum', 'maximum'])
    table('range-post', [], lambda a: range_(**a), {
        'name': ['', None, ' lead', LONG[256], DROP], 'shared': ['x', None, 'false', DROP], 'project_id': [OTHER, None, ''], 'tenant_id': [OTHER],
        'network_type': ['flat', 'local', 'x', None, DROP, 'gre', 'geneve', 'vlan'], 'physical_network': ['physnet1', 'x', None, LONG[65]],
        'minimum': [0, -1, 'x', None, DROP, 5004, '5001'], 'maximum': [0, 4294967296, 16777216, None, DROP, 4999, 5000], 'default': [True], 'used': [{}],
        'available': [[]], 'color': [1], 'description': ['', None, LONG[256]], 'tags': [['a']]}, show)
    for label, attrs in {'none': {}, 'unknown': {'physical_network': 'x'}, 'zero': {'physical_network': 'physnet1', 'minimum': 0},
                         'high': {'physical_network': 'physnet1', 'maximum': 4095}, 'empty': {'physical_network': ''}}.items():
        add(f'range-post-vlan-{label}', [], range_(**({'network_type': 'vlan', 'minimum': 300, 'maximum': 302} | attrs)), show)
    for label, attrs in {'same': {}, 'inside': {'minimum': 5001, 'maximum': 5001}, 'touches': {'minimum': 5003, 'maximum': 5009},
                         'beside': {'minimum': 5004, 'maximum': 5009}, 'other-type': {'network_type': 'gre'}}.items():
        add(f'range-overlap-{label}', [range_()], range_('two', **attrs), ['minimum'])
    add('range-overlap-default', [], range_(minimum=1500, maximum=1501), ['minimum'])
    table('range-put', [range_()], lambda a: step('PUT', R, {'network_segment_range': a}), {
        'name': ['x', '', None], 'minimum': [5001, 5004, 4990, 'x', None, 0], 'maximum': [5000, 5009, 4999, 'x', 99999999], 'shared': [False],
        'project_id': [OTHER], 'network_type': ['gre'], 'physical_network': ['x'], 'default': [True], 'description': ['x'], 'color': [1]}, show)
    add('range-put-overlap', [range_(), range_('two', minimum=5010, maximum=5012)], step('PUT', R, {'network_segment_range': {'maximum': 5010}}))
    add('range-put-default', [step('GET', RANGES + '?network_type=vlan', **{'as': 'range'})], step('PUT', R, {'network_segment_range': {'name': 'x'}}))
    add('range-delete-default', [step('GET', RANGES + '?network_type=vlan', **{'as': 'range'})], step('DELETE', R))
    used = [range_(), net(more={'provider:network_type': 'vxlan', 'provider:segmentation_id': 5001})]
    add('range-used', used, step('GET', R), ['used', 'available'])
    add('range-used-delete', used, step('DELETE', R))
    add('range-used-shrink', used, step('PUT', R, {'network_segment_range': {'minimum': 5002}}))
    add('range-used-shrink-max', used, step('PUT', R, {'network_segment_range': {'maximum': 5000}}))
    add('range-used-shrink-fits', used, step('PUT', R, {'network_segment_range': {'minimum': 5001, 'maximum': 5001}}), ['minimum', 'maximum', 'available'])
    mine = [range_(shared=False, project_id='a' * 32, minimum=5000, maximum=5000)]
    add('range-project-first', mine, net(more={'provider:network_type': 'vxlan'}), ['provider:segmentation_id'])
    add('range-project-first-unsaid', mine, net(), ['provider:network_type', 'provider:segmentation_id'])
    add('range-project-other', [range_(shared=False, project_id=OTHER, minimum=5000, maximum=5000), net('x')],
        step('GET', R), ['used', 'available'])
    add('range-delete', [range_()], step('DELETE', R))
    add('range-delete-twice', [range_(), step('DELETE', R)], step('DELETE', R))
    add('range-bulk', [], step('POST', RANGES, {'network_segment_ranges': [
        {'name': '{case}', 'shared': True, 'network_type': 'vxlan', 'minimum': n, 'maximum': n} for n in (5000, 5001)]}), ['minimum'])
    ids('range', RANGES, 'network_segment_range')
    bodies('range', RANGES, 'network_segment_range', R, [range_()])
    for label, query in {'name': 'name={case}', 'type': 'name={case}&network_type=vxlan', 'shared': 'name={case}&shared=true', 'minimum': 'minimum=5000',
                         'fields': 'name={case}&fields=name', 'sort': 'name={case}&sort_key=name&sort_dir=asc', 'sort-bad': 'sort_key=minimum&sort_dir=asc',
                         'limit': 'name={case}&limit=1', 'color': 'color=1', 'physical': 'physical_network=physnet1&name=x',
                         'default': 'default=true'}.items():
        add(f'range-list-by-{label}', [range_()], step('GET', f'{RANGES}?{query}'), ['name'])


def fill():
    of_segments()
    of_peers()
    of_ranges()
