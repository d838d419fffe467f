"""Who may do what to local IPs."""
from cases import step
from cases_local_ips import BELOW, MADE, MANY, NET, ONE, STANDS, STOOD, UNDO, at, local, stand

WHO = ('ADMIN', 'A', 'B', 'READER', 'SERVICE', 'NOROLE', 'MANAGER')


def by(who, made):
    return made | {'who': who}


def fill(add):
    mine = lambda steps: [by('A', made) for made in steps]
    undo = [by('ADMIN', made) for made in UNDO]
    ready, one, stood = mine([*NET, at()]), mine(MADE), mine(STOOD)
    for who in WHO:
        add(f'local-ip-create-{who}', ready, by(who, local(network_id='{net.id}', local_ip_address='10.0.0.100')), ['local_ip_address'])
        add(f'local-ip-create-any-{who}', ready, by(who, local(network_id='{net.id}')), ['ip_mode'])
        add(f'local-ip-create-port-{who}', ready, by(who, local(local_port_id='{port.id}')), ['local_ip_address'])
        add(f'local-ip-list-{who}', one, by(who, step('GET', MANY + '?name={case}')), ['local_ip_address'])
        add(f'local-ip-show-{who}', one, by(who, step('GET', ONE)), ['local_ip_address'])
        add(f'local-ip-update-{who}', one, by(who, step('PUT', ONE, {'local_ip': {'description': 'x'}})), ['description'])
        add(f'local-ip-delete-{who}', one, by(who, step('DELETE', ONE)))
        add(f'local-ip-stand-create-{who}', one, by(who, stand()), STANDS, undo=undo)
        add(f'local-ip-stand-list-{who}', stood, by(who, step('GET', BELOW)), STANDS, undo=undo)
        add(f'local-ip-stand-show-{who}', stood, by(who, step('GET', BELOW + '/{port.id}')), STANDS, undo=undo)
        add(f'local-ip-stand-delete-{who}', stood, by(who, step('DELETE', BELOW + '/{port.id}')), undo=undo)
    add('local-ip-create-project-other', ready, by('A', local(local_port_id='{port.id}', project_id='b' * 32)), ['project_id'])
    others = [*mine(NET), by('ADMIN', at()), by('A', local(network_id='{net.id}', local_ip_address='10.0.0.100'))]
    add('local-ip-stand-port-other', others, by('A', stand()), STANDS, undo=undo)
