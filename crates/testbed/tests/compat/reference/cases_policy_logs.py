"""Who may do what to logs."""
from cases import step
from cases_logs import GROUP, MANY, ONE, log

WHO = ('ADMIN', 'A', 'B', 'READER', 'SERVICE', 'NOROLE', 'MANAGER')


def by(who, made):
    return made | {'who': who}


def fill(add):
    for owner in ('ADMIN', 'MANAGER'):
        made = [by(owner, log())]
        for who in WHO:
            add(f'log-list-{owner}-{who}', made, by(who, step('GET', MANY + '?name={case}')), ['event'])
            add(f'log-show-{owner}-{who}', made, by(who, step('GET', ONE)), ['event'])
            add(f'log-update-{owner}-{who}', made, by(who, step('PUT', ONE, {'log': {'enabled': False}})), ['enabled'])
            add(f'log-delete-{owner}-{who}', made, by(who, step('DELETE', ONE)))
    for who in WHO:
        add(f'log-create-{who}', [], by(who, log()), ['event'])
        add(f'log-types-{who}', [], by(who, step('GET', '/log/loggable-resources')), ['type'])
    add('log-create-group-other', [by('B', GROUP)], by('MANAGER', log(resource_id='{group.id}')), ['event'])
