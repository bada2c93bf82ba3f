#!/bin/sh
# Fails on purpose: its run must be reported as failed, with exit status 3.
# kvm-infra-use: demo
# kvm-infra-memory: 128M
# kvm-infra-timeout: 60
echo "Looking for something that is not there"
ls /nonexistent
echo "Giving up" >&2
exit 3
