"""Who may share networks, and what those may do on them with whom they are shared."""
from cases import step

FIRST, SECOND = '1' * 32, '2' * 32
N, S = '/networks/{net.id}', '/subnets/{sub.id}'
LOOK = ['name', 'shared', 'router:external']
WHO = ('ADMIN', 'A', 'B', 'READER', 'SERVICE', 'NOROLE')


def by(who, made):
    return made | {'who': who}


def share(who, at='share', to=SECOND, action='access_as_shared', **attrs):
    return by(who, step('POST', '/rbac-policies', {'rbac_policy': {
        'object_type': 'network', 'object_id': '{net.id}', 'action': action, 'target_tenant': to} | attrs}, **{'as': at}))


def fill(add):
    def ask(who, method, path, body=None):
        return by(who, step(method, path, body))
    mine = [by('A', step('POST', '/networks', {'network': {'name': '{case}'}}, **{'as': 'net'})),
            by('A', step('POST', '/subnets', {'subnet': {'network_id': '{net.id}', 'ip_version': 4, 'cidr': '10.0.0.0/24'}}, **{'as': 'sub'}))]
    places = {'own': mine, 'shared': [*mine, share('A')], 'open': [*mine, share('A', action='access_as_external')],
              'both': [*mine, share('A'), share('A', 'two', action='access_as_external')], 'everyone': [*mine, share('ADMIN', to='*')]}
    for who in WHO:
        add(f'net-share-{who}', mine, share(who), ['target_tenant', 'project_id'])
        add(f'net-share-everyone-{who}', mine, share(who, to='*'), ['target_tenant'])
        add(f'net-open-{who}', mine, share(who, action='access_as_external'), ['target_tenant', 'project_id'])
        for label, setup in places.items():
            if label != 'shared' and who not in ('ADMIN', 'A', 'B'):
                continue
            add(f'net-{label}-show-{who}', setup, ask(who, 'GET', N), LOOK)
            add(f'net-{label}-list-{who}', setup, ask(who, 'GET', '/networks?name={case}'), LOOK)
            add(f'net-{label}-list-shared-{who}', setup, ask(who, 'GET', '/networks?name={case}&shared=true'), LOOK)
            add(f'net-{label}-subnet-{who}', setup, ask(who, 'GET', S), ['cidr', 'router:external'])
            add(f'net-{label}-subnets-{who}', setup, ask(who, 'GET', '/subnets?network_id={net.id}&shared=true'), ['cidr'])
            add(f'net-{label}-update-{who}', setup, ask(who, 'PUT', N, {'network': {'description': 'x'}}), ['description'])
            if who != 'ADMIN' and who != 'A':
                add(f'net-{label}-port-{who}', setup, ask(who, 'POST', '/ports', {'port': {'network_id': '{net.id}'}}), ['project_id'])
                add(f'net-{label}-port-ip-{who}', setup, ask(who, 'POST', '/ports', {'port': {
                    'network_id': '{net.id}', 'fixed_ips': [{'ip_address': '10.0.0.9'}]}}), ['project_id'])
                add(f'net-{label}-port-subnet-{who}', setup, ask(who, 'POST', '/ports', {'port': {
                    'network_id': '{net.id}', 'fixed_ips': [{'subnet_id': '{sub.id}'}]}}), ['project_id'])
                add(f'net-{label}-subnet-create-{who}', setup, ask(who, 'POST', '/subnets', {'subnet': {
                    'network_id': '{net.id}', 'ip_version': 4, 'cidr': '10.0.1.0/24'}}), ['cidr'])
                add(f'net-{label}-delete-{who}', setup, ask(who, 'DELETE', N))
                add(f'net-{label}-router-{who}', setup, ask(who, 'POST', '/routers', {'router': {
                    'external_gateway_info': {'network_id': '{net.id}'}}}), ['project_id'])
                add(f'net-{label}-floatingip-{who}', setup, ask(who, 'POST', '/floatingips', {'floatingip': {
                    'floating_network_id': '{net.id}'}}), ['project_id'])
                add(f'net-{label}-share-on-{who}', setup, share(who, 'more', to='3' * 32), ['target_tenant'])
    used = [*places['shared'], by('B', step('POST', '/ports', {'port': {'network_id': '{net.id}'}}, **{'as': 'port'}))]
    undo = [step('DELETE', '/ports/{port.id}')]
    for who in ('ADMIN', 'A', 'B'):
        add(f'net-used-end-{who}', used, ask(who, 'DELETE', '/rbac-policies/{share.id}'), undo=undo)
        add(f'net-used-port-{who}', used, ask(who, 'GET', '/ports/{port.id}'), ['project_id'])
        add(f'net-used-port-delete-{who}', used, ask(who, 'DELETE', '/ports/{port.id}'))
        add(f'net-used-delete-{who}', used, ask(who, 'DELETE', N), undo=undo)
    served = [by('ADMIN', step('GET', '/agents?agent_type=DHCP%20agent&host=h1', **{'as': 'one'})), *mine]
    for who in WHO:
        add(f'dhcp-agents-list-{who}', mine[:1], ask(who, 'GET', N + '/dhcp-agents'), ['host'], needs='agents')
        # the lists of who may look are everybody's
        if who not in ('ADMIN', 'SERVICE'):
            add(f'dhcp-agents-networks-{who}', served, ask(who, 'GET', '/agents/{one.id}/dhcp-networks'), [], needs='agents')
        add(f'dhcp-agents-give-{who}', served[:2], ask(who, 'POST', '/agents/{one.id}/dhcp-networks', {'network_id': '{net.id}'}), needs='agents')
        add(f'dhcp-agents-take-{who}', served[:2], ask(who, 'DELETE', '/agents/{one.id}/dhcp-networks/{net.id}'), needs='agents')
