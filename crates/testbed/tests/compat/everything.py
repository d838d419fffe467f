"""openstacksdk, as an administrator, at every operation of the document that the server gives of itself."""

import re
import requests

from clients import admin, connect, member
from openstack.exceptions import NotFoundException

net = admin.network

# What no client of the platform's asks for: the document's own root, and software, which has clients of its own.
LEFT_OUT = re.compile(r"^/(v2\.0/)?$|^/v2\.0/software-")

asked = set()
send = requests.Session.send


def heard(session, request, **more):
    """Notes what was asked and not refused."""
    answer = send(session, request, **more)
    if answer.status_code < 400:
        asked.add((request.method.lower(), request.path_url.split("?")[0].replace("_", "-")))
    return answer


requests.Session.send = heard
ends = []


def life(name, plural, fields, changes=None, parents=(), parent_first=False, found=True):
    """Creates, lists, shows, finds and changes one, which is deleted at the end."""

    def call(verb, one, **more):
        words = (*parents, one) if parent_first else (one, *parents)
        return getattr(net, f"{verb}_{name}")(*words, **more)

    one = getattr(net, f"create_{name}")(*parents, **fields)
    assert one.id in [other.id for other in getattr(net, plural)(*parents)], (plural, one)
    assert call("get", one.id).id == one.id
    if found:
        assert call("find", one.id, ignore_missing=False).id == one.id
    if changes is not None:
        changed = call("update", one, **changes)
        assert {key: changed[key] for key in changes} == changes, changed

    def end():
        call("delete", one, ignore_missing=False)
        try:
            raise AssertionError(f"{name} is still there: {call('get', one.id)}")
        except NotFoundException:
            pass

    ends.append(end)
    return one


def tags(one, path):
    if hasattr(one, "add_tag"):
        net.add_tag(one, "red")
        assert net.check_tag(one, "red")
        net.remove_tag(one, "red")
        net.set_tags(one, ["blue", "green"])
        net.remove_all_tags(one)
    # Not all of them have calls for all of these.
    for verb, below, names in (
        ("put", "", ["blue", "green"]),
        ("post", "", ["white"]),
        ("put", "/red", None),
        ("get", "/red", None),
        ("delete", "/blue", None),
        ("get", "", ["green", "red", "white"]),
        ("delete", "", None),
    ):
        body = None if verb == "get" or names is None else dict(tags=names)
        answer = getattr(net, verb)(f"/{path}/{one.id}/tags{below}", json=body)
        assert answer.status_code < 300, (verb, path, below, answer.text)
        assert verb != "get" or names is None or sorted(answer.json()["tags"]) == names


def networks():
    life("segment", "segments", dict(network_id=network.id, network_type="vxlan", segmentation_id=77), dict(name="s"))
    ids = dict(name="range", network_type="vxlan", minimum=5000, maximum=5010, shared=True)
    tags(life("network_segment_range", "network_segment_ranges", ids, dict(name="r")), "network-segment-ranges")
    net.update_port(port, name="plug", description="changed")
    net.update_subnet(subnet, name="sub")
    net.update_network(network, name="net")
    bulk = list(net.create_ports([dict(network_id=network.id, name=f"bulk-{n}") for n in range(3)]))
    assert {one.id for one in bulk} < {one.id for one in net.ports(network_id=network.id)}
    for one in bulk:
        net.delete_port(one, ignore_missing=False)
    assert net.get_network_ip_availability(network.id).used_ips >= 1
    assert network.id in [one.network_id for one in net.network_ip_availabilities()]


def pools():
    scope = life("address_scope", "address_scopes", dict(name="scope", ip_version=4), dict(name="scope-2"))
    fields = dict(name="pool", prefixes=["10.20.0.0/16"], default_prefixlen=26, address_scope_id=scope.id)
    pool = life("subnet_pool", "subnet_pools", fields, dict(name="pool-2"))
    tags(pool, "subnetpools")
    for way, prefix in (("add", "10.30.0.0/16"), ("remove", "10.30.0.0/16")):
        answer = net.put(f"/subnetpools/{pool.id}/{way}_prefixes", json=dict(prefixes=[prefix]))
        assert answer.status_code == 200, answer.text
    plain = life("subnet_pool", "subnet_pools", dict(name="plain", prefixes=["10.50.0.0/16"]))
    other = life("network", "networks", dict(name="onboard"))
    life("subnet", "subnets", dict(network_id=other.id, ip_version=4, cidr="10.40.0.0/24"))
    net.onboard_network_subnets(plain, other)


