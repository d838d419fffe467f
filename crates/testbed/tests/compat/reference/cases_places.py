"""Cases of availability zones, and of how full networks are."""
from cases import NOBODY, add, make, net, port, step, sub, sub6


def fill():
    show = ['name', 'resource', 'state']
    for label, query in {'all': '', 'network': '?resource=network', 'name': '?name=nova', 'none': '?name=x', 'state': '?state=available', 'down': '?state=unavailable',
                         'fields': '?fields=name', 'bad': '?color=1', 'two': '?resource=network&resource=router'}.items():
        add(f'zones-list-{label}', [], step('GET', '/availability_zones' + query), show, needs='agents')
    add('zones-shape', [], step('GET', '/availability_zones'), ['*'], needs='agents')
    add('zones-show', [], step('GET', '/availability_zones/nova'), needs='agents')
    for verb in ('POST', 'PUT', 'DELETE'):
        add(f'zones-{verb.lower()}', [], step(verb, '/availability_zones', None if verb == 'DELETE' else {'availability_zone': {}}), needs='agents')
    A, one = '/network-ip-availabilities', '/network-ip-availabilities/{net.id}'
    show = ['network_name', 'project_id', 'tenant_id', 'total_ips', 'used_ips', 'subnet_ip_availability']
    bare = ['network_name', 'total_ips', 'used_ips', 'subnet_ip_availability#']
    base = [net(name='{case}')]
    add('availability-shape', base, step('GET', one), ['*'])
    add('availability-empty', base, step('GET', one), bare)
    parts = ['total_ips', 'used_ips', *(f'subnet_ip_availability.{k}' for k in ('cidr', 'ip_version', 'subnet_name', 'used_ips', 'total_ips'))]
    add('availability-subnet', [*base, sub(name='s')], step('GET', one), parts)
    add('availability-ports', [*base, sub(name='s'), port(), port('two')], step('GET', one), parts)
    add('availability-pools', [*base, sub(allocation_pools=[{'start': '10.0.0.10', 'end': '10.0.0.19'}, {'start': '10.0.0.30', 'end': '10.0.0.30'}])], step('GET', one), parts)
    add('availability-outside-pool', [*base, sub(allocation_pools=[{'start': '10.0.0.10', 'end': '10.0.0.19'}]), port(fixed_ips=[{'ip_address': '10.0.0.200'}])], step('GET', one), parts)
    add('availability-no-pools', [*base, sub(), step('PUT', '/subnets/{sub.id}', {'subnet': {'allocation_pools': []}})], step('GET', one), parts)
    add('availability-6', [*base, sub6()], step('GET', one), ['used_ips', 'subnet_ip_availability#'])
    add('availability-both', [*base, sub(), sub6(), port()], step('GET', one), ['used_ips', 'subnet_ip_availability#'])
    details = ['ip_availability_details', 'subnet_ip_availability.ip_availability_details']
    some = sub(allocation_pools=[{'start': '10.0.0.10', 'end': '10.0.0.19'}, {'start': '10.0.0.30', 'end': '10.0.0.30'}])
    more = sub('more', cidr='10.0.2.0/30')
    outside = port('outside', fixed_ips=[{'ip_address': '10.0.0.200'}])
    add('availability-details-empty', base, step('GET', one), details)
    add('availability-details-some', [*base, some, port(fixed_ips=[{'subnet_id': '{sub.id}'}]), outside], step('GET', one), details)
    add('availability-details-two', [*base, some, more, port(fixed_ips=[{'subnet_id': '{more.id}'}]), outside], step('GET', one), ['ip_availability_details'])
    add('availability-details-field', [*base, some, outside], step('GET', one + '?fields=ip_availability_details'), ['*', *details[:1]])
    add('availability-details-list', [*base, some, outside], step('GET', A + '?network_id={net.id}'), details[:1])
    add('availability-details-no-pools', [*base, sub(), port(), step('PUT', '/subnets/{sub.id}', {'subnet': {'allocation_pools': []}})], step('GET', one), details)
    add('availability-unknown', [], step('GET', f'{A}/{NOBODY}'))
    add('availability-malformed', [], step('GET', f'{A}/x'))
    two = [net('one', name='{case}-1'), net('net', name='{case}-2'), sub(), port()]
    names = 'network_name={case}-1&network_name={case}-2'
    for label, query in {'all': '', 'version': 'ip_version=4', 'version-6': 'ip_version=6', 'id': 'network_id={net.id}', 'project': 'project_id=' + 'b' * 32, 'bad': 'total_ips=5',
                         'fields': 'fields=network_name', 'sort': 'sort_key=network_id&sort_dir=asc', 'sort-bad': 'sort_key=used_ips&sort_dir=asc'}.items():
        add(f'availability-list-{label}', two, step('GET', f'{A}?{names}&{query}'), ['network_name', 'used_ips', 'total_ips'])
    for verb in ('POST', 'PUT', 'DELETE'):
        add(f'availability-{verb.lower()}', base, step(verb, A if verb == 'POST' else one, None if verb == 'DELETE' else {'network_ip_availability': {}}))
