"""openstacksdk as admin, member and reader of two projects. Its argument is the part to run."""

import os
import sys

import openstack
from openstack.exceptions import ForbiddenException, NotFoundException


def connect(user, project, **more):
    return openstack.connect(
        load_envvars=False,
        load_yaml_config=False,
        auth_type="password",
        auth={
            "auth_url": os.environ["OS_AUTH_URL"],
            "username": user,
            "password": os.environ["OS_PASSWORD"],
            "project_name": project,
            "user_domain_id": "default",
            "project_domain_id": "default",
        },
        region_name=os.environ["OS_REGION_NAME"],
        **more,
    )


admin = connect("admin", "admin")
member = connect("blue-member", "blue")
reader = connect("blue-reader", "blue")
other = connect("green-member", "green")


def refused(error, call, *args, **fields):
    try:
        call(*args, **fields)
    except error:
        return
    raise AssertionError(f"{call.__name__} {args} {fields} should fail with {error.__name__}")


def names(found):
    return sorted(one.name for one in found)


def blue():
    network = member.network.create_network(name="blue-net")
    subnet = member.network.create_subnet(
        network_id=network.id, name="blue-sub", ip_version=4, cidr="10.0.0.0/24"
    )
    port = member.network.create_port(network_id=network.id, name="blue-port")
    return network, subnet, port


def catalog():
    assert member.network.get_endpoint().startswith("http://127.0.0.1:")
    network, subnet, port = blue()
    for made in (network, subnet, port):
        assert made.project_id == member.current_project_id, made
    for cloud in (admin, member, reader):
        assert names(cloud.network.networks()) == ["blue-net"]
        assert cloud.network.get_subnet(subnet.id).cidr == "10.0.0.0/24"
        assert names(cloud.network.ports(network_id=network.id)) == ["blue-port"]
    internal = connect("blue-reader", "blue", network_interface="internal")
    assert names(internal.network.networks()) == ["blue-net"]
    member.network.update_port(port, name="blue-plug")
    assert reader.network.find_port("blue-plug").id == port.id
    assert len(list(member.network.extensions())) > 10
    credential = member.identity.create_application_credential(member.current_user_id, "for a test")
    by_credential = openstack.connect(
        load_envvars=False,
        load_yaml_config=False,
        auth_type="v3applicationcredential",
        auth={
            "auth_url": os.environ["OS_AUTH_URL"],
            "application_credential_id": credential.id,
            "application_credential_secret": credential.secret,
        },
        region_name=os.environ["OS_REGION_NAME"],
    )
    assert names(by_credential.network.networks()) == ["blue-net"]
    for made in (port, subnet, network):
        getattr(member.network, f"delete_{made.resource_key}")(made, ignore_missing=False)
    assert names(admin.network.networks()) == []


def policy():
    network, subnet, port = blue()
    # A reader reads.
    for make in (
        lambda: reader.network.create_network(name="no"),
        lambda: reader.network.create_subnet(network_id=network.id, ip_version=4, cidr="10.1.0.0/24"),
        lambda: reader.network.create_port(network_id=network.id),
        lambda: reader.network.update_network(network, name="no"),
        lambda: reader.network.update_subnet(subnet, name="no"),
        lambda: reader.network.update_port(port, name="no"),
        lambda: reader.network.delete_port(port, ignore_missing=False),
        lambda: reader.network.delete_subnet(subnet, ignore_missing=False),
        lambda: reader.network.delete_network(network, ignore_missing=False),
    ):
        refused(ForbiddenException, make)
    # Another project's are not there.
    for kind, made in (("network", network), ("subnet", subnet), ("port", port)):
        refused(NotFoundException, getattr(other.network, f"get_{kind}"), made.id)
        refused(NotFoundException, getattr(other.network, f"update_{kind}"), made.id, name="no")
        refused(NotFoundException, getattr(other.network, f"delete_{kind}"), made.id, ignore_missing=False)
        assert names(getattr(other.network, f"{kind}s")()) == []
    refused(NotFoundException, other.network.create_port, network_id=network.id)
    # What only an administrator sets and sees.
    for fields in (
        {"provider_network_type": "vxlan"},
        {"provider_segmentation_id": 7, "provider_network_type": "vxlan"},
        {"is_shared": True},
        {"is_router_external": True},
    ):
        refused(ForbiddenException, member.network.create_network, name="no", **fields)
    refused(ForbiddenException, member.network.update_network, network, is_shared=True)
    refused(ForbiddenException, member.network.create_port, network_id=network.id, binding_host_id="h")
    refused(ForbiddenException, member.network.update_port, port, mac_address="fa:16:3e:00:00:99")
    assert member.network.get_network(network.id).provider_network_type is None
    assert member.network.get_port(port.id).binding_host_id is None
    assert admin.network.get_network(network.id).provider_network_type == "vxlan"
    assert admin.network.get_port(port.id).binding_host_id == ""
    elsewhere = admin.network.create_network(name="green-net", project_id=other.current_project_id)
    assert names(other.network.networks()) == ["green-net"]
    assert names(admin.network.networks()) == ["blue-net", "green-net"]
    admin.network.update_network(elsewhere.id, is_shared=True)
    assert names(member.network.networks()) == ["blue-net", "green-net"]
    assert names(member.network.networks(is_shared=True)) == ["green-net"]
    guest = member.network.create_port(network_id=elsewhere.id, name="guest")
    refused(ForbiddenException, member.network.update_network, elsewhere.id, name="no")
    # Its owner sees who is on a network, and may take them off.
    assert names(other.network.ports()) == ["guest"]
    other.network.delete_port(guest, ignore_missing=False)


if __name__ == "__main__":
    {"catalog": catalog, "policy": policy}[sys.argv[1]]()
