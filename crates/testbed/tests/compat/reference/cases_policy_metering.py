"""Who may do what to metering labels and their rules."""
from cases import step

MANY = ('ADMIN', 'A', 'B', 'READER', 'SERVICE', 'NOROLE', 'MANAGER')
L, R = '/metering/metering-labels', '/metering/metering-label-rules'


def by(who, made):
    return made | {'who': who}


def fill(add):
    body = {'metering_label': {'name': '{case}'}}
    label = step('POST', L, body, **{'as': 'label'})
    rules = {'metering_label_rule': {'metering_label_id': '{label.id}', 'direction': 'egress', 'source_ip_prefix': '10.0.0.0/24'}}
    rule = step('POST', R, rules, **{'as': 'rule'})
    for who in MANY:
        for of in ('ADMIN', 'MANAGER'):
            made = [by(of, label)]
            add(f'metering-label-show-{of}-{who}', made, by(who, step('GET', L + '/{label.id}')), ['*'])
            add(f'metering-label-list-{of}-{who}', made, by(who, step('GET', L + '?id={label.id}')), ['shared'])
            add(f'metering-label-delete-{of}-{who}', made, by(who, step('DELETE', L + '/{label.id}')))
            add(f'metering-rule-create-{of}-{who}', made, by(who, rule), ['direction'])
            made = [*made, by(of, rule)]
            add(f'metering-rule-show-{of}-{who}', made, by(who, step('GET', R + '/{rule.id}')), ['*'])
            add(f'metering-rule-list-{of}-{who}', made, by(who, step('GET', R + '?id={rule.id}')), ['direction'])
            add(f'metering-rule-delete-{of}-{who}', made, by(who, step('DELETE', R + '/{rule.id}')))
        add(f'metering-label-create-{who}', [], by(who, step('POST', L, body)), ['shared'])
        add(f'metering-label-share-{who}', [], by(who, step('POST', L, {'metering_label': {'name': '{case}', 'shared': True}})), ['shared'])
        add(f'metering-label-other-{who}', [], by(who, step('POST', L, {'metering_label': {'name': '{case}', 'project_id': 'c' * 32}})), ['project_id'])
