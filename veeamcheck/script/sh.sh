#!/bin/sh
# Contacts what this host must reach, for `veeamcheck merge`. Run it on that host:
#
#     sh THIS-FILE > observations.json
#
# Every port gets its line on stderr; the result goes to stdout at the very end. It only opens TCP
# connections and closes them: nothing is sent, written or changed. UDP cannot be tested this way.
# It needs coreutils, and bash or nc.

set -u
export LC_ALL=C # errors in the words that are looked for below

head=@HEAD@
names=@NAMES@
# A line each: GROUP ADDRESS PORT...
contacts=@CONTACTS@

at_once=64     # connections; a new batch starts at most once a second
rounds='2 2 4' # seconds that each attempt at a port may take

say() {
    printf '%s\n' "$*" >&2
}

have() {
    command -v "$1" >/dev/null 2>&1
}

limited() { # SECONDS COMMAND...
    if have timeout; then timeout "$@"; else shift && "$@"; fi
}

# --- one attempt: its exit status is 0 if the connection was made, else it prints why not ---

by_bash() { # ADDRESS PORT SECONDS
    timeout "$3" bash -c 'exec 3<>"/dev/tcp/$1/$2"' probe "$1" "$2" 2>&1
}

by_nc() {
    limited "$3" nc -n -v -z -w "$3" "$1" "$2" 2>&1
}

by_busybox() {
    limited "$3" nc -w "$3" "$1" "$2" -e true 2>&1
}

find_means() { # prints which of the three works here
    if have bash && have timeout; then
        case $(timeout 2 bash -c ': <"/dev/tcp/127.0.0.1/1"' 2>&1) in
            *'No such file'*) ;; # this bash was built without it
            *) echo by_bash && return ;;
        esac
    fi
    have nc || return
    case $(nc --help 2>&1) in
        *BusyBox*) echo by_busybox ;;
        *) echo by_nc ;;
    esac
}

signal_of() { # STATUS TEXT
    case $1:${2##*: } in
        0:*) echo open ;;
        *refused* | *reset*) echo refused ;;
        *'timed out'* | *TIMEOUT* | *'in progress'*) echo silent ;;
        *unreachable* | *'No route'*) echo unreachable ;;
        124:* | 137:* | 143:* | *Terminated*) echo silent ;; # ended by timeout
        *) echo local-error ;;
    esac
}

# --- many attempts. A line is: GROUP ADDRESS PORT [SIGNAL WHAT-WAS-SAID] ---

attempt() { # GROUP ADDRESS PORT SECONDS
    text=$("$means" "$2" "$3" "$4")
    signal=$(signal_of $? "$text")
    case $signal in
        unreachable | local-error) said=$(printf '%s' "${text##*: }" | tr -cd 'A-Za-z0-9 .,()-') ;;
        *) said= ;;
    esac
    printf '%s %s %s %s %s\n' "$1" "$2" "$3" "$signal" "$said"
}

attempt_all() { # SECONDS; lines in, lines with a signal out, in any order
    count=0
    while read -r group address port _; do
        attempt "$group" "$address" "$port" "$1" </dev/null &
        count=$((count + 1))
        if [ $((count % at_once)) -eq 0 ]; then
            wait
            sleep 1
        fi
    done
    wait
}

answered() { # yes|no; the lines of ports that have, or have not, spoken for themselves
    while read -r group address port signal said; do
        case $1:$signal in
            yes:open | yes:refused | no:silent | no:unreachable | no:local-error)
                printf '%s %s %s %s %s\n' "$group" "$address" "$port" "$signal" "$said"
                ;;
        esac
    done
}

tell() { # passes lines through, and tells each port on stderr
    while read -r group address port signal said; do
        say "$address port $port: $signal${said:+ ($said)}"
        printf '%s %s %s %s %s\n' "$group" "$address" "$port" "$signal" "$said"
    done
}

