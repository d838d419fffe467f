"""Who may see and change the tags of whose resources."""
from cases import step

FIRST = '1' * 32
MANY = ('ADMIN', 'A', 'B', 'READER', 'SERVICE', 'NOVA', 'NOROLE', 'MANAGER')


def by(who, made):
    return made | {'who': who}


def fill(add):
    def ask(who, method, path, body=None):
        return by(who, step(method, path, body))
    net = by('A', step('POST', '/networks', {'network': {}}, **{'as': 'net'}))
    shared = by('ADMIN', step('POST', '/networks', {'network': {'shared': True, 'project_id': FIRST}}, **{'as': 'net'}))
    group = by('A', step('POST', '/security-groups', {'security_group': {}}, **{'as': 'group'}))
    router = by('A', step('POST', '/routers', {'router': {}}, **{'as': 'router'}))
    port = by('A', step('POST', '/ports', {'port': {'network_id': '{net.id}'}}, **{'as': 'port'}))
    sub = by('A', step('POST', '/subnets', {'subnet': {'network_id': '{net.id}', 'ip_version': 4, 'cidr': '10.0.0.0/24'}}, **{'as': 'sub'}))
    of = {'network': ([net], '/networks/{net.id}'), 'shared': ([shared], '/networks/{net.id}'), 'group': ([group], '/security-groups/{group.id}'),
          'router': ([router], '/routers/{router.id}'), 'port': ([net, port], '/ports/{port.id}'), 'subnet': ([net, sub], '/subnets/{sub.id}')}
    for kind, (setup, at) in of.items():
        setup = [*setup, by('ADMIN', step('PUT', at + '/tags', {'tags': ['a']}))]
        for who in MANY if kind in ('network', 'shared') else ('A', 'READER', 'NOVA'):
            add(f'tags-{kind}-list-{who}', setup, ask(who, 'GET', at + '/tags'), ['tags'], bare=True)
            add(f'tags-{kind}-find-{who}', setup, ask(who, 'GET', at + '/tags/a'))
            add(f'tags-{kind}-add-{who}', setup, ask(who, 'POST', at + '/tags', {'tags': ['b']}), ['tags'], bare=True)
            add(f'tags-{kind}-one-{who}', setup, ask(who, 'PUT', at + '/tags/b'))
            add(f'tags-{kind}-replace-{who}', setup, ask(who, 'PUT', at + '/tags', {'tags': ['b']}), ['tags'], bare=True)
            add(f'tags-{kind}-delete-{who}', setup, ask(who, 'DELETE', at + '/tags/a'))
            add(f'tags-{kind}-delete-all-{who}', setup, ask(who, 'DELETE', at + '/tags'))
