"""Who may do what to NDP proxies."""
from cases import step
from cases_ndp import INSIDE, JOIN, MANY, ONE, OUTSIDE, PORT, UNDO, proxy, router

WHO = ('ADMIN', 'A', 'B', 'READER', 'SERVICE', 'NOROLE', 'MANAGER')


def by(who, made):
    return made | {'who': who}


def fill(add):
    # Outside and pools are an administrator's, and shared where others make something of them.
    share = {'address-scopes': 'address_scope', 'subnetpools': 'subnetpool'}
    outside = []
    for made in OUTSIDE:
        kind = share.get(made['path'].rsplit('/', 1)[-1])
        body = {kind: made['body'][kind] | {'shared': True}} if kind else made['body']
        outside.append(made | {'body': body})
    ready = [*outside, *[by('A', made) for made in (*INSIDE, router(), JOIN, PORT)]]
    one = [*ready, by('A', proxy())]
    undo = [by('ADMIN', made) for made in UNDO]
    for who in WHO:
        add(f'ndp-create-{who}', ready, by(who, proxy()), ['ip_address'], undo=undo)
        add(f'ndp-list-{who}', one, by(who, step('GET', MANY + '?name={case}')), ['ip_address'], undo=undo)
        add(f'ndp-show-{who}', one, by(who, step('GET', ONE)), ['ip_address'], undo=undo)
        add(f'ndp-update-{who}', one, by(who, step('PUT', ONE, {'ndp_proxy': {'name': 'x'}})), ['name'], undo=undo)
        add(f'ndp-delete-{who}', one, by(who, step('DELETE', ONE)), undo=undo)
    mine = [*outside, *[by('A', made) for made in (*INSIDE, router(), JOIN)], PORT]
    add('ndp-create-port-other', mine, by('A', proxy()), undo=undo)
    add('ndp-create-project-other', ready, by('A', proxy(project_id='b' * 32)), ['project_id'], undo=undo)
