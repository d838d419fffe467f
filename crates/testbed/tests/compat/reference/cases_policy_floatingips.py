"""Who may do what to floating IPs, their port forwardings, and the agents of routers."""
from cases import NOBODY, step

OUTSIDE = [
    {'as': 'ext', 'method': 'POST', 'path': '/v2.0/networks', 'body': {'network': {'router:external': True}}},
    {'as': 'extsub', 'method': 'POST', 'path': '/v2.0/subnets', 'body': {'subnet': {
        'network_id': '{ext.id}', 'ip_version': 4, 'cidr': '192.0.2.0/24'}}}]
ONE = '/floatingips/{fip.id}'
BODY = {'floatingip': {'floating_network_id': '{ext.id}'}}
SHOW = ['project_id', 'status', 'port_id']
FORWARD = {'port_forwarding': {'internal_port_id': '{port.id}', 'internal_ip_address': '10.0.0.5', 'internal_port': 80,
                               'external_port': 8080, 'protocol': 'tcp'}}


def by(who, made):
    return made | {'who': who}


def fip(who, at='fip', **attrs):
    return by(who, step('POST', '/floatingips', {'floatingip': BODY['floatingip'] | attrs}, **{'as': at}))


def inside(who):
    return [by(who, step('POST', '/networks', {'network': {}}, **{'as': 'net'})),
            by(who, step('POST', '/subnets', {'subnet': {'network_id': '{net.id}', 'ip_version': 4, 'cidr': '10.0.0.0/24'}}, **{'as': 'sub'})),
            by(who, step('POST', '/ports', {'port': {'network_id': '{net.id}', 'fixed_ips': [{'ip_address': '10.0.0.5'}]}}, **{'as': 'port'})),
            by(who, step('POST', '/routers', {'router': {'external_gateway_info': {'network_id': '{ext.id}'}}}, **{'as': 'router'})),
            by(who, step('PUT', '/routers/{router.id}/add_router_interface', {'subnet_id': '{sub.id}'}))]


UNDO = [step('DELETE', '/ports/{port.id}'), step('PUT', '/routers/{router.id}/remove_router_interface', {'subnet_id': '{sub.id}'})]


