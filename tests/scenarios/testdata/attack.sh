cat > /run/attack.py <<'P'
import os, sys, time
end = time.time() + 90
if sys.argv[1] == "chain":
    while time.time() < end:
        if os.fork() > 0:
            os._exit(0)
        time.sleep(0.003)
for _ in range(20):
    if os.fork() == 0:
        break
while time.time() < end:
    if os.fork() == 0:
        time.sleep(0.02)
        os._exit(0)
    os.wait()
P
trap='trap "" TERM HUP INT; while :; do sleep 1; done'
id=$(($(sed -n 's/^u7s-admin:\([0-9]*\):.*/\1/p' /etc/subuid) + 65535))
start() { user=$1; shift; systemd-run -q -p RemainAfterExit=yes -p KillMode=process --uid="$user" "$@"; }
start u7s-admin sh -c "$trap"
start $id sh -c "$trap"
start u7s-admin nice python3 /run/attack.py chain
start u7s-admin nice python3 /run/attack.py spread
start root sleep 4242
sleep 1
