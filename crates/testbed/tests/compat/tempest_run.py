"""Runs Tempest's network API tests, and Neutron's own of routers, and prints one line for each: its outcome,
its name, and the reason if any.

A class that cannot be set up is one line with the name CLASS.*. Tempest's configuration is where
TEMPEST_CONFIG_DIR says.
"""

import pkgutil
import re
import sys
import unittest

import tempest.api.network

# Of Neutron's plugin for Tempest: what is about routers, their agents, floating IPs and port forwardings.
ROUTERS = [
    "neutron_tempest_plugin.api." + name
    for name in (
        "admin.test_external_network_extension",
        "admin.test_floating_ips_admin_actions",
        "admin.test_l3_agent_scheduler",
        "admin.test_routers_flavors",
        "admin.test_routers_ha",
        "test_floating_ips",
        "test_floating_ips_negative",
        "test_port_forwarding_negative",
        "test_port_forwardings",
        "test_router_interface_fip",
        "test_routers",
        "test_routers_negative",
    )
]


class Lines(unittest.TestResult):
    def line(self, outcome, test, why=""):
        name = re.sub(r"^setUpClass \((.*)\)$", r"\1.*", test.id()).split("[")[0]
        last = (why or "").strip().splitlines()[-1:]
        print(outcome, name, *last, flush=True)

    def addSuccess(self, test, details=None):
        self.line("passed", test)

    def addSkip(self, test, reason=None, details=None):
        self.line("skipped", test, details["reason"].as_text() if details else reason)

    def addError(self, test, error=None, details=None):
        text = self._exc_info_to_string(error, test) if error else ""
        for name, value in (details or {}).items():
            if "traceback" in name:
                text += value.as_text()
        print(test.id(), text, sep="\n", file=sys.stderr)
        self.line("failed", test, text)

    addFailure = addError


names = [
    module.name
    for module in pkgutil.walk_packages(tempest.api.network.__path__, "tempest.api.network.")
    if module.name.rpartition(".")[2].startswith("test_")
]
unittest.defaultTestLoader.loadTestsFromNames(names + ROUTERS).run(Lines())
