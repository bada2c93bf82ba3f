# Ends every process of one run: TERM, up to two seconds, then KILL until none is left. POSIX shell that
# starts hardly any program: in an emulated busybox guest one start takes as long as reading all of /proc.
exec 2>/dev/null
mark=COWWEB_RUN=@TOKEN@
lf='
'
asked=' '

centiseconds() {
  read -r uptime _ </proc/uptime
  now=${uptime%.*}${uptime#*.}
}

# `read` drops the NULs between variables; only values with line feeds take several rounds.
carries() {
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in *"$mark"*) return 0 ;; esac
  done
  return 1
}

# $found: the pids that carry the mark. The command line counts too: the shell that sets the variable
# has it there only.
look() {
  found=' '
  if [ "$grep_reads_nul" = 1 ]; then
    # The mark goes in by stdin: on grep's own command line it would be found.
    for file in $(printf '%s\n' "$mark" | grep -lsF -f - /proc/[0-9]*/environ /proc/[0-9]*/cmdline); do
      process=${file%/*}
      case $found in *" ${process#/proc/} "*) ;; *) found="$found${process#/proc/} " ;; esac
    done
    return
  fi
  for process in /proc/[0-9]*; do
    if carries <"$process/environ" || carries <"$process/cmdline"; then found="$found${process#/proc/} "; fi
  done
}

# Those that dropped the mark, by who started them.
add_descendants() {
  parents=
  all=$(cat /proc/[0-9]*/stat)
  IFS=$lf
  set -f
  for line in $all; do
    rest=${line##*') '}
    state=${rest%% *}
    rest=${rest#* }
    case $state in Z | X) ;; *) parents="$parents ${line%% *}:${rest%% *}" ;; esac
  done
  unset IFS
  set +f
  grown=1
  while [ $grown = 1 ]; do
    grown=0
    for pair in $parents; do
      case $found in *" ${pair%:*} "*) continue ;; esac
      case $found in *" ${pair#*:} "*) found="$found${pair%:*} " grown=1 ;; esac
    done
  done
}

ask() {
  for pid in $found; do
    case $asked in *" $pid "*) continue ;; esac
    asked="$asked$pid "
    kill -TERM $pid
    kill -CONT $pid # a stopped process would not hear it
  done
}

grep_reads_nul=$(printf 'a\0b\n' | grep -cF b) # GNU's does, and is faster than a shell on a busy machine
centiseconds
start=$now
empty=0
forced=0
while :; do
  look
  centiseconds
  age=$((now - start))
  if [ "$found" = ' ' ]; then
    # Twice: a process may be born behind the reader's back.
    empty=$((empty + 1))
    [ $empty -ge 2 ] && break
  else
    empty=0
    [ $age -ge 420 ] && [ $forced = 1 ] && break # a slow guest gets to this point late
    add_descendants
    if [ $age -lt 200 ]; then ask; else forced=1 && kill -KILL $found; fi
    sleep 0.05 || sleep 1
  fi
done
set -- $found
echo "left $#"
