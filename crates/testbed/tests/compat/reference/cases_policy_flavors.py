"""Who may do what to flavors, service profiles and service providers."""
from cases import NOBODY, step

MANY = ('ADMIN', 'A', 'B', 'READER', 'SERVICE', 'NOROLE', 'MANAGER')
DRIVER = 'neutron.services.l3_router.service_providers.single_node.SingleNodeDriver'


def by(who, made):
    return made | {'who': who}


def fill(add):
    body, info = {'flavor': {'name': '{case}', 'service_type': 'L3_ROUTER_NAT'}}, {'service_profile': {'driver': DRIVER}}
    flavor, profile = step('POST', '/flavors', body, **{'as': 'flavor'}), step('POST', '/service_profiles', info, **{'as': 'profile'})
    bind = step('POST', '/flavors/{flavor.id}/service_profiles', {'service_profile': {'id': '{profile.id}'}})
    for who in MANY:
        for kind, made, path, made_of in (('flavor', flavor, '/flavors', body), ('profile', profile, '/service_profiles', info)):
            one, key = f'{path}/{{{kind}.id}}', next(iter(made_of))
            add(f'flavor-{kind}-create-{who}', [], by(who, step('POST', path, made_of)))
            add(f'flavor-{kind}-list-{who}', [made], by(who, step('GET', f'{path}?id={{{kind}.id}}')), ['enabled'])
            add(f'flavor-{kind}-show-{who}', [made], by(who, step('GET', one)), ['*'])
            add(f'flavor-{kind}-update-{who}', [made], by(who, step('PUT', one, {key: {'description': 'x'}})), ['description'])
            add(f'flavor-{kind}-delete-{who}', [made], by(who, step('DELETE', one)))
        add(f'flavor-bind-{who}', [profile, flavor], by(who, bind))
        add(f'flavor-unbind-{who}', [profile, flavor, bind], by(who, step('DELETE', '/flavors/{flavor.id}/service_profiles/{profile.id}')))
        add(f'flavor-next-{who}', [profile, flavor, bind], by(who, step('GET', f'/flavors/{{flavor.id}}/next_providers/{NOBODY}')))
        add(f'flavor-providers-{who}', [], by(who, step('GET', '/service-providers')), ['name'])
        add(f'flavor-router-{who}', [profile, flavor, bind], by(who, step('POST', '/routers', {'router': {'flavor_id': '{flavor.id}'}})))
