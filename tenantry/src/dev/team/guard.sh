# Runs the app of a team, which must not outlive the process that started it. That process holds the other end of
# our standard input; when it closes, however its holder died, the app's whole process group is ended.
#
# usage: sh guard.sh COMMAND [ARGUMENT...], as the leader of a process group
# Exits as the command did. The app reads from the same pipe, which never says anything and ends with its holder.
exec 3<&0

# A trap, and not an empty one: it holds for us alone, while an ignored signal would stay ignored in the app.
trap : TERM INT HUP

"$@" <&3 3<&- &
app=$!

{
    while read -r _; do :; done <&3
    trap : TERM
    trap '' USR1
    kill -TERM 0
    tries=0
    while kill -0 "$app" 2>/dev/null && [ "$tries" -lt 50 ]; do
        tries=$((tries + 1))
        sleep 0.1
    done
    # What the app itself started may need a moment more than the app.
    sleep 0.2
    kill -KILL 0
} &
watch=$!
exec 3<&- </dev/null

# A signal ends the waiting, and not what is waited for.
while :; do
    wait "$app"
    status=$?
    kill -0 "$app" 2>/dev/null || break
done

# Before the pipe closes this ends the watch. Afterwards it has no effect: the watch ends the whole group.
kill -USR1 "$watch" 2>/dev/null
kill -TERM 0
exit "$status"
