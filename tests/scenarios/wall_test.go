package scenarios

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// asAdmin runs a shell command as the node's user, as whoever has broken out of a
// container would.
func (m *machine) asAdmin(command string) {
	m.t.Helper()
	m.run(adminShell + "'" + command + "'")
}

const adminShell = "setpriv --reuid=u7s-admin --regid=u7s-admin --clear-groups env HOME=/var/lib/u7s-admin XDG_RUNTIME_DIR=/run/user/$(id -u u7s-admin) sh -c "

// wall: what u7s-admin can do to root. Each part plays u7s-admin.
func wall(m *machine) {
	const kubeadms = "/usr/bin/kubeadm /usr/lib/podsec-k8s/kept/*/kubeadm" // the installed one, and the node's
	m.run("mkdir -p /root/wall && cat > /root/wall/typist.py <<'P'\n" + typistProgram + "\nP")
	m.run("cat > /root/wall/withkey.py <<'P'\n" + withKeyProgram + "\nP")
	m.run("cat > /root/wall/peak.py <<'P'\n" + peakProgram + "\nP")
	for _, part := range []func(*machine){wallTyped, wallWords, wallMemory} {
		m.run("podsec-k8s exec sh -c 'mkdir -p -m 777 /var/lib/kubelet/wall && cat > /var/lib/kubelet/fake && chmod 755 /var/lib/kubelet/fake && for k in " + kubeadms + "; do mount --bind /var/lib/kubelet/fake $k; done' <<'P'\n" + fakeKubeadm + "\nP")
		part(m)
		m.run("podsec-k8s exec sh -c 'umount " + kubeadms + "; rm -r /var/lib/kubelet/fake /var/lib/kubelet/wall'")
	}
	wallFiles(m)
	wallPorts(m)
	wallSockets(m)
	m.run("rm -r /root/wall")
}

// wallTyped: a program in place of kubeadm has nothing of root's: no terminal,
// not then and not later, no descriptor, no key.
func wallTyped(m *machine) {
	m.run("podsec-k8s exec touch /var/lib/kubelet/wall/leave")
	for _, command := range []string{"token list", "kubeadm version", "exec kubeadm"} {
		m.run(`python3 /root/wall/typist.py 'podsec-k8s ` + command + `; echo "do"ne\n' 'done' 'read -rs secret; echo "ha"s ${#secret}\n' '' 'the-secret\n' 'has 10'`)
		if stolen := m.run("podsec-k8s exec cat /var/lib/kubelet/wall/stolen"); stolen != "" {
			m.t.Errorf("%s: what root typed later was read: %q", command, stolen)
		}
	}
	m.run("podsec-k8s exec rm /var/lib/kubelet/wall/leave")
	m.run("python3 /root/wall/withkey.py sh -c 'podsec-k8s token list 7</etc/shadow' > /dev/null")
	m.says("podsec-k8s exec cat /var/lib/kubelet/wall/key", "none")
	if files := m.run("podsec-k8s exec cat /var/lib/kubelet/wall/files"); strings.Contains(files, "shadow") || strings.Contains(files, "tty") || strings.Contains(files, "pts") {
		m.t.Errorf("it has descriptors of root's:\n%s", files)
	}
	m.within(10*time.Second, func() { m.says("podsec-k8s exec sh -c 'sleep 600 & echo left'", "left\n") })
}

// harmful is what no line that root reads may have: what a terminal obeys, and
// what turns the writing round.
var harmful = regexp.MustCompile("[\x00-\x08\x0b-\x1f\x7f\u0080-\u009f\u202a-\u202e\u2066-\u2069\u200b-\u200f]")

// wallWords: what is printed is harmless, and a line for another machine has its
// form, or is not printed.
func wallWords(m *machine) {
	m.checkHarmless("podsec-k8s token list", 0, "fake token")
	m.checkHarmless("podsec-k8s token create --print-join-command", exitFault, "not a hash of a certificate authority")
	m.checkHarmless("podsec-k8s token create --control-plane", exitFault, "")
	m.checkHarmless("podsec-k8s token create", exitFault, "kubeadm did not print a token")
	m.checkHarmless("podsec-k8s create-master", 0, "already")
}

