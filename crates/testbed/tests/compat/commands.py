"""The commands of python-openstackclient for every collection, in one process instead of one for each."""

import contextlib
import io
import os
import re

import requests
from openstackclient.shell import OpenStackShell

# Collections that it has no commands for, or whose are elsewhere.
LEFT_OUT = re.compile(r"^/v2\.0/(software-|floatingip-pools|log/)|^/(v2\.0/)?$")

COMMANDS = """
network create first
network set --description changed --tag red first
network show first
subnet create --network first --subnet-range 10.0.0.0/24 sub
subnet set --dns-nameserver 192.0.2.53 --tag red sub
port create --network first --fixed-ip ip-address=10.0.0.200 --tag red plug
port set --description changed plug
port list --network first
ip availability list
ip availability show first
network segment create --network first --network-type vxlan --segment 77 seg
network segment set --description changed seg
network segment list
network segment delete seg
network segment range create --network-type vxlan --minimum 5000 --maximum 5010 --shared ids
network segment range set --name range ids
network segment range list
network segment range delete range
address scope create scope
address scope set --name scope-2 scope
address scope list
subnet pool create --pool-prefix 10.20.0.0/16 --address-scope scope-2 --tag red pool
subnet pool set --pool-prefix 10.30.0.0/16 pool
subnet pool list
subnet pool delete pool
address scope delete scope-2
address group create --address 192.0.2.0/28 addresses
address group set --address 198.51.100.7/32 addresses
address group unset --address 198.51.100.7/32 addresses
address group list
address group delete addresses
security group create --tag red group
security group set --description changed group
security group rule create --protocol tcp --dst-port 22 group
security group rule list group
default security group rule create --protocol tcp --dst-port 22 --for-default-sg
default security group rule list
network rbac create --type security_group --action access_as_shared --target-project blue group
network rbac list
security group list
network qos policy create --share qos
network qos policy set --description changed qos
network qos policy list
network qos rule create --type bandwidth-limit --max-kbps 1000 --egress qos
network qos rule create --type dscp-marking --dscp-mark 10 qos
network qos rule create --type minimum-bandwidth --min-kbps 100 --egress qos
network qos rule create --type minimum-packet-rate --min-kpps 10 --any qos
network qos rule list qos
network qos rule type list
network qos rule type show bandwidth_limit
network qos policy delete qos
network create --external --default outside
subnet pool create --default --share --default-prefix-length 26 --pool-prefix 10.60.0.0/16 auto
subnet create --network outside --subnet-range 203.0.113.0/24 outside-sub
router create --external-gateway outside --tag red router
router set --description changed router
router add subnet router sub
router add route --route destination=10.99.0.0/24,gateway=10.0.0.9 router
router remove route --route destination=10.99.0.0/24,gateway=10.0.0.9 router
router list
network l3 conntrack helper create --helper tftp --protocol udp --port 69 router
network l3 conntrack helper list router
floating ip create --floating-ip-address 203.0.113.77 --tag red outside
floating ip set --description changed 203.0.113.77
floating ip port forwarding create --internal-ip-address 10.0.0.200 --port plug --internal-protocol-port 80 \
    --external-protocol-port 8080 --protocol tcp 203.0.113.77
floating ip port forwarding list 203.0.113.77
floating ip list
address scope create --ip-version 6 six
subnet pool create --pool-prefix 2001:db8::/40 --default-prefix-length 64 --address-scope six six
subnet create --network outside --ip-version 6 --subnet-range 2001:db8:f::/64 --subnet-pool six outside-six
subnet create --network first --ip-version 6 --subnet-range 2001:db8:1::/64 --subnet-pool six inside-six
router create --external-gateway outside --enable-ndp-proxy router-six
router add subnet router-six inside-six
port create --network first --fixed-ip subnet=inside-six plug-six
router ndp proxy create --name proxy --port plug-six router-six
router ndp proxy set --description changed proxy
router ndp proxy list
router ndp proxy delete proxy
local ip create --name local --network first --local-ip-address 10.0.0.210
local ip set --description changed local
local ip list
local ip association create --fixed-ip 10.0.0.200 local plug
local ip association list local
network meter create meter
network meter rule create --remote-ip-prefix 192.0.2.0/24 --egress meter
network meter list
network meter rule list
network meter delete meter
network agent list
network agent list --network first
network agent list --router router
network flavor create --service-type L3_ROUTER_NAT flavor
network flavor set --description changed flavor
network flavor profile create --metainfo text --description about
network flavor list
network flavor profile list
network flavor delete flavor
network service provider list
network trunk create --parent-port plug trunk
network trunk set --description changed trunk
network trunk list
network trunk delete trunk
quota set --ports 7 blue
quota show blue
quota list --network
quota delete --network blue
availability zone list --network
extension list --network
extension show router
network auto allocated topology create --check-resources
network auto allocated topology create
network auto allocated topology delete
floating ip create --floating-ip-address 203.0.113.78 outside
floating ip delete 203.0.113.78
network create gone
subnet create --network gone --subnet-range 10.9.0.0/24 gone
port create --network gone gone
router create gone
router delete gone
port delete gone
subnet delete gone
network delete gone
"""

asked = set()
send = requests.Session.send


def heard(session, request, **more):
    """Notes what was asked and not refused."""
    answer = send(session, request, **more)
    if answer.status_code < 400:
        asked.add(request.path_url.split("?")[0].replace("_", "-"))
        place.add(request.url.split("/v2.0/")[0])
    return answer


place = set()
requests.Session.send = heard
wrong = []
for command in COMMANDS.replace("\\\n", " ").strip().splitlines():
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        code = OpenStackShell().run(command.split())
    if code != 0:
        wrong.append(f"openstack {command}\n{out.getvalue()}")
assert not wrong, "\n".join(wrong)

network = next(url for url in place if url.removeprefix("http://").split("/")[0] not in os.environ["OS_AUTH_URL"])
document = requests.get(f"{network}/openapi.json").json()
collections = [path.replace("_", "-") for path in document["paths"] if "{" not in path and not LEFT_OUT.match(path)]
untouched = [path for path in collections if not any(at.startswith(path) for at in asked)]
assert len(collections) > 25 and not untouched, "\n".join(["no command here asks for:", *untouched])