settle() { # contacts these lines, again where there was no answer, and gives each its signal
    left=$(cat)
    for seconds in $rounds; do
        [ -n "$left" ] || return
        seen=$(printf '%s\n' "$left" | attempt_all "$seconds")
        printf '%s\n' "$seen" | answered yes | tell
        left=$(printf '%s\n' "$seen" | answered no)
    done
    [ -z "$left" ] || printf '%s\n' "$left" | tell
}

between() { # sorted lines in; ports between neighbours of a range of which only one is clear out
    last=
    while read -r group address port signal _; do
        case $signal in open | refused) clear=yes ;; *) clear=no ;; esac
        if [ "$group" -ne 0 ] && [ "$group $address" = "$last" ] && [ $clear != "$was_clear" ]; then
            gap=$((port - before - 1))
            points=$((gap < 7 ? gap : 7))
            point=1
            while [ "$point" -le "$points" ]; do
                echo "$group $address $((before + point * (gap + 1) / (points + 1)))"
                point=$((point + 1))
            done
        fi
        last="$group $address" before=$port was_clear=$clear
    done
}

# --- names, once, before anything is contacted ---

is_name() {
    case "
$names
" in *"
$1
"*) return 0 ;; *) return 1 ;; esac
}

look_up() { # NAME
    getent ahosts "$1" | while read -r address kind _; do
        if [ "$kind" = STREAM ]; then echo "$address"; fi
    done
}

resolve() { # prints a line for each: NAME ADDRESS...
    printf '%s\n' "$names" | while read -r name; do
        [ -n "$name" ] || continue
        found=$(look_up "$name" | sort -u | tr '\n' ' ')
        [ -n "$found" ] || say "$name has no address"
        echo "$name $found"
    done
}

addresses_of() { # ADDRESS-OR-NAME
    if ! is_name "$1"; then
        echo "$1"
        return
    fi
    printf '%s\n' "$resolved" | while read -r name found; do
        if [ "$name" = "$1" ]; then echo "$found"; fi
    done
}

lines() { # the contacts, one line for each port of each address
    printf '%s\n' "$contacts" | while read -r group declared ports; do
        for address in $(addresses_of "$declared"); do
            for port in $ports; do echo "$group $address $port"; done
        done
    done
}

# --- the result ---

strings() { # WORD...; as the members of a JSON list
    comma=
    for word in "$@"; do
        printf '%s"%s"' "$comma" "$word"
        comma=', '
    done
}

print_result() {
    printf '%s, "means": "script: %s", "attributes": false' "$head" "${means#by_}"
    printf ', "start": "%s", "end": "%s"' "$start" "$(now)"
    # shellcheck disable=SC2046 # words are wanted
    printf ', "own_addresses": [%s]' "$(strings $(hostname -I 2>/dev/null))"
    printf ', "names": {'
    comma=
    printf '%s\n' "$resolved" | while read -r name found; do
        [ -n "$name" ] || continue
        # shellcheck disable=SC2086 # words are wanted
        printf '%s"%s": [%s]' "$comma" "$name" "$(strings $found)"
        comma=', '
    done
    printf '}, "results": ['
    comma=
    printf '%s\n' "$seen_all" | while read -r _ address port signal said; do
        [ -n "$address" ] || continue
        printf '%s\n{"address": "%s", "port": %s, "signal": "%s", "said": "%s"}' \
            "$comma" "$address" "$port" "$signal" "$said"
        comma=,
    done
    printf '\n]}\n'
}

now() {
    date -u +%Y-%m-%dT%H:%M:%SZ
}

means=$(find_means)
if [ -z "$means" ]; then
    say 'neither bash (with /dev/tcp, and timeout) nor nc is here: nothing can be contacted'
    exit 2
fi
if [ -n "$names" ] && ! have getent; then
    say 'names cannot be resolved here: getent is missing. Give addresses in the inventory.'
    exit 2
fi
say "contacting by ${means#by_}"
start=$(now)
resolved=$(resolve)
seen_all=$(lines | settle)
while edges=$(printf '%s\n' "$seen_all" | sort -u -k1,1n -k2,2 -k3,3n | between) && [ -n "$edges" ]; do
    seen_all="$seen_all
$(printf '%s\n' "$edges" | settle)"
done
print_result
