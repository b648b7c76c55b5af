# Runs a PostgreSQL server that must not outlive the process which started it. That process holds the other
# end of our standard input; when it closes, however its holder died, the server is ended.
#
# usage: sh guard.sh FIRST_SIGNAL LOG DISCARD POSTGRES [ARGUMENT...]
# Exits when the server has. DISCARD (or nothing) is removed when the server ended because its holder did.
first_signal=$1 log=$2 discard=$3
shift 3
exec 3<&0 </dev/null >>"$log" 2>&1

"$@" 3<&- &
server=$!

# Asks again and again, since a server which only just begins does not listen yet: politely for three seconds,
# then for an immediate shutdown, from which the next start recovers, then not at all politely.
end_server() {
    tries=0
    while kill -0 "$server" 2>/dev/null; do
        signal=$first_signal
        [ "$tries" -ge 30 ] && signal=QUIT
        [ "$tries" -ge 60 ] && signal=KILL
        [ "$tries" -ge 90 ] && exit 1
        kill -"$signal" "$server" 2>/dev/null
        tries=$((tries + 1))
        sleep 0.1
    done
}

{
    trap 'exit 1' TERM
    while read -r _; do :; done <&3
    trap '' TERM
    end_server
    exit 0
} &
watch=$!
exec 3<&-

wait "$server"
status=$?
kill "$watch" 2>/dev/null
if wait "$watch" && [ -n "$discard" ]; then
    rm -rf "$discard"
fi
exit "$status"
