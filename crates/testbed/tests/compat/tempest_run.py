"""Runs tests that Tempest runs, those of the modules and packages named, and prints one line for each: its
outcome, its name, and the reason if any.

A class that cannot be set up is one line with the name CLASS.*. Tempest's configuration is where
TEMPEST_CONFIG_DIR says.
"""

import importlib
import pkgutil
import re
import sys
import unittest


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


def modules(name):
    """A module, or those of a package that have tests."""
    module = importlib.import_module(name)
    if not hasattr(module, "__path__"):
        return [name]
    found = pkgutil.walk_packages(module.__path__, name + ".")
    return [module.name for module in found if module.name.rpartition(".")[2].startswith("test_")]


names = [module for name in sys.argv[1:] for module in modules(name)]
unittest.defaultTestLoader.loadTestsFromNames(names).run(Lines())
