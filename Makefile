# The front door. `make` alone lists the targets; ARGS reaches the program behind a target.

TARGET := $(or $(CARGO_TARGET_DIR),target)
AS_ROOT = $(if $(filter-out 0,$(shell id -u)),$(or $(shell command -v sudo),$(error this needs root, and sudo is not installed)))
ARGS ?=

.PHONY: help demo test test-tempest test-vm check bench fuzz differential

help:
	@echo 'make demo   a whole cloud on this machine; stays up until Ctrl-C (ARGS=--once: show and end). Needs root'
	@echo 'make test   all tests. Needs root; NEUTRINO_ROOT_TESTS=skip leaves the kernel tests out'
	@echo 'make test-tempest  Tempest with a real Keystone, on SQLite and PostgreSQL: passed, failed, skipped, seconds'
	@echo 'make test-vm  emulated machines: software through the gateways, memory shared with the host. Needs root, takes minutes'
	@echo 'make check  formatting, lints, layers, licences, and the tests that need no root'
	@echo 'make bench  measures this machine (ARGS: what to measure). Needs root'
	@echo 'make differential  random requests to us and to the reference (ARGS: --seeds FIRST-LAST, --record).'
	@echo '            Needs ORACLE, the folder of oracle.py, and PYTHON, of an environment that has the reference'
	@echo 'make fuzz   arbitrary bytes to what reads them, 30 s each (ARGS: --seconds N, and what to fuzz)'

demo:
	@scripts/install-packages demo
	cargo build --release --package neutrino
	$(AS_ROOT) $(TARGET)/release/neutrino demo $(ARGS)

test:
	@scripts/install-packages test
	@scripts/run-tests $(ARGS)

test-tempest:
	@scripts/install-packages test
	cargo test --workspace --test compat -- --test-threads=1 --nocapture tempest_agrees

test-vm:
	@scripts/install-packages vm
	NEUTRINO_GUEST_IMAGE=$$($(AS_ROOT) scripts/guest-image) NEUTRINO_GUEST=$$(scripts/guest-static) \
		cargo test --package neutrino --test vm -- --nocapture

check:
	@scripts/install-packages test
	@scripts/install-tools
	cargo xtask check
	@CI= NEUTRINO_ROOT_TESTS=skip scripts/run-tests $(ARGS)

bench:
	@scripts/install-packages bench
	cargo build --release --package neutrino --package testbed
	$(AS_ROOT) $(TARGET)/release/bench $(ARGS)

differential:
	cargo build --package neutrino
	$(or $(PYTHON),python3) crates/testbed/tests/compat/reference/walks.py --binary $(TARGET)/debug/neutrino $(ARGS)

fuzz:
	@scripts/install-packages fuzz
	@scripts/fuzz $(ARGS)
