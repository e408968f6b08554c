# Esclusa's half of the persistent shell. POSIX: runs in dash, busybox ash and bash.
# Every name starts with e_ or E_; nothing but LC_ALL, PATH, HOME and BLOBS is exported.
set +e
unset ENV BASH_ENV CDPATH
LC_ALL=C
PATH="${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
export LC_ALL PATH
umask 077
E_OK=1
E_G=
E_V=
e_say() { printf '\n%s %s\n' "$E_N" "$1"; }
e_fail() { e_say "! $1"; exit 1; }
# When a process was born, in ticks since boot: tells a process from a later one with its number.
e_born() {
  e_b=
  read -r e_b 2>/dev/null </proc/"$1"/stat || return 1
  e_b=${e_b##*) }
  set -- $e_b
  [ $# -gt 19 ] || return 1
  shift 19
  e_b=$1
}
# Whether the process of a line "boot pid born" lives.
e_alive() { [ "$1" = "$E_B" ] && e_born "$2" && [ "$e_b" = "$3" ]; }
e_alive_in() {
  e_r=
  read -r e_r 2>/dev/null <"$1" || return 1
  set -- $e_r
  [ $# -eq 3 ] && e_alive "$@"
}
# Ends a process group, or a lone process where there is no group.
e_end() { kill "-$1" "-$2" 2>/dev/null || kill "-$1" "$2" 2>/dev/null; }

e_open() {
  [ -n "${HOME:-}" ] && [ -d "$HOME" ] || HOME=~
  E_U=$(id -u) || e_fail 'the tool id is missing'
  # A root shell that kept its user's home must not work in a folder that the user can change.
  [ "$E_U" != 0 ] || [ -O "$HOME" ] || HOME=~root
  [ -d "$HOME" ] || HOME=/
  export HOME
  if [ "$E_U" = 0 ] && [ "$HOME" = ~root ] && [ -d /var/lib ]; then E_S=/var/lib/esclusa; else E_S=$HOME/.esclusa; fi
  if [ ! -d "$E_S/streams" ]; then
    mkdir -p "$E_S" && chmod 711 "$E_S" &&
      mkdir -p "$E_S/units" "$E_S/blobs" "$E_S/sessions" "$E_S/streams" &&
      chmod 711 "$E_S/units" "$E_S/blobs" "$E_S/sessions" "$E_S/streams" || e_fail "cannot write to $E_S"
  fi
  BLOBS=$E_S/blobs
  export BLOBS
  E_B=
  read -r E_B 2>/dev/null </proc/sys/kernel/random/boot_id || e_fail 'there is no /proc'
  E_D=$E_S/sessions/$E_I
  mkdir "$E_D" || e_fail "cannot write to $E_S"
  [ "$E_U" = 0 ] && chmod 711 "$E_D"
  trap 'rm -rf "$E_D"; [ -z "${e_w:-}" ] || e_end KILL "$e_w"' EXIT
  # Other signals end it at once: dash puts a trap off while it reads. The next session tidies up.
  trap 'exit 1' PIPE
  e_born $$ || e_fail 'cannot read /proc'
  printf '%s %s %s\n' "$E_B" $$ "$e_b" >"$E_D/shell"
  for e_x in "$E_S"/sessions/*; do
    [ -f "$e_x/shell" ] && ! e_alive_in "$e_x/shell" && rm -rf "$e_x"
  done
  # What a cut line or a reboot left behind may hold secrets: units that never began, files that never
  # arrived, streams whose connection never came. What is young, or whose session lives, is at work.
  for e_x in "$E_S"/units/.*.e* "$E_S"/streams/* "$BLOBS"/.e*; do
    [ -e "$e_x" ] || continue
    e_y=$e_x/session
    case $e_x in
    */units/*) e_y=${e_x##*.} ;;
    */blobs/*) e_y= ;;
    *) e_y= && read -r e_y 2>/dev/null <"$e_x/session"; e_alive_in "$e_x/pid" && continue ;;
    esac
    [ -n "$e_y" ] && [ -d "$E_S/sessions/$e_y" ] && continue
    [ -z "$(find "$e_x" -prune -mmin +60 2>/dev/null)" ] || rm -rf "$e_x"
  done
  if command -v setsid >/dev/null 2>&1; then E_SS=setsid; else E_SS=; fi
  if sleep 0.001 2>/dev/null; then E_Z=0.1 E_TT='0.5 2'; else E_Z=1 E_TT='1 1'; fi
  cd "$HOME" 2>/dev/null || cd /
}

# Replaces this process by a script, as another account if one is named.
E_AS='
if [ -z "$user" ]; then exec $ss sh "$script"
elif command -v runuser >/dev/null 2>&1; then exec $ss runuser -u "$user" -- sh "$script"
else E_SCRIPT=$script; export E_SCRIPT; exec $ss su -s /bin/sh "$user" -c '\''exec sh "$E_SCRIPT"'\''
fi'
# Cuts outputs that grow without end, which nobody reads to there: 16 MiB of each stay, checked every four seconds.
E_CUT='find "$@" -size +32768 -exec dd if=/dev/null of={} bs=1048576 seek=16 ";" 2>/dev/null'
# The session's timer. Twice a second it reads what is at work, "NUMBER GROUP SECONDS MARK", and ends the group
# whose time is over; it leaves a mark first. When the shell is gone it waits for the end of what was at work.
E_TIMER='d=$1 shell=$2 tick=$3 of=$4 k= p= s= f= n=0
over() { kill -0 "-$p" 2>/dev/null || kill -0 "$p" 2>/dev/null || return 0; return 1; }
while sleep "$tick"; do
  a= b= c= e=
  if read -r a b c e <"$d/due"; then
    [ "$a" = "$k" ] || { k=$a p=$b s=$c f=$e n=0; }
  elif [ ! -d "$d" ]; then
    [ -n "$p" ] && ! over || exit 0
  fi 2>/dev/null
  if [ -z "$p" ]; then kill -0 "$shell" 2>/dev/null || exit 0; continue; fi
  n=$((n + 1))
  if [ $((n % (4 * of))) -eq 0 ]; then set -- "$d/$a.o" "$d/$a.e"; eval "$E_CUT"; fi
  [ "$n" -gt $((s * of)) ] || continue
  : >"$f"
  kill -TERM "-$p" 2>/dev/null || kill -TERM "$p" 2>/dev/null
  n=0
  while [ "$n" -lt $((5 * of)) ] && ! over; do sleep "$tick"; n=$((n + 1)); done
  kill -KILL "-$p" 2>/dev/null || kill -KILL "$p" 2>/dev/null
  p=
done'
# Starts the timer before the first work, and another where somebody ended it.
e_timer() {
  [ -n "${e_w:-}" ] && kill -0 "$e_w" 2>/dev/null && return
  echo - >"$E_D/due"
  ( export E_CUT; exec $E_SS sh -c "$E_TIMER" esclusa "$E_D" $$ $E_TT ) </dev/null >/dev/null 2>&1 &
  e_w=$!
}
# Ends a unit's process group when its time is over; leaves a mark first.
E_WATCH='mark=$1 limit=$2 group=$3 n=0
set -- "${mark%/*}/out" "${mark%/*}/err"
while [ "$n" -lt "$limit" ]; do
  s=$((limit - n))
  [ "$s" -le 4 ] || s=4
  sleep "$s"
  n=$((n + s))
  eval "$E_CUT"
done
set -- "$mark" "$limit" "$group"
: >"$1"; kill -TERM "-$3" 2>/dev/null || kill -TERM "$3"; sleep 5; kill -KILL "-$3" 2>/dev/null || kill -KILL "$3"'

# e_exec NUMBER SECONDS ACCOUNT: runs a script that lies in the session folder; leaves e_code.
e_exec() {
  e_f=$E_D/$1
  script=$e_f.s user=$3 ss=$E_SS
  e_timer
  if [ -n "$user" ]; then
    chown "$user" "$script" 2>/dev/null
    eval "e_h=~$user"
    ( umask 022; cd "$e_h" 2>/dev/null || cd /; HOME=$e_h USER=$user LOGNAME=$user; export HOME USER LOGNAME; eval "$E_AS" ) </dev/null >>"$e_f.o" 2>>"$e_f.e" &
  else
    ( umask 022; exec $ss sh "$script" ) </dev/null >>"$e_f.o" 2>>"$e_f.e" &
  fi
  printf '%s %s %s %s\n' "$1" $! "$2" "$e_f.t" >"$E_D/due"
  [ -z "$4" ] || printf '%s\n' $! >"$E_D/child"
  e_wait
  [ -z "$4" ] || : >"$E_D/child"
  echo - >"$E_D/due"
  : >"$script"
}
# Waits for the process that was started last; leaves its number in e_p and e_code.
e_wait() {
  e_p=$!
  wait "$e_p"
  e_code=$?
  [ -e "$e_f.t" ] || return 0
  e_code=T
  e_i=0
  while kill -0 "-$e_p" 2>/dev/null && [ "$e_i" -lt 20 ]; do sleep "$E_Z"; e_i=$((e_i + 1)); done
  kill -KILL "-$e_p" 2>/dev/null
}
# e_tell NUMBER LIMIT OUT ERR: the answer. One byte more than the limit says that it was cut.
e_tell() {
  [ "$e_code" = 0 ] || E_OK=0
  e_say "$1 $e_code"
  [ -s "$3" ] && head -c "$2" "$3"
  e_say '-'
  [ -s "$4" ] && head -c "$2" "$4"
  e_say '.'
}
# e_note NUMBER CODE TEXT: an answer of our own.
e_note() {
  [ "$2" = 0 ] || E_OK=0
  e_say "$1 $2"
  printf '%s' "$3"
  e_say '-'
  e_say '.'
}
e_held() {
  e_g=
  [ -n "$E_G" ] || return 1
  read -r e_g 2>/dev/null <"$E_S/guard"
  [ "$e_g" = "$E_G" ] || return 1
  e_h=
  read -r e_h 2>/dev/null <"$E_S/holder.$E_V"
  [ "$e_h" = "$E_I" ]
}
e_refuse() {
  e_g=
  read -r e_g 2>/dev/null <"$E_S/guard"
  e_note "$1" R "$e_g"
}
# e_ask NUMBER SECONDS LIMIT ACCOUNT
e_ask() { e_exec "$1" "$2" "$4" ''; e_tell "$1" "$3" "$E_D/$1.o" "$E_D/$1.e"; }
# e_probes SECONDS LIMIT FIRST LAST: runs probes that lie in one file, each in a subshell of one process, and
# answers for all of them: a fork a probe instead of eight.
e_probes() {
  e_f=$E_D/$3
  e_n=$3
  while [ "$e_n" -le "$4" ]; do
    rm -f "$e_f.t"
    e_timer
    ( exec $E_SS sh "$e_f.s" "$E_D" "$1 $e_f.t" "$e_n" ) </dev/null >/dev/null 2>&1 &
    e_wait
    e_n=
    read -r e_n e_x <"$E_D/due"
    case $e_n in '' | *[!0-9]*) e_n=$4 ;; esac
    # The one at which they were ended has no status of its own.
    if [ ! -s "$E_D/$e_n.c" ]; then
      kill -KILL "-$e_p" 2>/dev/null
      printf '%s\n' "$e_code" >"$E_D/$e_n.c"
    fi
    e_n=$((e_n + 1))
  done
  echo - >"$E_D/due"
  [ -n "${E_Q:-}" ] || if head -q -c 1 /dev/null 2>/dev/null; then E_Q=y; else E_Q=n; fi
  if [ "$E_Q" = n ]; then
    e_n=$3
    while [ "$e_n" -le "$4" ]; do
      read -r e_code <"$E_D/$e_n.c"
      e_tell "$e_n" "$2" "$E_D/$e_n.o" "$E_D/$e_n.e"
      e_n=$((e_n + 1))
    done
    return
  fi
  printf '\n%s -\n' "$E_N" >"$e_f.m"
  printf '\n%s .\n' "$E_N" >"$e_f.x"
  e_n=$3 e_x=$4 e_y=$2
  set --
  while [ "$e_n" -le "$e_x" ]; do
    e_p=$E_D/$e_n
    read -r e_code <"$e_p.c"
    [ "$e_code" = 0 ] || E_OK=0
    printf '\n%s %s %s\n' "$E_N" "$e_n" "$e_code" >"$e_p.h"
    set -- "$@" "$e_p.h" "$e_p.o" "$e_f.m" "$e_p.e" "$e_f.x"
    e_n=$((e_n + 1))
  done
  head -q -c "$e_y" "$@"
}
e_change() {
  if e_held; then e_exec "$1" "$2" "$4" change; e_tell "$1" "$3" "$E_D/$1.o" "$E_D/$1.e"; else e_refuse "$1"; fi
}
e_tidy() { rm -f "$E_D"/*.[a-z]; }

# A detached unit. Its folder is made by mkdir, which is the arbiter: whoever loses does not run.
E_UNIT='
u=$1 t=$2 limit=$3 user=$4 boot=$5 ss=$6
umask 077
trap "" HUP
mkdir "$u" 2>/dev/null || { rm -rf "$t"; exit 0; }
[ -z "$user" ] || chmod 711 "$u"
read -r b </proc/$$/stat; b=${b##*) }; set -- $b; shift 19
printf "%s %s %s\n" "$boot" $$ "$1" >"$u/pid.n" && mv "$u/pid.n" "$u/pid" || exit 1
mv "$t/script" "$u/script" && rmdir "$t" || exit 1
script=$u/script
( umask 022; as=$E_AS; unset E_AS E_WATCH E_CUT; eval "$as" ) </dev/null >"$u/out" 2>"$u/err" &
c=$!
printf "%s\n" "$c" >"$u/child"
( exec $ss sh -c "$E_WATCH" esclusa "$u/t" "$limit" "$c" ) </dev/null >/dev/null 2>&1 &
w=$!
wait "$c"; s=$?
kill -KILL "-$w" 2>/dev/null || kill -KILL "$w" 2>/dev/null
if [ -e "$u/t" ]; then s=T; i=0
  while kill -0 "-$c" 2>/dev/null && [ "$i" -lt 5 ]; do sleep 1; i=$((i + 1)); done
  kill -KILL "-$c" 2>/dev/null
fi
: >"$u/script"; rm -f "$u/script"
printf "%s\n" "$s" >"$u/status.n" && mv "$u/status.n" "$u/status"'
# e_known UNIT: its state as a letter: A absent, W running, F finished (e_code is set), V vanished.
e_known() {
  e_u=$E_S/units/$1
  e_x=A
  [ -d "$e_u" ] || return 0
  e_i=0
  while [ ! -e "$e_u/pid" ] && [ "$e_i" -lt 20 ]; do sleep "$E_Z"; e_i=$((e_i + 1)); done
  e_x=W
  e_alive_in "$e_u/pid" || e_x=V
  e_code=
  read -r e_code 2>/dev/null <"$e_u/status"
  [ -z "$e_code" ] || e_x=F
  # What was cut off is not run again, and its script may hold secrets. A shell that still reads it does so.
  [ "$e_x" != V ] || [ ! -e "$e_u/pid" ] || rm -f "$e_u/script"
}
# e_unit NUMBER SECONDS LIMIT ACCOUNT UNIT: starts it unless it is known, waits, answers.
e_unit() {
  e_u=$E_S/units/$5
  if [ ! -d "$e_u" ]; then
    if ! e_held; then e_refuse "$1"; return; fi
    e_t=$E_S/units/.$5.$E_I
    rm -rf "$e_t"
    mkdir "$e_t" && mv "$E_D/$1.s" "$e_t/script" || { e_note "$1" V ''; return; }
    if [ -n "$4" ]; then
      chown "$4" "$e_t/script"
      eval "e_h=~$4"
      ( cd "$e_h" 2>/dev/null || cd /; HOME=$e_h USER=$4 LOGNAME=$4; export HOME USER LOGNAME E_AS E_WATCH E_CUT; exec $E_SS sh -c "$E_UNIT" esclusa "$e_u" "$e_t" "$2" "$4" "$E_B" "$E_SS" ) </dev/null >/dev/null 2>&1 &
    else
      ( export E_AS E_WATCH E_CUT; exec $E_SS sh -c "$E_UNIT" esclusa "$e_u" "$e_t" "$2" '' "$E_B" "$E_SS" ) </dev/null >/dev/null 2>&1 &
    fi
    wait $!
  else
    : >"$E_D/$1.s"
  fi
  e_known "$5"
  while [ "$e_x" = W ]; do sleep "$E_Z"; e_known "$5"; done
  case $e_x in
  F) e_tell "$1" "$3" "$e_u/out" "$e_u/err" ;;
  *) e_note "$1" V '' ;;
  esac
}
# e_observe NUMBER LIMIT UNIT
e_observe() {
  e_known "$3"
  case $e_x in
  F) e_tell "$1" "$2" "$e_u/out" "$e_u/err" ;;
  *) e_note "$1" "$e_x" '' ;;
  esac
}
e_kill() {
  e_known "$3"
  if [ "$e_x" = W ]; then
    e_c=
    read -r e_c 2>/dev/null <"$e_u/child"
    [ -z "$e_c" ] || e_end TERM "$e_c"
    e_j=0
    while [ "$e_x" = W ] && [ "$e_j" -lt 100 ]; do
      sleep "$E_Z"
      e_j=$((e_j + 1))
      [ "$e_j" -ne 50 ] || e_end KILL "$e_c"
      e_known "$3"
    done
  fi
  e_observe "$1" "$2" "$3"
}
e_forget() {
  for e_y in "$E_S/units/$2"*; do
    if [ -s "$e_y/status" ]; then rm -rf "$e_y"
    elif [ -e "$e_y/pid" ] && ! e_alive_in "$e_y/pid"; then rm -f "$e_y/script"; fi
  done
  rm -f "$BLOBS"/*
  e_note "$1" 0 ''
}

# e_holder NUMBER: the store and the epoch that hold this server.
e_holder() {
  e_g=
  read -r e_g 2>/dev/null <"$E_S/guard"
  e_note "$1" 0 "$e_g"
}
# e_guard NUMBER STORE EPOCH ADOPT SERVER: takes the server, unless a later one has it.
e_guard() {
  if command -v flock >/dev/null 2>&1; then
    ( flock -w 20 9 || flock 9; e_take "$2" "$3" "$4" "$5" ) 9>"$E_S/lock" </dev/null
  else
    e_i=0
    until mkdir "$E_S/lock.d" 2>/dev/null || [ "$e_i" -gt 30 ]; do sleep 1; e_i=$((e_i + 1)); done
    ( e_take "$2" "$3" "$4" "$5" ) </dev/null
    e_i=$?
    rmdir "$E_S/lock.d" 2>/dev/null
    ( exit "$e_i" )
  fi
  e_i=$?
  if [ "$e_i" = 0 ]; then
    E_G="$2 $3"
    E_V=$5
    e_note "$1" 0 ''
  else
    E_G=
    e_refuse "$1"
  fi
}
e_take() {
  e_os= e_oe=
  read -r e_os e_oe 2>/dev/null <"$E_S/guard"
  case $e_oe in '' | *[!0-9]*) e_oe=0 ;; esac
  if [ -n "$e_os" ] && [ "$3" != 1 ]; then
    [ "$e_os" = "$1" ] && [ "$e_oe" -le "$2" ] || return 1
  fi
  e_oh=
  read -r e_oh 2>/dev/null <"$E_S/holder.$4"
  printf '%s %s\n' "$1" "$2" >"$E_S/guard.$E_I" && mv -f "$E_S/guard.$E_I" "$E_S/guard" || return 1
  printf '%s\n' "$E_I" >"$E_S/holder.$E_I.n" && mv -f "$E_S/holder.$E_I.n" "$E_S/holder.$4" || return 1
  [ -n "$e_oh" ] && [ "$e_oh" != "$E_I" ] || return 0
  e_od=$E_S/sessions/$e_oh
  e_alive_in "$e_od/shell" || return 0
  e_oc=
  read -r e_oc 2>/dev/null <"$e_od/child"
  set -- $e_r
  kill -TERM "$2" 2>/dev/null
  [ -z "$e_oc" ] || e_end TERM "$e_oc"
  e_i=0
  while e_alive "$@" && [ "$e_i" -lt 50 ]; do sleep "$E_Z"; e_i=$((e_i + 1)); done
  [ -z "$e_oc" ] || e_end KILL "$e_oc"
  kill -KILL "$2" 2>/dev/null
  rm -rf "$e_od"
  return 0
}
# What the server is, one line each.
e_facts() {
  e_say "$1 0"
  (
    ID= VERSION_ID= PRETTY_NAME=
    [ -r /etc/os-release ] && . /etc/os-release
    printf 'os=%s\nos_version=%s\nos_name=%s\n' "$ID" "$VERSION_ID" "$PRETTY_NAME"
  ) 2>/dev/null
  uname -n | { read -r e_x; printf 'hostname=%s\n' "$e_x"; }
  uname -rm | { read -r e_x e_y; printf 'kernel=%s\narch=%s\n' "$e_x" "$e_y"; }
  while read -r e_x e_y e_z; do [ "$e_x" = MemTotal: ] && printf 'memory_kib=%s\n' "$e_y" && break; done </proc/meminfo
  e_i=0
  while read -r e_x e_y; do case $e_x in processor*) e_i=$((e_i + 1)) ;; esac; done </proc/cpuinfo
  printf 'cpus=%s\nboot_id=%s\nuid=%s\nuser=%s\nfolder=%s\n' "$e_i" "$E_B" "$E_U" "$(id -un)" "$E_S"
  printf tools=
  for e_x in $2; do command -v "$e_x" >/dev/null 2>&1 && printf '%s ' "$e_x"; done
  printf '\n'
  e_say '-'
  e_say '.'
}
# e_room NUMBER BLOB ACCOUNT: whether a file is there for an account; else the kibibytes free.
e_room() {
  if [ -f "$BLOBS/$2" ]; then
    # Where a second account needs the same file, both read it.
    [ -z "$3" ] || [ "$(stat -c %u "$BLOBS/$2" 2>/dev/null)" = "$(id -u "$3" 2>/dev/null)" ] || chmod 444 "$BLOBS/$2"
    e_note "$1" 0 there
    return
  fi
  e_x=$(df -Pk "$BLOBS" 2>/dev/null | { read -r e_y; read -r e_y e_y e_y e_y e_z; printf '%s' "$e_y"; })
  e_note "$1" 0 "free ${e_x:-unknown}"
}
# e_discard NUMBER BLOB
e_discard() {
  rm -f "$BLOBS/$2"
  e_note "$1" 0 ''
}
# e_stage NUMBER ACCOUNT STREAM: makes a script ready for a connection of its own.
e_stage() {
  e_t=$E_S/streams/$3
  mkdir "$e_t" && mv "$E_D/$1.s" "$e_t/script" || { e_note "$1" 1 'cannot write to the folder of streams'; return; }
  if [ -n "$2" ]; then chmod 711 "$e_t"; chown "$2" "$e_t/script"; fi
  printf '%s\n' "$E_I" >"$e_t/session"
  e_h=$HOME
  [ -z "$2" ] || eval "e_h=~$2"
  {
    printf 'read -r b </proc/$$/stat; b=${b##*) }; set -- $b; shift 19\n'
    printf 'printf "%%s %%s %%s\\n" "%s" $$ "$1" >"%s/pid"\nset --\n' "$E_B" "$e_t"
    printf 'user=%s ss=%s script="%s" t="%s"\n' "$2" "$E_SS" "$e_t/script" "$e_t"
    printf 'LC_ALL=C PATH="%s" BLOBS="%s" HOME="%s"\nexport LC_ALL PATH BLOBS HOME\n' "$PATH" "$BLOBS" "$e_h"
    [ -z "$2" ] || printf 'USER=%s LOGNAME=%s\nexport USER LOGNAME\n' "$2" "$2"
    # In the background, since a shell that waits for its foreground hears no signal: what is told to end may be
    # waiting for something that never comes.
    printf 'c=\nover() { [ -z "$c" ] || kill -TERM "-$c" 2>/dev/null || kill -TERM "$c" 2>/dev/null; rm -rf "$t"; }\n'
    printf 'trap over EXIT\ntrap "exit 1" HUP INT TERM PIPE\ncd "$HOME" 2>/dev/null || cd /\numask 022\n'
    printf 'exec 3<&0\nprintf "%%s\\n" %s\nprintf "%%s\\n" %s >&2\n( exec <&3 3<&-%s\n) &\nc=$!\nexec 3<&-\nwait "$c"\ns=$?\nc=\nexit "$s"\n' "$3-ready" "$3-ready" "$E_AS"
  } >"$e_t/run" || { e_note "$1" 1 'cannot write to the folder of streams'; return; }
  e_note "$1" 0 "$e_t/run"
}
e_open
