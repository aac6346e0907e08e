// A process id alone may be used again: with the time since boot at which it began it is unique until the next boot.
const IDENTIFY = `identify() { identity="$1 \${22}"; }
read -r stat < /proc/self/stat
identify $stat
read -r boot < /proc/sys/kernel/random/boot_id
`

// What programs write comes in pages and blocks, and the last ones are never filled.
const NEARLY_NOTHING = 256 * 1024

// Most programs that find no room say so in a log for which there is no room either. Later there may be room again.
const LOOK_FOR_ROOM = `look_for_room() {
  full=
  if [ "$1" = 0 ]; then return; fi
  room=$(stat -f -c '%a * %S' "$2" 2> /dev/null) || return 0
  if [ "$(($room))" -lt ${NEARLY_NOTHING} ]; then full=' full'; fi
}
`

/**
 * Watches over one worker and writes down how it ended; outlives the process that started it. Unless it failed, only
 * built-ins of the shell are used, because each program started costs a millisecond.
 *
 * Arguments: the file that says it has begun, the file for its end, the file that counts OOM kills, whether errors of
 * the command belong to the log, the number of cgroups to join, their files to write to, the command.
 */
export const SUPERVISE = `#!/bin/sh
begun=$1 record=$2 oom=$3 errors=$4 cgroups=$5
shift 5

${IDENTIFY}${LOOK_FOR_ROOM}
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
look_for_room "$code" "$record"
# In the place that was kept for it: there may be no other on this disk.
echo "$code $kills$full" 1<> "$record"
`

/**
 * The first process of a sandbox made by unshare, root of its namespaces: mounts everything, then runs the program with
 * no privileges at all. It stays outside of the program's root, so that an image needs to contain nothing of ours.
 *
 * The program is not root, by another user id or in a user namespace of its own, so it loses all capabilities as it starts;
 * and because it lives in a chroot, the kernel lets it make no user namespace to regain some.
 *
 * Arguments: a table of mounts with more of them below or '', table of mounts, root, working directory, words that make unshare become the program's user, file that keeps what went
 * wrong, most processes or '', whether there is a network of its own, program that sets the environment within the root or
 * '', number of variables (given as KNIT_ENV_0 and so on: arguments can be read by every user of the machine), the command.
 */
export const ENTER = `#!/bin/sh
entries=$1 fstab=$2 root=$3 dir=$4 identity=$5 trouble=$6 most=$7 loopback=$8 setter=$9
shift 9
variables=$1
shift

if [ "$loopback" ]; then ip link set lo up 2> /dev/null & fi
if [ "$entries" ]; then
  mount -n -c -a -T "$entries" || exit 125
  # What was mounted below came along, writable. Only here is known what that is: mounts of this machine come and go.
  # A blank is \\040 there, and \\0040 to printf.
  sed 's/\\\\/&0/g' /proc/self/mountinfo | while read -r _ _ _ _ point options _; do
    case $point in *"/\${root##*/}/"*) ;; *) continue ;; esac
    case ,$options, in *,ro,*) continue ;; *,noexec,*) noexec=,noexec ;; *) noexec= ;; esac
    point=$(printf '%b' "$point")
    # Where another one covers it, nobody gets to it.
    mount -n -c -o "remount,bind,ro,nosuid,nodev$noexec" none "$point" || ! mountpoint -q "$point" || exit 125
  done || exit 125
fi
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

/**
 * Watches over one container, in the folder of its worker, and writes down how it ended; outlives the process that started
 * it. When this has been killed another one goes on from where the container is by then.
 *
 * What has been reached is in the file `stage`, what the engine complained of last in `trouble`, of which image and for what
 * machine in `image`. Calls have a deadline, but for those that last as long as the program.
 *
 * Standard output is the log. Environment: KNIT_ENGINE the words of the engine, KNIT_NAME of the container, KNIT_IMAGE and
 * KNIT_PULL its image as it was given and in full, KNIT_ARCH what machine it must be for or '', KNIT_LOG `direct` if
 * containers write to our output themselves, `followed` if it is read from the engine, or `none`; KNIT_VOLUMES, KNIT_INPUTS
 * and KNIT_OUTPUTS where volumes are and their names, KNIT_READABLE where is noted which may be read by all, KNIT_GIVE
 * whether outputs are to be given to the user of the image, KNIT_RECLAIM what makes us the owner of what a container has
 * left; KNIT_RECORD the file for its end; KNIT_AGAIN whether it goes on. Arguments: those of `create`, with KNIT_HOLE where
 * the image belongs.
 */
export const CONTAIN = `#!/bin/sh
${IDENTIFY}${LOOK_FOR_ROOM}
if [ "$KNIT_AGAIN" ]; then
  # Noted before we are the one who has begun: we may be killed too.
  read -r _ _ before < begun
  if [ "$before" != "$boot" ]; then echo vanished > stage; fi
  echo "$identity $boot" > begun.new && mv begun.new begun
