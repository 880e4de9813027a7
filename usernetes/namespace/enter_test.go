package namespace

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// TestInNode: the program runs in all of the node's namespaces, with nothing of the
// caller's environment.
func TestInNode(t *testing.T) {
	playNode(t)
	program(t, "nsenter", `echo "$@"; env`)
	t.Setenv("SECRET", "x")
	cmd, err := InNode(Program{Name: "kubeadm", Args: []string{"init", "--config=x"}})
	if err != nil || cmd.Name != "kubeadm init" {
		t.Fatalf("%+v, %v", cmd, err)
	}
	out, err := cmd.Output(t.Context())
	args, env, _ := strings.Cut(string(out), "\n")
	if err != nil || !strings.HasSuffix(args, " --net --pid --cgroup --ipc --uts -- kubeadm init --config=x") || strings.Contains(env, "SECRET") || !strings.Contains(env, "HOME="+node.Home+"\n") {
		t.Errorf("%q, %q, %v", args, env, err)
	}
	if err := cmd.End(os.Getpid()); err != nil {
		t.Error(err)
	}
}

// TestUnitCommand: what the administrator has given the unit reaches its program.
func TestUnitCommand(t *testing.T) {
	s := playNode(t)
	t.Setenv("INVOCATION_ID", "1")
	t.Setenv("OF_THE_UNIT", "1")
	t.Setenv("OF_EVERY_UNIT", "1")
	s.SetEnvironment("OF_EVERY_UNIT=1")
	cmd, err := Program{Name: "crio"}.UnitCommand(t.Context())
	if err != nil || !slices.Contains(cmd.Env, "OF_THE_UNIT=1") || slices.Contains(cmd.Env, "OF_EVERY_UNIT=1") {
		t.Errorf("%q, %v", cmd.Env, err)
	}
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	if err := (Program{Name: "crio"}).ExecUnit(t.Context()); err == nil {
		t.Error("without the user's systemd")
	}
}

// TestWithoutNamespaces: who asks too early is told what to start.
func TestWithoutNamespaces(t *testing.T) {
	playNode(t)
	if err := os.Remove(ChildPIDFile()); err != nil {
		t.Fatal(err)
	}
	if err := ExecInNode("sh"); err == nil || !strings.Contains(err.Error(), "finding the node's namespaces") {
		t.Errorf("%v", err)
	}
	if err := os.RemoveAll(node.Home); err != nil {
		t.Fatal(err)
	}
	if _, err := ChildPID(); err == nil || !strings.Contains(err.Error(), "there is no node on this machine yet") {
		t.Errorf("%v", err)
	}
}
