"""Cases of tags: of every kind of resource that has some, and what one request may say of them."""
from cases import LONG, NOBODY, add, make, net, port, slug, step, sub


def tagged(at, tags):
    return step('PUT', f'{at}/tags', {'tags': tags})


def fill():
    router = step('POST', '/routers', {'router': {'name': '{case}'}}, **{'as': 'router'})
    group = step('POST', '/security-groups', {'security_group': {'name': '{case}'}}, **{'as': 'group'})
    outside = [make('network', 'net', more={'router:external': True}), sub()]
    fip = step('POST', '/floatingips', {'floatingip': {'floating_network_id': '{net.id}'}}, **{'as': 'fip'})
    kinds = {'network': ([net()], '/networks/{net.id}'), 'subnet': ([net(), sub()], '/subnets/{sub.id}'),
             'port': ([net(), port()], '/ports/{port.id}'), 'router': ([router], '/routers/{router.id}'),
             'security-group': ([group], '/security-groups/{group.id}'), 'floatingip': ([*outside, fip], '/floatingips/{fip.id}')}
    for kind, (setup, at) in kinds.items():
        def bare(name, before, request, of=kind):
            add(f'tags-{of}-{name}', before, request, ['tags'], bare=True)
        bare('none', setup, step('GET', at + '/tags'))
        bare('add', setup, step('POST', at + '/tags', {'tags': ['a', 'b']}))
        bare('after-add', [*setup, tagged(at, ['a']), step('POST', at + '/tags', {'tags': ['a', 'b']})], step('GET', at + '/tags'))
        bare('replace', setup, step('PUT', at + '/tags', {'tags': ['a', 'b']}))
        bare('after-replace', [*setup, tagged(at, ['a', 'b']), tagged(at, ['c'])], step('GET', at + '/tags'))
        add(f'tags-{kind}-one-add', setup, step('PUT', at + '/tags/a'))
        add(f'tags-{kind}-one-find', [*setup, tagged(at, ['a'])], step('GET', at + '/tags/a'))
        add(f'tags-{kind}-one-miss', setup, step('GET', at + '/tags/a'))
        add(f'tags-{kind}-one-delete', [*setup, tagged(at, ['a'])], step('DELETE', at + '/tags/a'))
        add(f'tags-{kind}-one-delete-miss', setup, step('DELETE', at + '/tags/a'))
        add(f'tags-{kind}-delete', [*setup, tagged(at, ['a'])], step('DELETE', at + '/tags'))
        add(f'tags-{kind}-shown', [*setup, tagged(at, ['a', 'b'])], step('GET', at), ['tags'])
    at, one = '/networks/{net.id}', [net()]
    for verb in ('POST', 'PUT'):
        low = verb.lower()
        for which, value in enumerate((None, 5, 'a', {}, [5], [None], [['a']], ['a', 'a'], [''], [LONG[255]], [LONG[256]], [' a '], ['a,b'], ['a/b'],
                      ['\u00e4'], [str(n) for n in range(50)], [str(n) for n in range(51)], [])):
            add(f'tags-{low}-{which}-{slug(value)}', one, step(verb, at + '/tags', {'tags': value}), ['tags'], bare=True)
        for label, raw in {'notjson': '{', 'empty': '', 'list': '[1]', 'null': 'null', 'wrongkey': '{"tag": []}', 'text': '"a"'}.items():
            add(f'tags-{low}-body-{label}', one, step(verb, at + '/tags', raw=raw), ['tags'], bare=True)
        add(f'tags-{low}-extra-key', one, step(verb, at + '/tags', {'tags': ['a'], 'more': 1}), ['tags'], bare=True)
    many = [*one, tagged(at, [str(n) for n in range(50)])]
    add('tags-one-too-many', many, step('PUT', at + '/tags/more'))
    add('tags-one-again-full', many, step('PUT', at + '/tags/7'))
    add('tags-post-too-many', many, step('POST', at + '/tags', {'tags': ['more']}))
    for label, tag in {'dot': 'a.b', 'json': 'a.json', 'blank': 'a%20b', 'comma': 'a,b', 'plus': 'a+b', 'umlaut': '%C3%A4', 'long': LONG[256],
                       'longest': LONG[255], 'slash': 'a%2Fb', 'amp': 'a%26b', 'equal': 'a=b'}.items():
        add(f'tags-url-{label}', one, step('PUT', f'{at}/tags/{tag}'))
        add(f'tags-url-{label}-after', [*one, step('PUT', f'{at}/tags/{tag}', **({'fails': True} if label == 'long' else {}))], step('GET', at), ['tags'])
    add('tags-one-body', one, step('PUT', at + '/tags/a', {'tags': ['b']}))
    add('tags-one-post', one, step('POST', at + '/tags/a'))
    add('tags-delete-body', [*one, tagged(at, ['a'])], step('DELETE', at + '/tags', {'tags': ['a']}))
    add('tags-of-unknown-get', [], step('GET', f'/networks/{NOBODY}/tags'))
    add('tags-of-unknown-one-put', [], step('PUT', f'/networks/{NOBODY}/tags/a'))
    add('tags-of-agents', [], step('GET', f'/agents/{NOBODY}/tags'))
    add('tags-of-rules', [], step('GET', f'/security-group-rules/{NOBODY}/tags'))
    show = ['revision_number', 'tags']
    add('tags-revision-add', [*one, step('POST', at + '/tags', {'tags': ['a', 'b']})], step('GET', at), show)
    add('tags-revision-same', [*one, tagged(at, ['a']), tagged(at, ['a'])], step('GET', at), show)
    add('tags-revision-replace', [*one, tagged(at, ['a']), tagged(at, ['b'])], step('GET', at), show)
    add('tags-revision-delete', [*one, tagged(at, ['a']), step('DELETE', at + '/tags')], step('GET', at), show)
    add('tags-revision-delete-none', [*one, step('DELETE', at + '/tags')], step('GET', at), show)
    several = [net('one', name='{case}-1'), net('two', name='{case}-2'), net('three', name='{case}-3'),
               tagged('/networks/{one.id}', ['a', 'b']), tagged('/networks/{two.id}', ['b', 'c'])]
    names = 'name={case}-1&name={case}-2&name={case}-3'
    for label, query in {'all': 'tags=a,b', 'all-one': 'tags=b', 'all-two': 'tags=a&tags=b', 'any': 'tags-any=a,c', 'not': 'not-tags=b,c',
                         'not-any': 'not-tags-any=a', 'not-any-two': 'not-tags-any=a,c', 'empty': 'tags=', 'miss': 'tags=z', 'both': 'tags=b&not-tags=c',
                         'case': 'tags=A', 'any-empty': 'tags-any=', 'not-empty': 'not-tags='}.items():
        add(f'tags-filter-{label}', several, step('GET', f'/networks?{query}&{names}'), ['name', 'tags'])
