"""Cases of networks that are shared, and made external, by RBAC policies."""
from cases import NOBODY, add, net, plain, port, step, sub

ALL, OTHER, THIRD = '/rbac-policies', 'b' * 32, 'c' * 32
P, N = ALL + '/{share.id}', '/networks/{net.id}'
SHOWN = ['object_type', 'action', 'target_tenant', 'project_id']
GONE = [step('DELETE', '/ports/{port.id}')]
EXT = 'access_as_external'


def share(at='share', of='net', **attrs):
    return step('POST', ALL, {'rbac_policy': {'object_type': 'network', 'object_id': f'{{{of}.id}}', 'action': 'access_as_shared',
                                              'target_tenant': OTHER} | attrs}, **{'as': at})


def to(target):
    return step('PUT', P, {'rbac_policy': {'target_tenant': target}})


def open_to(at='share', **attrs):
    return share(at, action=EXT, **attrs)


def change(**attrs):
    return step('PUT', N, {'network': attrs})


def fill():
    one = [net()]
    look = ['shared', 'router:external', 'revision_number']
    add('net-share', one, share(), SHOWN)
    add('net-share-shape', one, share(), ['*'])
    add('net-share-everyone', one, share(target_tenant='*'), SHOWN)
    add('net-share-twice', [*one, share()], share('again'))
    add('net-share-unknown', [], share(object_id=NOBODY))
    add('net-share-other-action', one, share(action='x'))
    add('net-share-shown', [*one, share()], step('GET', N), look)
    add('net-share-everyone-shown', [*one, share(target_tenant='*')], step('GET', N), look)
    add('net-share-everyone-subnet', [*one, sub(), share(target_tenant='*')], step('GET', '/subnets?network_id={net.id}&shared=true'), ['name'])
    add('net-share-listed', [net(name='{case}'), share(target_tenant='*')], step('GET', '/networks?name={case}&shared=true'), look)
    add('net-share-own-listed', [net(name='{case}'), share()], step('GET', '/networks?name={case}&shared=false'), look)
    add('net-share-to', [*one, share()], to(THIRD), SHOWN)
    add('net-share-end', [*one, share()], step('DELETE', P))
    add('net-share-end-shown', [*one, share(target_tenant='*'), step('DELETE', P)], step('GET', N), look)
    add('net-share-of-deleted', [*one, share(), step('DELETE', N)], step('GET', P))
    add('net-shared-policy', [net(shared=True)], step('GET', ALL + '?object_id={net.id}'), SHOWN)
    add('net-shared-again', [net(shared=True)], share(target_tenant='*'))
    add('net-shared-no-more', [net(shared=True), change(shared=False)], step('GET', ALL + '?object_id={net.id}'), SHOWN)
    add('net-shared-later', [*one, change(shared=True)], step('GET', ALL + '?object_id={net.id}'), SHOWN)
    add('net-shared-false-keeps', [*one, share()], change(shared=False), look)
    add('net-shared-false-kept', [*one, share(), change(shared=False)], step('GET', ALL + '?object_id={net.id}'), SHOWN)
    used = [*one, share(), port(project_id=OTHER)]
    add('net-share-used-end', used, step('DELETE', P), undo=GONE)
    for label, target in {'third': THIRD, 'everyone': '*', 'same': OTHER, 'owner': 'a' * 32}.items():
        add(f'net-share-used-to-{label}', used, to(target), SHOWN, undo=GONE)
    add('net-share-used-covered', [*used, share('all', target_tenant='*')], step('DELETE', P), undo=GONE)
    everyone = [*one, share(target_tenant='*'), port(project_id=OTHER)]
    add('net-share-used-everyone-end', everyone, step('DELETE', P), undo=GONE)
    add('net-share-used-everyone-to', everyone, to(OTHER), SHOWN, undo=GONE)
    add('net-share-used-everyone-off', everyone, change(shared=False), look, undo=GONE)
    add('net-share-used-everyone-covered', [*everyone, share('own')], step('DELETE', P), undo=GONE)
    add('net-share-used-everyone-covered-off', [*everyone, share('own')], change(shared=False), look, undo=GONE)
    add('net-share-own-port', [*one, share(), port()], step('DELETE', P), undo=GONE)
    of_external(one, look)


def of_external(one, look):
    place = [*one, sub(cidr='203.0.113.0/24')]
    way = {'external_gateway_info': {'network_id': '{net.id}'}}
    router = step('POST', '/routers', {'router': way | {'project_id': OTHER}}, **{'as': 'router'})
    own = step('POST', '/routers', {'router': way}, **{'as': 'router'})
    off = [step('PUT', '/routers/{router.id}', {'router': {'external_gateway_info': None}})]
    add('net-open', one, open_to(), SHOWN)
    add('net-open-shown', [*one, open_to()], step('GET', N), look)
    add('net-open-listed', [net(name='{case}'), open_to()], step('GET', '/networks?name={case}&router:external=true'), look)
    add('net-open-end-shown', [*one, open_to(), step('DELETE', P)], step('GET', N), look)
    add('net-open-one-of-two', [*one, open_to(), open_to('two', target_tenant=THIRD), step('DELETE', P)], step('GET', N), ['router:external'])
    add('net-open-false', [*one, open_to(), change(**{'router:external': False})], step('GET', ALL + '?object_id={net.id}'), SHOWN)
    add('net-open-true-again', [*one, open_to(), change(**{'router:external': True})], step('GET', ALL + '?object_id={net.id}'), SHOWN)
    add('net-external-policy', [net(more={'router:external': True})], step('GET', ALL + '?object_id={net.id}'), SHOWN)
    add('net-external-later', [*one, change(**{'router:external': True})], step('GET', ALL + '?object_id={net.id}'), SHOWN)
    add('net-open-to', [*one, open_to()], to(THIRD), SHOWN)
    add('net-open-used-end', [*place, open_to(), router], step('DELETE', P), undo=off)
    for label, target in {'third': THIRD, 'everyone': '*', 'same': OTHER}.items():
        add(f'net-open-used-to-{label}', [*place, open_to(), router], to(target), SHOWN, undo=off)
    add('net-open-used-false', [*place, open_to(), router], change(**{'router:external': False}), undo=off)
    add('net-open-used-covered', [*place, open_to(), router, open_to('all', target_tenant='*')], step('DELETE', P), undo=off)
    everyone = [*place, open_to(target_tenant='*'), router]
    add('net-open-used-everyone-end', everyone, step('DELETE', P), undo=off)
    add('net-open-used-everyone-to', everyone, to(OTHER), SHOWN, undo=off)
    add('net-open-used-everyone-to-third', everyone, to(THIRD), SHOWN, undo=off)
    add('net-open-used-everyone-covered', [*everyone, open_to('own')], step('DELETE', P), undo=off)
    add('net-open-own-router', [*place, open_to(target_tenant='*'), own], step('DELETE', P), undo=off)
    add('net-open-pool', [], step('POST', ALL, {'rbac_policy': plain({'object_type': 'address_group', 'object_id': NOBODY, 'action': EXT, 'target_tenant': OTHER})}))
