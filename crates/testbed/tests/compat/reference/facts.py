#!/usr/bin/env python3
"""Asks the reference server every case of cases*.py and writes facts.json beside this file.

    [ONLY=REGEX] ORACLE=<folder of oracle.py> <python of the reference's environment> facts.py [--check|--merge] [--shuffle SEED]

With ONLY, the cases of such names are asked and their answers printed; with --merge, they replace what is stored of them.
A case whose setup fails is left out.
--check writes nothing and reports what differs from the stored file; with --shuffle, which runs the cases
in another order, a difference is something random or left behind that a case must not show.

A case starts with its own resources (`setup`), makes one `request` and is then cleaned up, so cases may
be replayed in any order against one server.  Replay rules, also for other readers of facts.json:
  - a step or request has method, path, and at most one of body (JSON) and raw (text sent as it is with
    content type application/json), and optional headers;
  - "as" stores the resource of the answer (of a list: its first item); "{name.key.0.key}" in any string
    of path, body, raw and headers is replaced by what that path leads to there; the expectation is to be
    replaced the same way; a step marked "fails" must be refused;
  - clean-up: `undo` requests, then DELETE of all that setup and request created, last first;
  - expect.body has the shown attributes only, of the answer itself where it has no key around it; a list answer is {key: [items]}, in any order unless
    `ordered`; links is the list of rel names of <key>_links; `absent` names keys that must not be
    there; "attr#" is a length, "attr.sub" sub of the object attr or its values over the items of the list, "*" all keys;
  - "settles": a server that places routers after the request may be asked again for a moment;
  - lists compare as sets, except dns_nameservers; type is NeutronError.type, null without envelope.
"""
import json
import os
import random
import re
import sys
import time
import types

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.environ['ORACLE']]
sys.dont_write_bytecode = True
# without subnet_dns_publish_fixed_ip: dns_domain_keywords extends it, and with both every DNS row is written twice (409)
os.environ.setdefault('EXT_DRIVERS', (
    'port_security qos dns_domain_keywords data_plane_status uplink_status_propagation uplink_status_propagation_updatable '
    'port_device_profile port_numa_affinity_policy port_hints port_hint_ovs_tx_steering port_trusted port_hardware_offload_type '
    'tag_ports_during_bulk_creation'))
import cases  # noqa: E402
import oracle  # noqa: E402
from neutron.api.rpc.agentnotifiers import l3_rpc_agent_api  # noqa: E402
from neutron.notifiers import batch_notifier  # noqa: E402
from oslo_db import api as oslo_db_api  # noqa: E402

OUT = os.path.join(HERE, 'facts.json')
ORDERED = {'dns_nameservers'}
HOLE = re.compile(r'\{([a-z0-9_]+(?:\.[a-zA-Z0-9_:]+)+)\}')
HEADER = {
    'about': 'answers of the reference server to an admin of project ' + 'a' * 32 + '; how to replay: see facts.py',
    'reference': 'neutron 29.0.0, neutron-lib 5.0.1, as set up by export.py of the API reference',
    'config': {
        'type_drivers': 'flat,vlan,vxlan,gre,geneve,local', 'project_network_types': 'vxlan,vlan,gre,geneve',
        'network_vlan_ranges': 'physnet1:100:200,physnet2', 'flat_networks': '*', 'vxlan vni_ranges': '1000:2000',
        'gre tunnel_id_ranges': '1000:2000', 'geneve vni_ranges': '1000:2000', 'geneve max_header_size': 38,
        'mechanism_drivers': 'openvswitch,l2population,sriovnicswitch,macvtap', 'dns_domain': 'openstacklocal'},
    'agents': 'Open vSwitch, L3 and DHCP agents report from hosts h1 h2 h3 before the run and stay alive (oracle.py agents(3)); '
              'cases that look at them carry "needs": "agents"; a case with "spends": "agents" deletes one: report it again',
    'quirk': 'true: the reference itself fails (status 500, or a duplicate database key as the answer); a compatible server may answer sanely',
}


