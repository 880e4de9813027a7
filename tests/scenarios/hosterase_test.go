package scenarios

import (
	_ "embed" // what runs in the node
	"strings"
	"time"
)

// attackScript starts what does not want to end: it has left the user's cgroup,
// ignores signals, has a subordinate id, or forks on and on. It ends after some
// time by itself, for the machine is shared.
//
//go:embed testdata/attack.sh
var attackScript string

// attackedErase: a user that does not want to go. It hangs its own systemd as
// well, and its home is deeper than a process may have files open, and leads
// elsewhere.
func attackedErase(m *machine) {
	m.run("mkdir -p /srv/precious/x")
	m.run(install)
	const as = "setpriv --reuid=u7s-admin --regid=u7s-admin --clear-groups "
	m.run(as + `python3 -c '
import os
os.chdir("/var/lib/u7s-admin")
os.symlink("/srv/precious", "link")
for n in range(25000):
    os.mkdir("d" * 50)
    os.chdir("d" * 50)
os.symlink("/srv/precious", "link")'`)
	m.run("XDG_RUNTIME_DIR=/run/user/$(id -u u7s-admin) " + as +
		`systemd-run --user --quiet -p TimeoutStopSec=infinity -p SendSIGKILL=no sh -c 'trap "" TERM HUP INT; while :; do sleep 1; done'`)
	was := strings.TrimSpace(m.run("id -u u7s-admin"))
	m.run(attackScript)
	m.run("test $(pgrep -u u7s-admin -c) -gt 20")
	began := time.Now()
	if out := m.run(remove + " 2>&1"); strings.Contains(out, "remedy") {
		m.t.Errorf("erase says:\n%s", out)
	}
	m.t.Logf("erase under attack took %s", time.Since(began).Round(time.Second))
	m.says("pgrep -fc '^/usr/bin/sleep 424[2]'; ls /srv/precious", "1\nx\n")
	m.fails("id u7s-admin", 1)
	m.run("! pgrep -u " + was + "; ! pgrep -f 'while :; do [s]leep'; systemctl stop 'run-*.service'; systemctl reset-failed; rm -r /srv/precious /run/attack.py")
}

// unendingProcess: a process that no signal ends is named, the user and its ids
// stay for it, and the remedy finishes the work.
func unendingProcess(m *machine) {
	m.run(install)
	// It has ended, and its parent, which is root's, takes no note of that.
	m.run(`systemd-run -q --unit=parent python3 -c '
import os, pwd, time
u = pwd.getpwnam("u7s-admin")
if os.fork() == 0:
    os.setgid(u.pw_gid); os.setuid(u.pw_uid)
    os._exit(0)
time.sleep(600)'; sleep 1`)
	m.says(remove+" 2>&1", "user u7s-admin, its home directory and its ids stay, because 1 process does not end: ", "(python3)", "remedy: kill -9 ", "userdel u7s-admin")
	m.fails("rpm -q podsec-k8s", 1)
	m.says("id -un u7s-admin && grep -c u7s-admin: /etc/subuid /etc/subgid", "u7s-admin\n", "/etc/subuid:1", "/etc/subgid:1")
	m.run("systemctl stop parent; " + install)
	m.run(remove)
}