def groups():
    addresses = life("address_group", "address_groups", dict(name="a", addresses=["192.0.2.0/28"]), dict(name="b"))
    net.add_addresses_to_address_group(addresses, ["198.51.100.7/32"])
    net.remove_addresses_from_address_group(addresses, ["198.51.100.7/32"])
    group = life("security_group", "security_groups", dict(name="group"), dict(description="changed"))
    tags(group, "security-groups")
    rule = dict(direction="ingress", protocol="tcp", port_range_min=22, port_range_max=22, ether_type="IPv4")
    life("security_group_rule", "security_group_rules", dict(security_group_id=group.id, **rule))
    life("default_security_group_rule", "default_security_group_rules", dict(used_in_default_sg=True, used_in_non_default_sg=False, **rule))
    sharing = dict(object_type="security_group", object_id=group.id, action="access_as_shared")
    life("rbac_policy", "rbac_policies", dict(target_project_id=member.current_project_id, **sharing),
         dict(target_project_id="*"))


def qualities():
    policy = life("qos_policy", "qos_policies", dict(name="qos"), dict(description="changed"))
    tags(policy, "policies")
    for name, fields, changes in (
        ("qos_bandwidth_limit_rule", dict(max_kbps=1000, direction="egress"), dict(max_kbps=2000)),
        ("qos_dscp_marking_rule", dict(dscp_mark=10), dict(dscp_mark=12)),
        ("qos_minimum_bandwidth_rule", dict(min_kbps=100, direction="egress"), dict(min_kbps=200)),
        ("qos_minimum_packet_rate_rule", dict(min_kpps=10, direction="any"), dict(min_kpps=20)),
        ("qos_packet_rate_limit_rule", dict(max_kpps=10, direction="egress"), dict(max_kpps=20)),
    ):
        rule = life(name, f"{name}s", fields, changes, (policy,))
        alias = name.removeprefix("qos_").replace("_", "-")
        if alias == "packet-rate-limit-rule":
            continue
        key = f"alias_{name.removeprefix('qos_')}"
        path = f"/qos/alias-{alias}s/{rule.id}"
        assert net.get(path).json()[key]["id"] == rule.id
        assert net.put(path, json={key: changes}).status_code == 200
        again = getattr(net, f"create_{name}")(life("qos_policy", "qos_policies", dict(name=alias)), **fields)
        assert net.delete(f"/qos/alias-{alias}s/{again.id}").status_code == 204
    for kind in net.qos_rule_types():
        assert net.get_qos_rule_type(kind.type).type == kind.type


def routers():
    outside = life("network", "networks", dict(name="outside", is_router_external=True))
    life("subnet", "subnets", dict(network_id=outside.id, ip_version=4, cidr="203.0.113.0/24"))
    router = life("router", "routers", dict(name="router", external_gateway_info=dict(network_id=outside.id)),
                  dict(description="changed"))
    tags(router, "routers")
    net.add_interface_to_router(router, subnet_id=subnet.id)
    ends.append(lambda: net.remove_interface_from_router(router, subnet_id=subnet.id))
    routes = dict(router=dict(routes=[dict(destination="10.99.0.0/24", nexthop="10.0.0.9")]))
    net.add_extra_routes_to_router(router, routes)
    net.remove_extra_routes_from_router(router, routes)
    life("conntrack_helper", "conntrack_helpers", dict(protocol="udp", port=69, helper="tftp"), dict(port=6969),
         (router,), found=False)
    floating = life("ip", "ips", dict(floating_network_id=outside.id), dict(description="changed"))
    tags(floating, "floatingips")
    forwarding = dict(internal_port_id=port.id, internal_ip_address=port.fixed_ips[0]["ip_address"],
                      internal_port=80, external_port=8080, protocol="tcp")
    life("floating_ip_port_forwarding", "floating_ip_port_forwardings", forwarding, dict(external_port=8081),
         (floating,), parent_first=True)
    assert net.get("/floatingip-pools").status_code == 200
    agents(router)
    label = life("metering_label", "metering_labels", dict(name="label"))
    life("metering_label_rule", "metering_label_rules",
         dict(metering_label_id=label.id, remote_ip_prefix="192.0.2.0/24", direction="egress"))


