#!/bin/sh
# Asks the control host, and gives its answer back as the job's exit code.
#
#   examples/ci/esclusa-remote.sh VERB [ARGUMENT…]
#
# The store, the depot and the vault live on the control host; a runner that is thrown away keeps
# nothing that a later job needs. The project's folder there is a checkout that its owner updates. The runner needs ssh and three settings:
#
#   ESCLUSA_CONTROL      where the control host is: pipeline@control.example.edu
#   ESCLUSA_PROJECT      the project's folder on it: /srv/esclusa/wiki
#   ESCLUSA_KNOWN_HOSTS  a known_hosts file with the control host's key
#
# The key comes from the agent. 255 is ssh's own: the control host could not be reached.
set -eu
: "${ESCLUSA_CONTROL:?}" "${ESCLUSA_PROJECT:?}" "${ESCLUSA_KNOWN_HOSTS:?}"

# Quotes every word: the far side's shell sees the same arguments.
words=
for word in "$@"; do
    words="$words '$(printf %s "$word" | sed "s/'/'\\\\''/g")'"
done
folder=$(printf %s "$ESCLUSA_PROJECT" | sed "s/'/'\\\\''/g")

exec ssh -o BatchMode=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile="$ESCLUSA_KNOWN_HOSTS" \
    -o ServerAliveInterval=15 "$ESCLUSA_CONTROL" "esclusa --project '$folder' --plain$words" </dev/null
