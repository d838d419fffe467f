"""Who may do what to conntrack helpers of routers."""
from cases import step

MANY = ('ADMIN', 'A', 'B', 'READER', 'SERVICE', 'NOROLE', 'MANAGER')
URL = '/routers/{router.id}/conntrack_helpers'
ONE = URL + '/{helper.id}'


def by(who, made):
    return made | {'who': who}


def fill(add):
    router = [by('A', step('POST', '/routers', {'router': {'name': '{case}'}}, **{'as': 'router'}))]
    body = {'conntrack_helper': {'protocol': 'tcp', 'port': 21, 'helper': 'ftp'}}
    one = [*router, by('A', step('POST', URL, body, **{'as': 'helper'}))]
    for who in MANY:
        add(f'helper-create-{who}', router, by(who, step('POST', URL, body)), ['port'])
        add(f'helper-list-{who}', one, by(who, step('GET', URL)), ['port'])
        add(f'helper-show-{who}', one, by(who, step('GET', ONE)), ['port'])
        add(f'helper-update-{who}', one, by(who, step('PUT', ONE, {'conntrack_helper': {'port': 22}})), ['port'])
        add(f'helper-delete-{who}', one, by(who, step('DELETE', ONE)))
        add(f'helper-router-{who}', one, by(who, step('GET', '/routers/{router.id}')), ['conntrack_helpers'])
