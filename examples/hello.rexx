/* Says which machine it runs on, and counts. */
/* rexxjs-vm-base: demo */
/* rexxjs-vm-memory: 256M */
/* rexxjs-vm-cpus: 1 */
/* rexxjs-vm-timeout: 60 */
say "Hello from REXX on" date() "at" time()
address system "hostname" with output stem host.
say "This machine is called" host.1
total = 0
do i = 1 to 5
  total = total + i * i
  say "square" i "is" i * i", the sum so far" total
end
if total = 55 then exit 0
say "The sum should have been 55"
exit 1
