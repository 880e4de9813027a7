package steps

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// TestLoadState: of the two copies of a file of state either is enough.
func TestLoadState(t *testing.T) {
	const whole = `{"Begun":"join"}`
	for _, c := range []struct {
		name        string
		file, copy  string // "-" for none
		missing, ok bool
	}{
		{"both are whole", whole, whole, false, true},
		{"of an earlier version", whole, "-", false, true},
		{"cut between the two", whole, `{"Begun":"images"}`, false, true},
		{"the first is empty", "", whole, false, true},
		{"the first is cut", whole[:7], whole, false, true},
		{"the second is cut", whole, "", false, true},
		{"both are damaged", "", whole[:3], false, false},
		{"damaged, of an earlier version", "", "-", false, false},
		{"there is none", "-", "-", true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "steps.json")
			for name, text := range map[string]string{path: c.file, node.CopyOf(path): c.copy} {
				if text == "-" {
					continue
				}
				if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var s Steps
			err := node.LoadState(path, &s)
			var damaged *node.DamagedError
			if node.IsMissing(err) != c.missing || (err == nil) != c.ok || errors.As(err, &damaged) == (c.ok || c.missing) {
				t.Fatalf("got %v", err)
			}
			if !c.ok {
				return
			}
			if data, err := os.ReadFile(path); err != nil || string(data) != whole || s.Begun != PhaseJoin {
				t.Errorf("got %+v, and the file %q, %v", s, data, err)
			}
		})
	}
}

// TestRole: what a machine is in its cluster follows from what was done.
func TestRole(t *testing.T) {
	for _, c := range []struct {
		done []string
		port int
		want Role
	}{
		{nil, 6443, RoleNone},
		{[]string{"images"}, 6443, RoleNone},
		{[]string{PhaseInit}, 6443, RoleFirst},
		{[]string{PhaseJoin}, 6443, RoleControl},
		{[]string{PhaseJoin}, 0, RoleWorker},
	} {
		if got := (Steps{Done: c.done}).Role(node.Node{APIPort: c.port}); got != c.want {
			t.Errorf("%q, port %d: %d, want %d", c.done, c.port, got, c.want)
		}
	}
}

// TestAskedFor: a node of an earlier version has its configuration alone.
func TestAskedFor(t *testing.T) {
	noNode(t)
	if a, known := (Steps{}).AskedFor(); known || a.Config != "" {
		t.Errorf("%+v, %v", a, known)
	}
	roottest.WriteFile(t, node.InitFile, "kind: x\n")
	if a, known := (Steps{}).AskedFor(); known || a.Config != "kind: x\n" {
		t.Errorf("%+v, %v", a, known)
	}
	if a, known := (Steps{Asked: &Asked{NodeIP: "192.0.2.10"}}).AskedFor(); !known || a.NodeIP != "192.0.2.10" {
		t.Errorf("%+v, %v", a, known)
	}
}

// TestStepsComeBack: what was saved is read again, and what is lost is told of
// where kubeadm has begun something.
func TestStepsComeBack(t *testing.T) {
	noNode(t)
	if s, err := LoadSteps(); err != nil || s.Finished {
		t.Errorf("without a node: %+v, %v", s, err)
	}
	roottest.WriteFile(t, node.NodeFile, "{}")
	if err := (Steps{Done: []string{"images"}, Begun: PhaseInit}).Save(); err != nil {
		t.Fatal(err)
	}
	s, err := LoadSteps()
	if err != nil || len(s.Done) != 1 || s.Begun != PhaseInit {
		t.Errorf("%+v, %v", s, err)
	}
	for _, path := range []string{node.StepsFile, node.CopyOf(node.StepsFile)} {
		roottest.WriteFile(t, path, "{")
	}
	if s, err := LoadSteps(); err != nil || s.Begun != "" {
		t.Errorf("damaged, and nothing is begun: %+v, %v", s, err)
	}
	roottest.WriteFile(t, node.StatePath(node.AdminConf), "")
	var damaged *node.DamagedError
	if _, err := LoadSteps(); !errors.As(err, &damaged) {
		t.Errorf("damaged: %v", err)
	}
	if FirstUnfinished() {
		t.Error("it is not known what was begun")
	}
	if err := errors.Join(os.Remove(node.StepsFile), os.Mkdir(node.StepsFile, 0o700)); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadSteps(); err == nil || errors.As(err, &damaged) {
		t.Errorf("a folder: %v", err)
	}
}

// TestFinished: a node is made when its steps say so and it has its identity.
func TestFinished(t *testing.T) {
	for _, c := range []struct {
		name     string
		steps    Steps
		identity bool
		want, ok bool
	}{
		{"half made", Steps{Begun: "images"}, false, false, true},
		{"made", Steps{Finished: true}, true, true, true},
		{"after kubeadm reset", Steps{Finished: true}, false, false, false},
		{"a reset was interrupted", Steps{Finished: true, Resetting: true}, true, true, false},
		{"its etcd was leaving", Steps{Finished: true, Leaving: []string{"https://192.0.2.11:2379"}}, true, true, false},
		{"its etcd was leaving, and the others have no address yet", Steps{Finished: true, Leaving: []string{}}, true, true, false},
		{"a join was leaving", Steps{Leaving: []string{"https://192.0.2.11:2379"}}, true, false, true},
	} {
		noNode(t)
		roottest.WriteFile(t, node.NodeFile, "{}")
		if err := c.steps.Save(); err != nil {
			t.Fatal(err)
		}
		if c.identity {
			roottest.WriteFile(t, node.StatePath(node.KubeletConf), "")
		}
		if got, err := Finished(); got != c.want || (err == nil) != c.ok {
			t.Errorf("%s: %v, %v", c.name, got, err)
		}
	}
}

// TestUnfinished: the fault names the phase that is not done.
func TestUnfinished(t *testing.T) {
	if got := (Steps{}).Unfinished().Error(); got != "the node is partly created: no phase is completed" {
		t.Errorf("%q", got)
	}
	if got := (Steps{Begun: "images"}).Unfinished().Error(); got != "the node is partly created: phase images is not completed" {
		t.Errorf("%q", got)
	}
}

// TestFirstUnfinished: whoever begins a cluster and does not end is alone in it.
func TestFirstUnfinished(t *testing.T) {
	for _, c := range []struct {
		steps Steps
		err   error
		want  bool
	}{
		{Steps{Begun: PhaseInit}, nil, true},
		{Steps{Begun: PhaseInit}, os.ErrPermission, false},
		{Steps{Begun: PhaseInit, Finished: true}, nil, false},
		{Steps{Begun: PhaseJoin}, nil, false},
		{Steps{Begun: "addons", Done: []string{PhaseJoin}}, nil, false},
	} {
		if got := c.steps.UnfinishedFirst(c.err); got != c.want {
			t.Errorf("%+v, %v: %v", c.steps, c.err, got)
		}
	}
}
