package scenarios

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
)

// traces is where the traces of a machine are.
const traces = "/root/traces"

// traced is a command with a trace of all that it and its children do with files,
// sockets, programs and ids. A program that has no set-user-id program to run can
// be traced quickly: then other calls are not stopped at.
// Source: strace(1), "--seccomp-bpf", and prctl(2), PR_SET_NO_NEW_PRIVS.
func traced(name, command string, quickly bool) string {
	how := ""
	if quickly {
		how = "--seccomp-bpf "
	}
	return "mkdir -p " + traces + " && strace -f " + how + "-qq -y --decode-pids=pidns -s 300 -e signal=none -e trace=%file,clone,clone3,fork,vfork,connect,bind,setuid,setreuid,setresuid -o " +
		traces + "/" + name + " sh -c '" + command + "'"
}

// TestTrace: what root does in the life of a package and its node, as the kernel
// sees it.
func TestTrace(t *testing.T) {
	eachGeneration(t, func(t *testing.T, g generation.Generation) {
		m, w := boot(t, g, "t-traced"), boot(t, g, "t-traced2")
		m.run(traced("install", "dnf -q -y install podsec-k8s", true))
		w.run("dnf -q -y install podsec-k8s")
		m.run(traced("create", create, false))
		for name, command := range map[string]string{
			"status": "podsec-k8s status || true", "token": "podsec-k8s token create && podsec-k8s token list", "image": loadWeb,
			"exec": "podsec-k8s exec true && podsec-k8s crictl images && podsec-k8s kubeadm version", "kubectl": "podsec-k8s kubectl get nodes",
		} {
			m.run(traced(name, command, false))
		}
		w.run("cat > /root/join <<'J'\n" + joinCommand(m) + "\nJ")
		w.run(traced("join", "sh /root/join", false))
		w.run(traced("reset", "podsec-k8s reset --yes", false))
		repository, err := m.Newer(t.Context(), "99.0")
		if err != nil {
			t.Fatal(err)
		}
		m.run(traced("upgrade", "dnf -q -y --nogpgcheck --repofrompath=newer,file://"+repository+" upgrade podsec-k8s", true))
		m.run(traced("erase", "dnf -q -y remove --noautoremove podsec-k8s", true))
		rootStaysOut(m, "install", "create", "status", "token", "image", "exec", "kubectl", "upgrade", "erase")
		rootStaysOut(w, "join", "reset")
	})
}

// rootStaysOut reads the traces: no process of root's has opened, looked at, run
// or connected to what is below the folders of u7s-admin. Only erase renames the
// home, once.
func rootStaysOut(m *machine, names ...string) {
	for _, name := range names {
		lines := strings.Split(m.run("cat "+traces+"/"+name), "\n")
		if len(lines) < 100 {
			m.t.Errorf("%s: a trace of %d lines", name, len(lines))
		}
		t := readTrace(lines)
		if len(t.intrusions) > 0 {
			m.t.Errorf("%s: root was in the folders of u7s-admin:\n%s", name, strings.Join(t.intrusions[:min(20, len(t.intrusions))], "\n"))
		}
		if want := strings.Count(name, "erase"); t.renames != want {
			m.t.Errorf("%s: the home was renamed %d times, not %d", name, t.renames, want)
		}
		if t.crossed == 0 && !strings.Contains(name, "erase") && !strings.Contains(name, "install") {
			m.t.Errorf("%s: no process has become u7s-admin: the trace is of something else", name)
		}
	}
	m.run("rm -r " + traces)
}

// A trace is what was found in one.
type trace struct {
	intrusions []string // lines
	renames    int      // of the home
	crossed    int      // processes that have become another user's
}

// Forms of a trace. Source: strace(1), "-f", "-o" and "-y".
var (
	traceLine  = regexp.MustCompile(`^(\d+) +(.*)$`)
	forked     = regexp.MustCompile(`(?:^|<\.\.\. )(?:clone3?|v?fork)\b.*= (\d+)(?: /\* (\d+) in strace's PID NS \*/)?$`)
	becomes    = regexp.MustCompile(`^set(?:res|re)?uid\((\d+)`)
	inFolder   = regexp.MustCompile(`["<](?:/var/lib/u7s-admin|/run/user/\d+)/`)
	withFolder = regexp.MustCompile(`</(?:var/lib/u7s-admin|run/user/\d+)>`)
	renamed    = regexp.MustCompile(`^rename(?:at2?)?\(.*"/var/lib/u7s-admin", .*\) = 0`)
)

