"""Serves Keystone on the unix socket that is its one argument, until standard input ends."""

import os
import sys
import threading


def end_with_the_test():
    sys.stdin.buffer.read()
    os._exit(0)


threading.Thread(target=end_with_the_test, daemon=True).start()
socket = sys.argv[1]
# Keystone reads arguments as its own.
del sys.argv[1:]

import waitress  # noqa: E402
from keystone.wsgi.api import application  # noqa: E402

waitress.serve(application, unix_socket=socket, threads=4)
