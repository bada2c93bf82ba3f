#!/bin/sh
# Serves one page on port 8080 of its own machine.
# kvm-infra-use: demo
# kvm-infra-memory: 256M
# kvm-infra-cpus: 1
# kvm-infra-ingress-port: 8080
# kvm-infra-timeout: 90
# kvm-infra-check: http:8080/
set -eu
echo "Preparing $(hostname) with $(nproc) cpu and $(awk '/MemTotal/ {print int($2 / 1024)}' /proc/meminfo) MB"
mkdir -p /srv/www
echo "<h1>Served by $(hostname)</h1>" > /srv/www/index.html
for step in 1 2 3; do
  echo "step $step of 3"
  sleep 1
done
httpd -p 8080 -h /srv/www || busybox httpd -p 8080 -h /srv/www
echo "The page is there"