// readTrace tells the processes of root from those that have become u7s-admin,
// and those that these have started.
func readTrace(lines []string) (t trace) {
	parent, users := map[string]string{}, map[string]bool{}
	for _, line := range lines {
		if parts := traceLine.FindStringSubmatch(line); parts != nil {
			if child := forked.FindStringSubmatch(parts[2]); child != nil {
				parent[cmp.Or(child[2], child[1])] = parts[1] // in the node the same process has another number
			}
		}
	}
	for _, line := range lines {
		parts := traceLine.FindStringSubmatch(line)
		if parts == nil {
			continue
		}
		pid, call := parts[1], parts[2]
		if _, known := users[pid]; !known {
			users[pid] = users[parent[pid]]
		}
		if uid := becomes.FindStringSubmatch(call); uid != nil && uid[1] != "0" && !users[pid] {
			users[pid] = true
			t.crossed++
		}
		if users[pid] {
			continue
		}
		if renamed.MatchString(call) {
			t.renames++
		}
		if inFolder.MatchString(call) || withFolder.MatchString(call) {
			t.intrusions = append(t.intrusions, line)
		}
	}
	return t
}

// TestReadTrace: what is root's is told from what is not.
func TestReadTrace(t *testing.T) {
	const home = "/var/lib/u7s-admin"
	for name, c := range map[string]struct {
		lines string
		want  string
	}{
		"root looks":            {`7 newfstatat(AT_FDCWD</root>, "` + home + `/state", 0x1, 0) = -1 ENOENT (No such file or directory)`, "1 0 0"},
		"by a folder":           {`7 openat(5<` + home + `>, "state", O_RDONLY) = 6`, "1 0 0"},
		"a socket":              {`7 connect(5<socket:[1]>, {sa_family=AF_UNIX, sun_path="/run/user/988/bus"}, 20) = 0`, "1 0 0"},
		"the user":              {"7 setresuid(988, 988, 988) = 0\n7 openat(AT_FDCWD</>, \"" + home + "/state\", O_RDONLY) = 6", "0 0 1"},
		"a child of it":         {"7 setresuid(988, 988, 988) = 0\n7 clone(child_stack=NULL, flags=SIGCHLD) = 8\n8 execve(\"" + home + "/x\", [\"x\"], 0x7 /* 3 vars */) = 0", "0 0 1"},
		"a child that is early": {"7 setresuid(988, 988, 988) = 0\n7 clone(flags=SIGCHLD <unfinished ...>\n8 openat(AT_FDCWD</>, \"" + home + "/x\", O_RDONLY) = 3\n7 <... clone resumed>) = 8", "0 0 1"},
		"a child of root":       {"7 vfork( <unfinished ...>\n8 setresuid(988, 988, 988) = 0\n7 <... vfork resumed>) = 8\n7 execve(\"" + home + "/x\", [\"x\"], 0x7) = 0", "1 0 1"},
		"erase":                 {`7 renameat(AT_FDCWD</>, "` + home + `", AT_FDCWD</>, "/var/lib/podsec-k8s/saved/home") = 0`, "0 1 0"},
		"the folder's entry":    {`7 newfstatat(AT_FDCWD</>, "` + home + `", 0x1, AT_SYMLINK_NOFOLLOW) = 0`, "0 0 0"},
		"in the node":           {"7 setresuid(988, 988, 988) = 0\n7 clone(flags=SIGCHLD) = 6 /* 9 in strace's PID NS */\n9 chdir(\"" + home + "/x\") = 0\n6 chdir(\"" + home + "/x\") = 0", "1 0 1"},
		"as an argument":        {`7 execve("/usr/sbin/useradd", ["useradd", "--home-dir", "` + home + `"], 0x7) = 0`, "0 0 0"},
	} {
		r := readTrace(strings.Split(c.lines, "\n"))
		if got := fmt.Sprint(len(r.intrusions), r.renames, r.crossed); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