class Server:
    def __init__(self):
        self.versions = None
        self.beat = 0

    def ask(self, method, path, body=None, raw=None, headers=None):
        if time.time() - self.beat > 20:
            oracle.app()
            oslo_db_api.time = types.SimpleNamespace(sleep=lambda _: None)   # duplicate keys are retried: at once
            batch_notifier.BatchNotifier.queue_event = lambda *_: None   # no Nova and Placement to tell
            # no agent answers when it is given a router: as if each did, at once
            l3_rpc_agent_api.L3AgentNotifyAPI._notification_host = lambda *_, **__: None
            oracle.agents(3)
            self.beat = time.time()
        if path.startswith('/v2.0'):
            return oracle.call(oracle.ADMIN, method, path[5:], body, headers, None if raw is None else raw.encode())
        import webob
        if self.versions is None:
            from neutron.pecan_wsgi import app
            self.versions = app.versions_factory({})
        resp = webob.Request.blank(path, base_url='http://oracle:9696', method=method).get_response(self.versions)
        try:
            return resp.status_int, resp.json, resp
        except ValueError:
            return resp.status_int, resp.text, resp


def fill(value, known):
    """value with its placeholders replaced"""
    if isinstance(value, str):
        def look(m):
            at, *rest = m.group(1).split('.')
            at = known[at]
            for key in rest:
                at = at[int(key)] if isinstance(at, list) else at[key]
            return str(at)
        return HOLE.sub(look, value)
    if isinstance(value, list):
        return [fill(v, known) for v in value]
    if isinstance(value, dict):
        return {k: fill(v, known) for k, v in value.items()}
    return value


def unfill(value, known):
    """the reverse for ids: those stored under a name become placeholders"""
    if isinstance(value, str):
        for name, thing in known.items():
            if isinstance(thing, dict) and thing.get('id'):
                value = value.replace(thing['id'], '{%s.id}' % name)
        return value.replace('http://oracle:9696', '{base}')
    if isinstance(value, list):
        return [unfill(v, known) for v in value]
    if isinstance(value, dict):
        return {k: unfill(v, known) for k, v in value.items()}
    return value


def settle(key, value):
    """lists in an order of their own"""
    if isinstance(value, dict):
        return {k: settle(k, v) for k, v in value.items()}
    if isinstance(value, list):
        value = [settle('', v) for v in value]
        return value if key in ORDERED else sorted(value, key=lambda v: json.dumps(v, sort_keys=True))
    return value


def pick(item, show, known):
    """the shown part of one object, and the keys asked for that it lacks"""
    out, absent = {}, []
    for what in show:
        name, dot, sub = what.partition('.')
        if what == '*':
            out[what] = sorted(item)
        elif name.rstrip('#') not in item:
            absent.append(name.rstrip('#'))
        elif what.endswith('#'):
            out[what] = len(item[what[:-1]])
        elif dot and (item[name] is None or isinstance(item[name], dict)):
            out[what] = item[name] and item[name].get(sub)
        elif dot:
            out[what] = [v.get(sub) for v in item[name]]
        else:
            out[what] = item[what]
    return settle('', unfill(out, known)), absent


def judge(answer, case, known):
    status, body, _ = answer
    error = body.get('NeutronError') if isinstance(body, dict) else None
    expect = {'status': status, 'type': error.get('type') if isinstance(error, dict) else None}
    if status >= 400:
        if isinstance(body, dict) and not error:
            expect['keys'] = sorted(body)
        return expect
    if not isinstance(body, dict):
        return expect if isinstance(body, str) else expect | {'body': body}
    shown, absent = {}, []
    if case.get('bare'):
        expect['body'], absent = pick(body, case['show'], known)
        return expect | ({'absent': sorted(absent)} if absent else {})
    for key, value in body.items():
        if key.endswith('_links') and isinstance(value, list):
            shown['links'] = sorted(link['rel'] for link in value)
        elif isinstance(value, list):
            rows = [pick(v, case['show'], known) for v in value]
            absent += [a for _, lacks in rows for a in lacks]
            rows = [row for row, _ in rows]
            shown[key] = rows if case.get('ordered') else settle('', rows)
        elif isinstance(value, dict):
            shown[key], absent = pick(value, case['show'], known)
        else:
            shown[key] = value
    if case.get('limit') and 'links' not in shown:
        shown['links'] = None
    expect['body'] = shown
    if absent:
        expect['absent'] = sorted(set(absent))
    return expect