def agents(router):
    (l3,) = (net.get_agent(agent.id) for agent in net.routers_hosting_l3_agents(router))
    dhcp = net.get_agent(next(net.network_hosting_dhcp_agents(network)).id)
    assert {l3.id, dhcp.id} < {agent.id for agent in net.agents()}
    assert net.update_agent(l3, description="changed").description == "changed"
    assert router.id in [one.id for one in net.agent_hosted_routers(l3)]
    net.remove_router_from_agent(l3, router)
    assert router.id not in [one.id for one in net.agent_hosted_routers(l3)]
    net.add_router_to_agent(l3, router)
    assert network.id in [one.id for one in net.dhcp_agent_hosting_networks(dhcp)]
    net.remove_dhcp_agent_from_network(dhcp, network)
    assert network.id not in [one.id for one in net.dhcp_agent_hosting_networks(dhcp)]
    net.add_dhcp_agent_to_network(dhcp, network)
    assert list(net.availability_zones())


def proxies():
    scope = life("address_scope", "address_scopes", dict(name="six", ip_version=6))
    fields = dict(name="six", prefixes=["2001:db8::/40"], default_prefixlen=64, address_scope_id=scope.id)
    pool = life("subnet_pool", "subnet_pools", fields)
    outside = life("network", "networks", dict(name="outside-six", is_router_external=True))
    inside = life("network", "networks", dict(name="inside-six"))
    six = dict(ip_version=6, subnet_pool_id=pool.id)
    life("subnet", "subnets", dict(network_id=outside.id, cidr="2001:db8:f::/64", **six))
    sub = life("subnet", "subnets", dict(network_id=inside.id, cidr="2001:db8:1::/64", **six))
    gateway = dict(external_gateway_info=dict(network_id=outside.id), enable_ndp_proxy=True)
    router = life("router", "routers", dict(name="router-six", **gateway))
    net.add_interface_to_router(router, subnet_id=sub.id)
    ends.append(lambda: net.remove_interface_from_router(router, subnet_id=sub.id))
    plug = life("port", "ports", dict(network_id=inside.id))
    life("ndp_proxy", "ndp_proxies", dict(router_id=router.id, port_id=plug.id), dict(description="changed"))


def logs():
    log = dict(name="log", resource_type="security_group")
    # It has no methods of its own for these.
    assert net.get("/log/loggable-resources").json()["loggable_resources"] == [{"type": "security_group"}]
    made = net.post("/log/logs", json=dict(log=log)).json()["log"]
    path = f"/log/logs/{made['id']}"
    assert [one["id"] for one in net.get("/log/logs?name=log").json()["logs"]] == [made["id"]]
    assert net.put(path, json=dict(log=dict(enabled=False))).json()["log"]["enabled"] is False
    assert net.get(path).json()["log"]["event"] == "ALL"
    assert net.delete(path).status_code == 204


def local_ips():
    network = life("network", "networks", dict(name="local"))
    life("subnet", "subnets", dict(network_id=network.id, ip_version=4, cidr="10.44.0.0/24"))
    port = life("port", "ports", dict(network_id=network.id))
    local = life("local_ip", "local_ips", dict(name="local", network_id=network.id), dict(description="changed"))
    # Its own methods, for it is named by its port.
    made = net.create_local_ip_association(local, fixed_port_id=port.id)
    assert [one.fixed_port_id for one in net.local_ip_associations(local)] == [port.id]
    assert net.get_local_ip_association(port.id, local).fixed_ip == made.fixed_ip
    net.delete_local_ip_association(local, port.id, ignore_missing=False)
    assert not list(net.local_ip_associations(local))


