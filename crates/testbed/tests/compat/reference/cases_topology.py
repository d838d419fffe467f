"""Cases of networks that projects get by asking."""
from cases import add, net, step, sub
from cases_pools import pool

T = '/auto-allocated-topology'
OWN, DRY = T + '/None', T + '/None?fields=dry-run'
OTHER = 'd' * 32


def fill():
    external = net('external', **{'router:external': True, 'is_default': True})
    outer = sub('outer', network_id='{external.id}', ip_version=4, cidr='203.0.113.0/24')
    pools = [pool(f'pool{length}', prefixes=[prefix], default_prefixlen=length, is_default=True, shared=True)
             for prefix, length in (('10.77.0.0/16', 24), ('2001:db8:77::/48', 64))]
    ground = [external, outer, *pools]
    got = step('GET', OWN)
    undo = [step('DELETE', OWN)]
    shown = ['project_id', 'tenant_id', '*']
    add('topology-nothing', [], got)
    add('topology-nothing-dry', [], step('GET', DRY))
    add('topology-no-pool', [external, outer], got)
    add('topology-no-pool-dry', [external, outer], step('GET', DRY))
    add('topology-no-external', pools, got)
    add('topology-dry', ground, step('GET', DRY), ['id', 'project_id', '*'])
    add('topology-dry-other', ground, step('GET', f'{T}/{OTHER}?fields=dry-run'), ['id', 'project_id'])
    add('topology-get', ground, got, shown, undo=undo)
    add('topology-get-one-pool', [external, outer, pools[0]], got, shown, undo=undo)
    add('topology-get-again', [*ground, got], got, shown, undo=undo)
    add('topology-get-own-id', [*ground, got], step('GET', f'{T}/{"a" * 32}'), shown, undo=undo)
    for label, field in {'id': 'id', 'unknown': 'color', 'empty': '', 'more': 'dry-run&fields=id'}.items():
        add(f'topology-fields-{label}', [*ground, got], step('GET', f'{OWN}?fields={field}'), ['project_id'], undo=undo)
    add('topology-query', [*ground, got], step('GET', f'{OWN}?color=1'), ['project_id'], undo=undo)
    add('topology-network', [*ground, got], step('GET', '/networks?name=auto_allocated_network'), ['name', 'admin_state_up', 'shared', 'project_id', 'description', 'subnets#'], undo=undo)
    add('topology-subnets', [*ground, got], step('GET', '/subnets?name=auto_allocated_subnet_v4&name=auto_allocated_subnet_v6'),
        ['name', 'ip_version', 'enable_dhcp', 'project_id', 'ipv6_ra_mode', 'ipv6_address_mode'], undo=undo)
    add('topology-router', [*ground, got], step('GET', '/routers?name=auto_allocated_router'), ['name', 'admin_state_up', 'project_id', 'ha', 'distributed'], undo=undo)
    add('topology-interfaces', [*ground, got], step('GET', '/ports?device_owner=network:router_interface'), ['fixed_ips#', 'project_id'], undo=undo)
    add('topology-delete', [*ground, got], step('DELETE', OWN))
    add('topology-delete-twice', [*ground, got, step('DELETE', OWN)], step('DELETE', OWN))
    add('topology-delete-then', [*ground, got, step('DELETE', OWN)], step('GET', '/networks?name=auto_allocated_network'), ['name'])
    add('topology-delete-nothing', ground, step('DELETE', f'{T}/{OTHER}'))
