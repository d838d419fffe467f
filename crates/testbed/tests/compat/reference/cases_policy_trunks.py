"""Who may do what to trunks."""
from cases import step

P = '/trunks/{trunk.id}'
MANY = ('ADMIN', 'A', 'B', 'READER', 'SERVICE', 'NOROLE')


def fill(add):
    def ask(who, method, path, body=None, **more):
        return step(method, path, body, **more) | {'who': who}
    first = [ask('A', 'POST', '/networks', {'network': {}}, **{'as': 'net'})]
    for at in ('parent', 'one'):
        first.append(ask('A', 'POST', '/ports', {'port': {'network_id': '{net.id}'}}, **{'as': at}))
    below = {'sub_ports': [{'port_id': '{one.id}', 'segmentation_type': 'vlan', 'segmentation_id': 5}]}

    def trunk(who, **more):
        return ask(who, 'POST', '/trunks', {'trunk': {'port_id': '{parent.id}', 'name': '{case}'} | more}, **{'as': 'trunk'})
    own, full = [*first, trunk('A')], [*first, trunk('A', **below)]
    for who in MANY:
        add(f'trunk-create-{who}', first, trunk(who), ['name', 'project_id'])
        add(f'trunk-create-below-{who}', first, trunk(who, **below), ['sub_ports'])
        add(f'trunk-show-{who}', full, ask(who, 'GET', P), ['name', 'sub_ports'])
        add(f'trunk-list-{who}', full, ask(who, 'GET', '/trunks?name={case}'), ['name'])
        add(f'trunk-update-{who}', own, ask(who, 'PUT', P, {'trunk': {'description': 'x'}}), ['description'])
        add(f'trunk-delete-{who}', own, ask(who, 'DELETE', P))
        add(f'trunk-add-{who}', own, ask(who, 'PUT', P + '/add_subports', below), ['sub_ports'], bare=True)
        add(f'trunk-remove-{who}', full, ask(who, 'PUT', P + '/remove_subports', {'sub_ports': [{'port_id': '{one.id}'}]}), ['sub_ports'], bare=True)
        add(f'trunk-subs-{who}', full, ask(who, 'GET', P + '/get_subports'), ['sub_ports'], bare=True)
        add(f'trunk-tag-{who}', own, ask(who, 'PUT', P + '/tags', {'tags': ['a']}), ['tags'], bare=True)
        add(f'trunk-untag-{who}', own, ask(who, 'DELETE', P + '/tags'))
        add(f'trunk-parent-delete-{who}', own, ask(who, 'DELETE', '/ports/{parent.id}'))
    add('trunk-add-bad-B', own, ask('B', 'PUT', P + '/add_subports', {'sub_ports': 'x'}))
    add('trunk-add-bad-READER', own, ask('READER', 'PUT', P + '/add_subports', {'sub_ports': 'x'}))