def created(path, status, body):
    """paths of what an answer says was made"""
    if status != 201 or not isinstance(body, dict):
        return []
    path = path.split('?')[0].removesuffix('.json')
    for value in body.values():
        things = value if isinstance(value, list) else [value]
        return [f'{path}/{t["id"]}' for t in things if isinstance(t, dict) and 'id' in t]
    return []


def run(server, case):
    known, made, started = {}, [], time.time()

    def send(step):
        step = fill(step, known)
        answer = server.ask(step['method'], step['path'], step.get('body'), step.get('raw'), step.get('headers'))
        if step['method'] == 'POST':
            made.extend(created(step['path'], *answer[:2]))
        return answer
    for step in case['setup']:
        status, body, _ = send(step)
        if (status >= 400) != bool(step.get('fails')):
            print(f'{case["name"]}: setup {step} -> {status} {body}', file=sys.stderr)
            return {'status': 0}
        if 'as' in step and isinstance(body, dict):
            value = next(iter(body.values()))
            known[step['as']] = value[0] if isinstance(value, list) else value
    answer = send(case['request'])
    expect = judge(answer, case, known)
    if case.get('spends'):
        server.beat = 0
    for step in case.get('undo', ()):
        send(step)
    for path in reversed(made):
        status, body, _ = server.ask('DELETE', path)
        if status not in (204, 404):
            print(f'{case["name"]}: clean-up {path} -> {status} {body}', file=sys.stderr)
    if time.time() - started > 5:
        print(f'{case["name"]}: took {time.time() - started:.0f} s', file=sys.stderr)
    if os.environ.get('VERBOSE') and (answer[0] >= 400 or os.environ['VERBOSE'] == 'all'):
        print(case['name'], answer[0], json.dumps(answer[1]), file=sys.stderr)
    return expect


def write(lines):
    with open(OUT, 'w') as f:
        f.write('{"header":' + json.dumps(HEADER, indent=1) + ',\n"cases":[\n' + ',\n'.join(lines) + '\n]}\n')
    print(f'{len(lines)} cases')


def main():
    check = '--check' in sys.argv
    todo = sorted(cases.all_cases(), key=lambda c: c['name'])
    if len({c['name'] for c in todo}) != len(todo):
        seen = [c['name'] for c in todo]
        sys.exit(f'names used twice: {sorted({n for n in seen if seen.count(n) > 1})}')
    only = os.environ.get('ONLY')
    todo = [c for c in todo if not only or re.search(only, c['name'])]
    order = list(todo)
    if '--shuffle' in sys.argv:
        random.Random(sys.argv[-1]).shuffle(order)
    server, results = Server(), {}
    for case in order:
        results[case['name']] = run(server, case)
    lines = []
    for case in todo:
        if not results[case['name']]['status']:
            continue
        fact = {k: case[k] for k in ('name', 'needs', 'spends', 'settles', 'ordered', 'setup', 'request', 'undo')
                if k == 'setup' or case.get(k)}
        fact['expect'] = results[case['name']]
        if fact['expect']['status'] >= 500 or fact['expect']['type'] == 'NeutronDbObjectDuplicateEntry':
            fact['quirk'] = True
        lines.append(json.dumps(fact, separators=(',', ':'), sort_keys=False))
    if '--merge' in sys.argv:
        with open(OUT) as f:
            stored = {c['name']: json.dumps(c, separators=(',', ':')) for c in json.load(f)['cases']}
        known = {c['name'] for c in cases.all_cases()}
        merged = stored | {json.loads(line)['name']: line for line in lines}
        write([merged[name] for name in sorted(merged) if name in known])
    elif only:
        print('\n'.join(lines))
    elif check:
        with open(OUT) as f:
            old = {c['name']: c for c in json.load(f)['cases']}
        new = {c['name']: c for c in map(json.loads, lines)}
        for name in sorted(set(old) | set(new)):
            if old.get(name) != new.get(name):
                print('differs:', name, json.dumps(old.get(name)), json.dumps(new.get(name)), sep='\n  ')
    else:
        write(lines)
    if os.environ.get('LEFTOVER', '1'):
        for kind in ('routers', 'networks', 'ports', 'subnets'):
            left = server.ask('GET', f'/v2.0/{kind}?fields=name')[1][kind]
            if left:
                print(f'left over {kind}: {left[:5]}', file=sys.stderr)


if __name__ == '__main__':
    main()
    sys.stdout.flush()
    os._exit(0)