func (m *machine) checkHarmless(command string, status int, word string) {
	m.t.Helper()
	out, got := m.try(command + " 2>&1")
	if got != status || !strings.Contains(out, word) || strings.Contains(out, "podsec-k8s join ") || harmful.MatchString(out) {
		m.t.Errorf("%s: exit status %d, want %d and %q, harmless: %q", command, got, status, word, out)
	}
}

// wallMemory: root's memory stays small whatever it is told.
func wallMemory(m *machine) {
	m.run("podsec-k8s exec touch /var/lib/kubelet/wall/big")
	for _, command := range []string{"token list", "token create", "exec kubeadm"} {
		out := m.run("python3 /root/wall/peak.py podsec-k8s " + command)
		if peak, err := strconv.Atoi(strings.TrimSpace(out)); err != nil || peak >= 64<<10 {
			m.t.Errorf("%s: root's memory %q KiB, %v", command, out, err)
		}
	}
}

// wallFiles: what is no file of ordinary size in place of the node's state is
// named, at once, and the lock is free again.
func wallFiles(m *machine) {
	const steps = "/var/lib/u7s-admin/state/steps.json"
	m.asAdmin("mv " + steps + " " + steps + ".away")
	for _, c := range []struct{ spoil, word string }{
		{"mkfifo " + steps, "not a regular file"},
		{"ln -s /dev/zero " + steps, "not a regular file"},
		{"truncate -s 1G " + steps, "larger than 16 MiB"},
	} {
		m.asAdmin(c.spoil)
		for _, command := range []string{"status", "create-master"} {
			m.within(20*time.Second, func() { m.fails("podsec-k8s "+command, exitFault, c.word, "steps.json", "remedy") })
		}
		m.asAdmin("rm -f " + steps)
	}
	m.asAdmin("mv " + steps + ".away " + steps)
	m.run("flock -n /run/podsec-k8s/lock true && podsec-k8s status")
}

// wallPorts: what the node says of a port is shown harmlessly.
func wallPorts(m *machine) {
	const ports = "/run/user/$(id -u u7s-admin)/u7s/ports.json"
	m.run(userctl + "kill --signal=STOP u7s-ports && cp -a " + ports + " /root/wall/ports.json") // it would write its own again
	m.run(`python3 - <<'P'
import json, os, pwd
path = "/run/user/%d/u7s/ports.json" % pwd.getpwnam("u7s-admin").pw_uid
ports = json.load(open(path))
ports["Ports"] = [{"Address": "", "Child": "", "Proto": "tcp", "Number": 7, "Fault": "a\u001b]0;owned\u0007\u009b2J\u202eb\nremedy: x"}] * 2
open(path, "w").write(json.dumps(ports))
P`)
	for _, form := range []string{"", " -o json"} {
		m.checkHarmless("podsec-k8s status"+form, exitFault, "owned")
	}
	m.run("cp -a /root/wall/ports.json " + ports + " && " + userctl + "kill --signal=CONT u7s-ports")
}

// wallSockets: sockets of the user's systemd that say nothing hold neither a
// package manager nor an administrator up.
func wallSockets(m *machine) {
	m.asAdmin("cd $XDG_RUNTIME_DIR && mv systemd/private systemd/private.away && mv bus bus.away")
	m.run(background + "--unit=silent " + adminShell + `'cd $XDG_RUNTIME_DIR && exec python3 -c "
import socket, time
for path in \"systemd/private\", \"bus\":
    s = socket.socket(socket.AF_UNIX); s.bind(path); s.listen(9); globals()[path] = s
open(\"silent\", \"w\").close()
time.sleep(600)"'`)
	m.eventually(time.Minute, "test -e /run/user/$(id -u u7s-admin)/silent")
	m.within(25*time.Second, func() {
		if out := m.run("podsec-k8s scriptlet post 2 2>&1"); strings.Count(out, "warning") != 1 {
			m.t.Errorf("not one line of warning: %s", out)
		}
	})
	m.within(30*time.Second, func() { m.fails("podsec-k8s status", exitFault, "no answer within", "remedy") })
	m.asAdmin("cd $XDG_RUNTIME_DIR && rm silent systemd/private bus && mv systemd/private.away systemd/private && mv bus.away bus")
	m.run("systemctl stop silent; podsec-k8s status")
}