DRIVER = "neutron.services.l3_router.service_providers.dvrha.DvrHaDriver"


def flavors():
    flavor = life("flavor", "flavors", dict(name="flavor", service_type="L3_ROUTER_NAT"), dict(name="flavor-2"))
    driver = net.get("/service-providers").json()["service_providers"]
    assert [one.name for one in net.service_providers()] == [one["name"] for one in driver]
    profile = life("service_profile", "service_profiles", dict(driver=DRIVER), dict(description="changed"))
    net.associate_flavor_with_service_profile(flavor, profile)
    answer = net.get(f"/flavors/{flavor.id}/next_providers/{flavor.id}")
    assert answer.status_code == 200, answer.text
    net.disassociate_flavor_from_service_profile(flavor, profile)


def trunks():
    parent, sub = (life("port", "ports", dict(network_id=network.id)) for _ in range(2))
    trunk = life("trunk", "trunks", dict(name="trunk", port_id=parent.id), dict(description="changed"))
    tags(trunk, "trunks")
    subport = dict(port_id=sub.id, segmentation_type="vlan", segmentation_id=5)
    net.add_trunk_subports(trunk, [subport])
    assert net.get_trunk_subports(trunk)["sub_ports"] == [subport]
    net.delete_trunk_subports(trunk, [subport])


def bindings():
    nova = connect("nova", "service").network
    bound = nova.create_port(network_id=network.id, binding_host_id="compute-1", device_owner="compute:nova")
    nova.create_port_binding(bound, host="compute-2")
    assert "compute-2" in [binding.host for binding in nova.port_bindings(bound)]
    path = f"/ports/{bound.id}/bindings/compute-2"
    assert nova.get(path).json()["binding"]["status"] == "INACTIVE"
    assert nova.put(path, json=dict(binding=dict(profile=dict(a="b")))).status_code == 200
    nova.activate_port_binding(bound, host="compute-2")
    nova.delete_port_binding(bound, host="compute-1")
    nova.delete_port(bound, ignore_missing=False)


def the_rest():
    aliases = [one.alias for one in net.extensions()]
    assert net.find_extension("router").alias in aliases and net.get("/extensions/router").status_code == 200
    project = member.current_project_id
    assert net.get_quota(project).ports == net.get_quota_default(project).ports
    assert net.update_quota(project, ports=7).ports == 7
    assert net.get_quota(project, details=True).ports["limit"] == 7
    assert [one.project_id for one in net.quotas()] == [project]
    net.delete_quota(project)
    shared = member.network
    net.update_network(life("network", "networks", dict(name="way-out", is_router_external=True)), is_default=True)
    life("subnet_pool", "subnet_pools",
         dict(name="auto", prefixes=["10.60.0.0/16"], default_prefixlen=24, is_shared=True, is_default=True))
    found = shared.get_auto_allocated_topology(project)
    assert found.id, found
    shared.delete_auto_allocated_topology(project)


network = life("network", "networks", dict(name="first"))
tags(network, "networks")
subnet = life("subnet", "subnets", dict(network_id=network.id, ip_version=4, cidr="10.0.0.0/24"))
tags(subnet, "subnets")
port = life("port", "ports", dict(network_id=network.id, name="port"))
tags(port, "ports")
for part in (networks, pools, groups, qualities, flavors, routers, proxies, local_ips, logs, trunks, bindings, the_rest):
    part()
for end in reversed(ends):
    end()
# One that lives says again that it is there.
net.delete_agent(next(net.agents(agent_type="DHCP agent")), ignore_missing=False)

document = requests.get(net.get_endpoint().removesuffix("/v2.0").rstrip("/") + "/openapi.json").json()
untouched = []
for path, operations in document["paths"].items():
    # Names of collections have hyphens or underscores.
    shape = re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path.replace("_", "-")) + "$")
    for method in set(operations) - {"parameters"}:
        if not LEFT_OUT.match(path) and not any(verb == method and shape.match(at) for verb, at in asked):
            untouched.append(f"{method} {path}")
assert not untouched, "\n".join(["no line here asks for:", *sorted(untouched)])
