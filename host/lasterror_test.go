package host

import (
	"strings"
	"testing"
)

func TestLastError(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "\n \n", ""},
		{"one line", "RTNETLINK answers: Operation not permitted\n", "RTNETLINK answers: Operation not permitted"},
		{"the last line", "first\nsecond\n", "second"},
		{
			"kubeadm's checks", "W1127 12:00:00.000000      12 x.go:1] a warning\nerror execution phase preflight: [preflight] Some fatal errors occurred:\n" +
				"\t[ERROR Port-6443]: Port 6443 is in use\n\t[ERROR DirAvailable--var-lib-etcd]: /var/lib/etcd is not empty\n" +
				"[preflight] If you know what you are doing, you can make a check non-fatal with `--ignore-preflight-errors=...`\n" +
				"To see the stack trace of this error execute with --v=5 or higher\n",
			"error execution phase preflight: [ERROR Port-6443]: Port 6443 is in use; [ERROR DirAvailable--var-lib-etcd]: /var/lib/etcd is not empty",
		},
		{
			"kubeadm's phase", "\nUnfortunately, an error has occurred:\n\ttimed out waiting for the condition\n\nThis error is likely caused by:\n\t- The kubelet is not running\n" +
				"\t- 'crictl --runtime-endpoint unix:///run/crio/crio.sock logs CONTAINERID'\nerror execution phase wait-control-plane: couldn't initialize a Kubernetes cluster\n" +
				"To see the stack trace of this error execute with --v=5 or higher\n",
			"error execution phase wait-control-plane: couldn't initialize a Kubernetes cluster",
		},
		{
			"kubeadm of 1.34", "error: error execution phase preflight: [preflight] Some fatal errors occurred:\n\t[ERROR Port-6443]: Port 6443 is in use\n" +
				"[preflight] If you know what you are doing, you can make a check non-fatal with `--ignore-preflight-errors=...`\nTo see the stack trace of this error execute with --v=5 or higher\n",
			"error execution phase preflight: [ERROR Port-6443]: Port 6443 is in use",
		},
		{"kubeadm without a phase", "unknown flag: --nope\nTo see the stack trace of this error execute with --v=5 or higher\n", "unknown flag: --nope"},
		{
			"an apiserver's flag that is wrong", "Error: unknown flag: --nope\nUsage:\n  kube-apiserver [flags]\n\nGeneric flags:\n\n      --advertise-address ip   The IP\n",
			"Error: unknown flag: --nope",
		},
		{
			"klog", "I1127 12:00:00.000000       1 server.go:555] external host was not specified, using 10.77.0.11\n" +
				"E1127 12:00:01.000000       1 run.go:74] \"command failed\" err=\"loading audit policy file: open /etc/audit/policy.yaml: no such file or directory\"\n",
			"command failed: loading audit policy file: open /etc/audit/policy.yaml: no such file or directory",
		},
		{"what is fatal before what is not", "F1127 12:00:01.000000       1 x.go:7] can't listen\nE1127 12:00:02.000000       1 y.go:8] lease lost\nstopping\n", "can't listen"},
		{"an error before a line", "E1127 12:00:02.000000       1 y.go:8] lease lost\nI1127 12:00:03.000000       1 y.go:8] stopping\n", "lease lost"},
		{"logrus", "time=\"2026-11-27T12:00:00Z\" level=fatal msg=\"Error loading signature policy: open /x: \\\"no\\\"\"\n", `Error loading signature policy: open /x: "no"`},
		{"logrus with an error", "time=\"2026-11-27T12:00:00Z\" level=error msg=\"starting\" id=7 error=\"no device\"\n", "starting: no device"},
		{"zap", `{"level":"fatal","ts":"2026-11-27T12:00:00Z","caller":"x.go:1","msg":"discovery failed","error":"member count is unequal"}` + "\n", "discovery failed: member count is unequal"},
		{"RootlessKit", "[rootlesskit:child ] error: executing child command: exit status 1\n[rootlesskit:parent] error: failed to setup network: no slirp4netns\nchild exited\n", "[rootlesskit:parent] error: failed to setup network: no slirp4netns"},
		{
			"RootlessKit's child", "podsec-k8s: preparing the namespaces: asking for a network device: no such file or directory\n  remedy: systemctl status x\n" +
				"[rootlesskit:child ] error: executing child command: exit status 1\n[rootlesskit:parent] error: child exited: exit status 1\n",
			"podsec-k8s: preparing the namespaces: asking for a network device: no such file or directory",
		},
		{"an error before a help", "[rootlesskit:parent] error: flag provided but not defined: -net\nNAME:\n   rootlesskit - Linux-native fakeroot\n\nOPTIONS:\n   --help\n", "[rootlesskit:parent] error: flag provided but not defined: -net"},
		{"a panic", "panic: no room\n\ngoroutine 1 [running]:\nmain.main()\n\t/src/main.go:7 +0x1d\nexit status 2\n", "panic: no room"},
		{"escape sequences", "error: \x1b[2J\x1b]0;owned\x07red\u202etxt\xff\n", "error: [2J]0;ownedredtxt"},
		{"too long", strings.Repeat("ж", maxReason+1), strings.Repeat("ж", maxReason) + "…"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := LastError(c.text); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func FuzzLastError(f *testing.F) {
	f.Add("E1127 12:00:01.000000       1 run.go:74] \"command failed\" err=\"x\"")
	f.Add("{\"level\":\"fatal\",\"msg\":\"x\"}")
	f.Fuzz(func(t *testing.T, text string) {
		got := LastError(text)
		if strings.ContainsAny(got, "\n\x1b\x07\u009b") || len([]rune(got)) > maxReason+1 {
			t.Errorf("%q of %q", got, text)
		}
	})
}

func TestCommandErrorNamesItsProgram(t *testing.T) {
	c := Command{Name: "kubeadm init", Path: "sh", Args: []string{"-c", "echo 'error execution phase kubelet-start: no' >&2; echo 'To see the stack trace' >&2; exit 3"}}
	err := c.Run(t.Context())
	if err == nil || err.Error() != "kubeadm init: exit status 3: error execution phase kubelet-start: no" {
		t.Error(err)
	}
	c.Name, c.Args = "", []string{"-c", "exit 4"}
	if err := c.Run(t.Context()); err == nil || err.Error() != `running ["sh" "-c" "exit 4"]: exit status 4` {
		t.Error(err)
	}
}