// fakeKubeadm is what u7s-admin puts in the place of kubeadm. It notes its
// descriptors and whether it finds a key, says what it should not, and leaves a
// process behind that reads from every terminal that it has been given.
const fakeKubeadm = `#!/usr/bin/python3
import ctypes, os, platform, signal, sys, threading, time
folder = "/var/lib/kubelet/wall/"
big = os.path.exists(folder + "big")
files = []
for fd in os.listdir("/proc/self/fd"):
    try:
        files.append(fd + " " + os.readlink("/proc/self/fd/" + fd))
    except OSError:
        pass
if "list" in sys.argv:
    open(folder + "files", "w").write("\n".join(files))
    number = {"x86_64": 250, "aarch64": 219}[platform.machine()]
    found = ctypes.CDLL(None).syscall(number, 10, -3, b"user", b"of-root", 0)
    open(folder + "key", "w").write("found" if found > 0 else "none")
if big:
    block = "x" * (1 << 20)
    for i in range(200):
        (sys.stderr if i % 2 else sys.stdout).write(block)
elif "--print-join-command" in sys.argv:
    print("kubeadm join 192.0.2.1:6443 --token abcdef.0123456789abcdef --discovery-token-ca-cert-hash sha256:00$(touch${IFS}/tmp/x)\x1b[8m")
elif "create" in sys.argv:
    print("abcdef.0123456789abcdef\x1b[8m; $(touch /tmp/x)")
elif "list" in sys.argv:
    print("fake token\x1b]0;owned\x07\x1b[2J\u202e\u009b31m")
    print("\x1bc\x1b[8mnotes", file=sys.stderr)
sys.stdout.flush()
out = open(folder + "stolen", "ab", 0)
if not os.path.exists(folder + "leave") or os.fork() != 0:
    os._exit(0)
os.setsid()
for s in signal.SIGHUP, signal.SIGTERM, signal.SIGTTIN:
    signal.signal(s, signal.SIG_IGN)
if os.fork() != 0:
    os._exit(0)
def read(fd): # whoever waits first gets all
    while True:
        try:
            data = os.read(fd, 100)
        except OSError:
            return
        if not data:
            return
        out.write(data)
for fd in range(64):
    if os.isatty(fd):
        threading.Thread(target=read, args=(fd,), daemon=True).start()
time.sleep(20)
os._exit(0)`

// typistProgram is somebody before a terminal with a shell: it types each odd
// argument and waits for the even one behind it, "" for a moment.
const typistProgram = `import os, pty, select, sys, time
pid, fd = pty.fork()
if pid == 0:
    os.execvp("bash", ["bash", "--norc", "--noediting", "-i"])
seen = ""
for typed, text in zip(sys.argv[1::2], sys.argv[2::2]):
    os.write(fd, typed.encode().decode("unicode_escape").encode())
    if text == "":
        time.sleep(1)
        continue
    end = time.time() + 30
    while text not in seen:
        if time.time() > end:
            sys.exit("does not see %r but %r" % (text, seen))
        if select.select([fd], [], [], 0.1)[0]:
            seen += os.read(fd, 4096).decode(errors="replace")
    seen = seen.split(text, 1)[1]`

// withKeyProgram runs a command with a key in its session keyring.
// Source: keyctl(2), add_key(2).
const withKeyProgram = `import ctypes, os, platform, sys
call = ctypes.CDLL(None, use_errno=True).syscall
add, key = {"x86_64": (248, 250), "aarch64": (217, 219)}[platform.machine()]
if call(key, 1, None) < 0 or call(add, b"user", b"of-root", b"secret", 6, -3) < 0 or call(key, 10, -3, b"user", b"of-root", 0) < 0:
    sys.exit("no key: %d" % ctypes.get_errno())
os.execvp(sys.argv[1], sys.argv[1:])`

// peakProgram runs a command and prints the most memory that it has had itself,
// in KiB. Source: proc(5), VmHWM.
const peakProgram = `import subprocess, sys, time
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
peak = 0
while child.poll() is None:
    for line in open("/proc/%d/status" % child.pid):
        if line.startswith("VmHWM:"):
            peak = int(line.split()[1])
    time.sleep(0.02)
print(peak)`