else
  # Whoever makes this file decides: we begin, or the home has given this worker up as lost.
  set -C
  echo "$identity $boot" > begun || exit
  set +C
fi

call() { timeout --foreground --kill-after 10 120 $KNIT_ENGINE "$@"; }

finish() {
  look_for_room "$1" "$KNIT_RECORD"
  for volume in $KNIT_OUTPUTS; do
    if [ "$KNIT_RECLAIM" ]; then $KNIT_RECLAIM "$KNIT_VOLUMES/$volume" 2>> trouble; fi
  done
  echo "$1 $2$full" 1<> "$KNIT_RECORD"
  exit
}

fail() { call rm --force "$KNIT_NAME" > /dev/null 2>&1; finish 125 0; }

gone() {
  call rm --force "$KNIT_NAME" > /dev/null 2>&1
  echo vanished > stage
  finish 137 0
}

look() {
  tries=0
  until state=$(call container inspect --format '{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}} {{.State.FinishedAt}}' "$KNIT_NAME" 2> looked); do
    case $(cat looked) in *[Nn]'o such container'*) status=none; return ;; esac
    tries=$((tries + 1))
    if [ "$tries" -ge 30 ]; then mv looked trouble; echo silent > stage; finish 125 0; fi
    sleep 2
  done
  set -- $state
  status=$1 code=$2 oom=$3 ended=$4
}

get() {
  image=$(call image inspect --format '{{.Id}}' "$KNIT_IMAGE" 2> /dev/null) && return
  timeout --foreground --kill-after 10 7200 $KNIT_ENGINE pull --quiet "$KNIT_PULL" > /dev/null 2> trouble || return
  image=$(call image inspect --format '{{.Id}}' "$KNIT_PULL" 2> trouble)
}

give() {
  owner=$(call image inspect --format '{{.Config.User}}' "$image" 2> trouble) || return
  owner=\${owner%%:*}
  case $owner in '' | root) owner=0 ;; *[!0-9]*) return 0 ;; esac
  for volume in $KNIT_OUTPUTS; do chown "$owner" "$KNIT_VOLUMES/$volume" 2> trouble || return; done
}

# Programs of images have users of their own. Whether a file is a program its owner's bit says, which is part of what was stored.
open() {
  for volume in $KNIT_INPUTS; do
    if [ -e "$KNIT_READABLE/$volume" ]; then continue; fi
    chmod -R a+r,go+X "$KNIT_VOLUMES/$volume" 2> trouble && : > "$KNIT_READABLE/$volume" || return
  done
}

look
read -r stage 2> /dev/null < stage
# What ran when the machine was restarted, or the user of podman logged out, is new to some engines, and has ended well for others.
case "$stage $status" in 'vanished '* | 'run none' | 'run created') gone ;; esac
if [ "$status" = none ]; then
  echo pull > stage
  get || fail
  call image inspect --format '{{.Architecture}} {{if .RepoDigests}}{{index .RepoDigests 0}}{{else}}{{.Id}}{{end}}' "$image" > image 2> trouble || fail
  read -r arch digest < image
  if [ "$KNIT_ARCH" ] && [ "$arch" != "$KNIT_ARCH" ]; then echo arch > stage; fail; fi
  echo create > stage
  open || fail
  if [ "$KNIT_GIVE" ]; then give || fail; fi
  for word; do
    shift
    if [ "$word" = "$KNIT_HOLE" ]; then word=$image; fi
    set -- "$@" "$word"
  done
  call create "$@" > /dev/null 2> trouble || fail
  status=created
fi

if [ -e stop ]; then call rm --force "$KNIT_NAME" > /dev/null 2>&1; finish 143 0; fi
if [ "$status" = created ]; then
  echo run > stage
  case $KNIT_LOG in
    direct) $KNIT_ENGINE start --attach "$KNIT_NAME" 2>&1 ;;
    *) call start "$KNIT_NAME" > /dev/null 2> trouble ;;
  esac
  look
  if [ "$status" = created ]; then
    echo start > stage
    # Nothing but the engine has written there.
    if [ "$KNIT_LOG" = direct ]; then cat /proc/self/fd/1 > trouble; : > /proc/self/fd/1; fi
    fail
  fi
fi

# Again, if the engine was restarted meanwhile and lost sight of us.
while :; do
  case $KNIT_LOG in
    followed) : > /proc/self/fd/1; $KNIT_ENGINE logs --follow "$KNIT_NAME" 2>&1 ;;
    *) $KNIT_ENGINE wait "$KNIT_NAME" > /dev/null 2>&1 ;;
  esac
  look
  case $status in running | paused | restarting | stopping | removing) sleep 1 ;; *) break ;; esac
done
# The time of an end that the engine has not seen is none.
case "$status $ended" in 'none '* | *' 0001-'*) gone ;; esac

# Some versions of podman leave the mark of a container that ran out of memory where they were started: here.
if [ "$oom" = true ] || [ -e oom ]; then kills=1; else kills=0; fi
call rm --force "$KNIT_NAME" > /dev/null 2>&1
finish "$code" "$kills"
`