def fill(add):
    def ask(who, method, path, body=None):
        return by(who, step(method, path, body))
    for who in ('ADMIN', 'A', 'B', 'READER', 'SERVICE', 'NOVA', 'NOROLE'):
        add(f'floatingip-create-{who}', OUTSIDE, ask(who, 'POST', '/floatingips', BODY), SHOW)
        mine = [*OUTSIDE, fip('A')]
        add(f'floatingip-show-{who}', mine, ask(who, 'GET', ONE), SHOW)
        add(f'floatingip-list-{who}', mine, ask(who, 'GET', '/floatingips?floating_network_id={ext.id}'), SHOW)
        add(f'floatingip-update-{who}', mine, ask(who, 'PUT', ONE, {'floatingip': {'description': 'x'}}), ['description'])
        add(f'floatingip-delete-{who}', mine, ask(who, 'DELETE', ONE))
        if who in ('ADMIN', 'A', 'B', 'READER'):
            add(f'floatingip-create-for-other-{who}', OUTSIDE, ask(who, 'POST', '/floatingips', {'floatingip': BODY['floatingip'] | {
                'project_id': '2' * 32}}), SHOW)
            forwarded = [*OUTSIDE, *inside('A'), fip('A'), by('A', step('POST', ONE + '/port_forwardings', FORWARD, **{'as': 'pf'}))]
            add(f'forwarding-create-{who}', forwarded[:-1], ask(who, 'POST', ONE + '/port_forwardings', FORWARD), ['protocol'], undo=UNDO)
            add(f'forwarding-show-{who}', forwarded, ask(who, 'GET', ONE + '/port_forwardings/{pf.id}'), ['protocol'], undo=UNDO)
            add(f'forwarding-list-{who}', forwarded, ask(who, 'GET', ONE + '/port_forwardings'), ['protocol'], undo=UNDO)
            add(f'forwarding-update-{who}', forwarded, ask(who, 'PUT', ONE + '/port_forwardings/{pf.id}', {'port_forwarding': {
                'description': 'x'}}), ['description'], undo=UNDO)
            add(f'forwarding-delete-{who}', forwarded, ask(who, 'DELETE', ONE + '/port_forwardings/{pf.id}'), undo=UNDO)
            add(f'l3-agents-{who}', [], ask(who, 'GET', f'/routers/{NOBODY}/l3-agents'))
            add(f'l3-routers-{who}', [], ask(who, 'GET', f'/agents/{NOBODY}/l3-routers'))
            add(f'l3-add-{who}', [], ask(who, 'POST', f'/agents/{NOBODY}/l3-routers', {'router_id': NOBODY}))
            add(f'l3-remove-{who}', [], ask(who, 'DELETE', f'/agents/{NOBODY}/l3-routers/{NOBODY}'))
            add(f'floatingip-pools-{who}', OUTSIDE, ask(who, 'GET', '/floatingip-pools?fields=cidr'), ['cidr'])
    for who in ('ADMIN', 'A', 'MANAGER', 'READER'):
        add(f'floatingip-address-{who}', OUTSIDE, ask(who, 'POST', '/floatingips', {'floatingip': BODY['floatingip'] | {
            'floating_ip_address': '192.0.2.77'}}), ['floating_ip_address'])
        add(f'floatingip-pool-{who}', OUTSIDE, ask(who, 'POST', '/floatingips', {'floatingip': BODY['floatingip'] | {
            'subnet_id': '{extsub.id}'}}), SHOW)
    ready = [*OUTSIDE, *inside('A')]
    for who in ('ADMIN', 'A', 'B'):
        add(f'floatingip-tie-own-{who}', [*ready, fip(who)], ask(who, 'PUT', ONE, {'floatingip': {'port_id': '{port.id}'}}),
            ['port_id', 'fixed_ip_address', 'router_id'], undo=UNDO)
        add(f'floatingip-tie-at-once-{who}', ready, ask(who, 'POST', '/floatingips', {'floatingip': BODY['floatingip'] | {
            'port_id': '{port.id}'}}), ['port_id', 'fixed_ip_address'], undo=UNDO)
        add(f'floatingip-router-{who}', ready, ask(who, 'POST', '/floatingips', {'floatingip': BODY['floatingip'] | {
            'port_id': '{port.id}', 'router_id': '{router.id}'}}), ['port_id', 'router_id'], undo=UNDO)
        add(f'port-of-others-floatingip-{who}', [*ready, fip('ADMIN', port_id='{port.id}')], ask(who, 'DELETE', '/ports/{port.id}'), undo=UNDO)
        add(f'port-of-own-floatingip-{who}', [*ready, fip('A', port_id='{port.id}')], ask(who, 'DELETE', '/ports/{port.id}'), undo=UNDO)
    add('floatingip-unknown-network-A', [], ask('A', 'POST', '/floatingips', {'floatingip': {'floating_network_id': NOBODY}}))
    add('floatingip-others-network-A', [by('B', step('POST', '/networks', {'network': {}}, **{'as': 'net'}))],
        ask('A', 'POST', '/floatingips', {'floatingip': {'floating_network_id': '{net.id}'}}))
    add('floatingip-list-others-port-B', [*ready, fip('A', port_id='{port.id}')], ask('B', 'GET', '/floatingips?port_id={port.id}'), SHOW, undo=UNDO)
    for verb in ('GET', 'PUT', 'DELETE'):
        add(f'floatingip-unknown-{verb.lower()}-A', [], ask('A', verb, f'/floatingips/{NOBODY}', {'floatingip': {}} if verb == 'PUT' else None))
        add(f'forwarding-unknown-{verb.lower()}-A', [*OUTSIDE, fip('A')], ask('A', verb, f'{ONE}/port_forwardings/{NOBODY}',
            {'port_forwarding': {}} if verb == 'PUT' else None))
