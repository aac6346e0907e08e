/**
 * Watches over one worker and writes down how it ended; outlives the process that started it. Only built-ins of the
 * shell are used, because each program started costs a millisecond.
 *
 * Arguments: the file that says it has begun, the file for its end, the file that counts OOM kills, whether errors of
 * the command belong to the log, the number of cgroups to join, their files to write to, the command.
 */
export const SUPERVISE = `#!/bin/sh
begun=$1 record=$2 oom=$3 errors=$4 cgroups=$5
shift 5

# A process id alone may be used again: with the time since boot at which it began it is unique until the next boot.
identify() { identity="$1 \${22}"; }
read -r stat < /proc/self/stat
identify $stat
read -r boot < /proc/sys/kernel/random/boot_id

# Whoever makes this file decides: we begin, or the home has given this worker up as lost.
set -C
echo "$identity $boot" > "$begun" || exit
set +C

(
  while [ "$cgroups" -gt 0 ]; do
    echo 0 > "$1" || exit 125
    shift
    cgroups=$((cgroups - 1))
  done
  # When memory runs out, programs go before the home and its database.
  { echo 500 > /proc/self/oom_score_adj; } 2> /dev/null
  if [ "$errors" = log ]; then exec 2>&1; fi
  exec "$@"
)
code=$?

kills=0
while read -r key count; do
  if [ "$key" = oom_kill ]; then kills=$count; fi
done < "$oom"
echo "$code $kills" > "$record"
`

/**
 * The first process of a sandbox made by unshare, root of its namespaces: mounts everything, then runs the program with
 * no privileges at all. It stays outside of the program's root, so that an image needs to contain nothing of ours.
 *
 * The program is not root, by another user id or in a user namespace of its own, so it loses all capabilities as it starts;
 * and because it lives in a chroot, the kernel lets it make no user namespace to regain some.
 *
 * Arguments: fstab, root, working directory, words that make unshare become the program's user, file that keeps what went
 * wrong, most processes or '', whether there is a network of its own, program that sets the environment within the root or
 * '', number of variables (given as KNIT_ENV_0 and so on: arguments can be read by every user of the machine), the command.
 */
export const ENTER = `#!/bin/sh
fstab=$1 root=$2 dir=$3 identity=$4 trouble=$5 most=$6 loopback=$7 setter=$8 variables=$9
shift 9

if [ "$loopback" ]; then ip link set lo up 2> /dev/null & fi
mount -n -c -a -T "$fstab" || exit 125
wait
if [ "$most" ]; then ulimit -u "$most" 2> /dev/null || ulimit -p "$most" || exit 125; fi

# What was written there so far were warnings.
: > "$trouble"
exec 2> /dev/null

# The variables become arguments only in the last moment, and of a program within the root where it has one: no other
# sees what the loader is told by them.
if [ ! "$setter" ]; then
  set -- "$(command -v unshare)" $identity --root="$root" --wd="$dir" -- "$@"
fi
while [ "$variables" -gt 0 ]; do
  variables=$((variables - 1))
  eval "set -- \\"\\$KNIT_ENV_$variables\\" \\"\\$@\\""
done
if [ "$setter" ]; then
  set -- unshare $identity --root="$root" --wd="$dir" -- "$setter" -i -- "$@"
else
  set -- env -i -- "$@"
fi
"$@" 2>&1
exit $?
`
