"""Cases of which agents serve which networks' DHCP, as operators say it."""
from cases import NOBODY, add, net, step

SERVED, BY = '/agents/{one.id}/dhcp-networks', '/networks/{net.id}/dhcp-agents'
ONE = SERVED + '/{net.id}'


def agent(host='h1', at='one', kind='DHCP%20agent'):
    return step('GET', f'/agents?agent_type={kind}&host={host}', **{'as': at})


def give(of='net', path=SERVED, **attrs):
    return step('POST', path, {'network_id': f'{{{of}.id}}'} | attrs)


def case(name, setup, request, show=(), **more):
    add('dhcp-agents-' + name, setup, request, list(show), needs='agents', **more)


def fill():
    base = [net(name='{case}'), agent()]
    case('give', base, give())
    case('give-twice', [*base, give()], give())
    case('give-second', [*base, agent('h2', 'two'), give()], give(path='/agents/{two.id}/dhcp-networks'))
    case('give-unknown-network', base, give(network_id=NOBODY))
    case('give-malformed-network', base, give(network_id='x'))
    case('give-unknown-agent', base, give(path=f'/agents/{NOBODY}/dhcp-networks'))
    case('give-malformed-agent', base, give(path='/agents/x/dhcp-networks'))
    case('give-other-agent', [net(), agent(kind='L3%20agent')], give())
    for label, body in {'empty': {}, 'null': {'network_id': None}, 'other': {'x': 1}, 'list': [1], 'object': {'network_id': {}}}.items():
        case(f'give-body-{label}', base, step('POST', SERVED, body))
    case('give-no-body', base, step('POST', SERVED))
    case('of-network', [*base, give()], step('GET', BY), ['host', 'agent_type', 'admin_state_up', 'alive'])
    case('of-network-two', [*base, agent('h2', 'two'), give(), give(path='/agents/{two.id}/dhcp-networks')], step('GET', BY), ['host'])
    case('of-network-none', base, step('GET', BY), ['host'])
    case('of-network-unknown', [], step('GET', f'/networks/{NOBODY}/dhcp-agents'), ['host'])
    case('of-agent-unknown', [], step('GET', f'/agents/{NOBODY}/dhcp-networks'), ['name'])
    case('of-agent-other', [agent(kind='L3%20agent')], step('GET', SERVED), ['name'])
    case('zones', [*base, give()], step('GET', '/networks/{net.id}'), ['availability_zones'])
    case('take', [*base, give()], step('DELETE', ONE))
    case('take-twice', [*base, give(), step('DELETE', ONE)], step('DELETE', ONE))
    case('take-shown', [*base, give(), step('DELETE', ONE)], step('GET', BY), ['host'])
    case('take-give', [*base, give(), step('DELETE', ONE), give()], step('GET', BY), ['host'])
    case('take-not-served', base, step('DELETE', ONE))
    case('take-unknown-network', base, step('DELETE', f'{SERVED}/{NOBODY}'))
    case('take-unknown-agent', base, step('DELETE', f'/agents/{NOBODY}/dhcp-networks/{{net.id}}'))
    case('take-other-agent', [net(), agent(kind='L3%20agent')], step('DELETE', ONE))
    case('delete-network', [*base, give()], step('DELETE', '/networks/{net.id}'))
    case('give-down', [*base, step('PUT', '/agents/{one.id}', {'agent': {'admin_state_up': False}})], give(),
         undo=[step('PUT', '/agents/{one.id}', {'agent': {'admin_state_up': True}})])
