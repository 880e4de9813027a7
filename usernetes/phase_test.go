package usernetes

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/host/roottest"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/steps"
)

// A recorder notes the phases that were run, and those that were skipped.
type recorder struct {
	begun        string
	ran, skipped []string
}

func (r *recorder) Begin(_, _ int, title message.Format) { r.begun = string(title) }

func (r *recorder) End(_ time.Duration, skipped bool) {
	if skipped {
		r.skipped = append(r.skipped, r.begun)
		return
	}
	r.ran = append(r.ran, r.begun)
}

// titles lists those of phases.
func titles(phases []Phase) (all []string) {
	for _, phase := range phases {
		all = append(all, string(phase.Title))
	}
	return all
}

// TestRunGoesOn: a phase that was done to the end is skipped where it must not be
// done again; one that was begun and not done is repeated; and of what is done the
// steps tell, whatever comes next.
func TestRunGoesOn(t *testing.T) {
	const once = "once"
	for _, c := range []struct {
		name         string
		before       steps.Steps
		fails        string // a phase
		ran, skipped []string
		begun        string
		done         []string
	}{
		{"from the beginning", steps.Steps{}, "", []string{"a", once, "b"}, nil, "b", []string{"a", once, "b"}},
		{"a fault in the first", steps.Steps{}, "a", nil, nil, "a", nil},
		{"a fault in that of once", steps.Steps{}, once, []string{"a"}, nil, once, []string{"a"}},
		{"after that", steps.Steps{Begun: once, Done: []string{"a"}}, "", []string{"a", once, "b"}, nil, "b", []string{"a", once, "b"}},
		{"a fault in the last", steps.Steps{}, "b", []string{"a", once}, nil, "b", []string{"a", once}},
		{"after that", steps.Steps{Begun: "b", Done: []string{"a", once}}, "", []string{"a", "b"}, []string{once}, "b", []string{once, "a", "b"}},
		{"all was done", steps.Steps{Begun: "b", Done: []string{"a", once, "b"}, Finished: true}, "", []string{"a", "b"}, []string{once}, "b", []string{once, "a", "b"}},
		{"a fault in what was done", steps.Steps{Begun: "b", Done: []string{"a", once, "b"}}, "a", nil, nil, "a", []string{once, "b"}},
		{"etcd has let it go", steps.Steps{Leaving: []string{"x"}}, "", []string{"a", once, "b"}, nil, "b", []string{"a", once, "b"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := playSite(t)
			if err := s.node.Save(); err != nil {
				t.Fatal(err)
			}
			var phases []Phase
			for _, name := range []string{"a", once, "b"} {
				phases = append(phases, Phase{Name: name, Title: message.Format(name), Once: name == once, Run: func(context.Context, *Work) error {
					if name == c.fails {
						return errors.New("no room")
					}
					return nil
				}})
			}
			r := &recorder{}
			err := run(t.Context(), c.before, phases, &Work{}, r)
			now, errLoad := steps.LoadSteps()
			if errLoad != nil || !slices.Equal(r.ran, c.ran) || !slices.Equal(r.skipped, c.skipped) || now.Begun != c.begun || !slices.Equal(now.Done, c.done) {
				t.Errorf("ran %q, skipped %q, %+v, %v", r.ran, r.skipped, now, errLoad)
			}
			if (err == nil) != (c.fails == "") || err == nil && (!now.Finished || now.Asked == nil || now.Leaving != nil) {
				t.Errorf("%+v, %v", now, err)
			}
			if err != nil && (err.Error() != "phase "+c.fails+": no room" || !strings.Contains(host.AsFault(err).Remedy.String(), "run the same command again")) {
				t.Errorf("%v: %s", err, host.AsFault(err).Remedy)
			}
		})
	}
}

// TestPhaseFault: a remedy that is known stays, and what was interrupted has no other
// cause.
func TestPhaseFault(t *testing.T) {
	known := host.NewFault("try again", "no room")
	if err := phaseFault(t.Context(), "images", known, continueOrReset); !errors.Is(err, known) || err.Error() != "phase images: no room" {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := phaseFault(ctx, "images", known, continueOrReset); errors.Is(err, known) || err.Error() != "phase images: interrupted" {
		t.Errorf("%v", err)
	}
}

// TestMake makes a control plane, step by step; made again, kubeadm is not run.
func TestMake(t *testing.T) {
	s := playSite(t)
	plan := Plan{Node: s.node, Config: []byte("kind: x\n"), Images: []string{"registry.example/pause:3.9"}, DNS: true}
	r := &recorder{}
	if err := RunPhases(t.Context(), MasterPhases(), plan, r, io.Discard); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(r.ran, titles(MasterPhases())) {
		t.Errorf("ran %q", r.ran)
	}
	if want := []string{"timeout 300 skopeo", "kubeadm init --config=" + node.InitFile, "kubectl apply -f", "kubectl --namespace=kube-system rollout"}; !slices.Equal(s.ran(), want) {
		t.Errorf("in the node ran something else than %q", want)
	}
	for _, call := range []string{"restart u7s-rootlesskit.service", "start u7s-crio.service", "start u7s-manifests.service", "start u7s-flanneld.service", "start u7s-kube-proxy.service", "start u7s-ports.service"} {
		if !slices.Contains(s.systemd.Calls(), call) {
			t.Errorf("systemd was not asked to %s", call)
		}
	}
	if made, err := steps.Finished(); err != nil || !made {
		t.Errorf("finished %v, %v", made, err)
	}
	for _, path := range []string{node.NetFile, node.ProxyFile} {
		if text, err := os.ReadFile(path); err != nil || !strings.Contains(string(text), "10.244.0.0/16") {
			t.Errorf("%s: %q, %v", path, text, err)
		}
	}
	r = &recorder{}
	once := slices.DeleteFunc(MasterPhases(), func(p Phase) bool { return p.Name != steps.PhaseInit })
	if err := RunPhases(t.Context(), MasterPhases(), plan, r, io.Discard); err != nil || len(once) != 1 || !slices.Equal(r.skipped, titles(once)) {
		t.Errorf("again: skipped %q, %v", r.skipped, err)
	}
	if !slices.Contains(s.systemd.Calls(), "start u7s-rootlesskit.service") {
		t.Error("namespaces that are as they were are made anew")
	}
}

// TestMakeGoesOn: what kubeadm has left half made is taken away before it runs again.
// Once it has done its part, other settings are refused.
func TestMakeGoesOn(t *testing.T) {
	s := playSite(t)
	plan := Plan{Node: s.node, Config: []byte("kind: x\n")}
	phases := slices.DeleteFunc(MasterPhases(), func(p Phase) bool { return p.Name == "ready" })
	s.fails("kubectl apply")
	if err := RunPhases(t.Context(), phases, plan, &recorder{}, io.Discard); err == nil || !strings.HasPrefix(err.Error(), "phase network: ") {
		t.Fatalf("%v", err)
	}
	other := plan
	other.Config = []byte("kind: y\n")
	if err := RunPhases(t.Context(), phases, other, &recorder{}, io.Discard); err == nil || !strings.Contains(err.Error(), "with other settings is partly created") {
		t.Errorf("other settings: %v", err)
	}
	s.fails("kubeadm init")
	done, err := steps.LoadSteps()
	if err != nil {
		t.Fatal(err)
	}
	done.Done = []string{"namespaces"}
	if err := done.Save(); err != nil {
		t.Fatal(err)
	}
	s.ran()
	err = RunPhases(t.Context(), phases, plan, &recorder{}, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "kubeadm init") || !strings.Contains(err.Error(), "it fails") {
		t.Errorf("%v", err)
	}
	if ran := s.ran(); len(ran) < 3 || ran[0] != "kubeadm reset --force" || ran[1] != "rm -rf --" || ran[2] != "kubeadm init --config="+node.InitFile {
		t.Errorf("ran %q", ran)
	}
	s.fails("")
	if err := RunPhases(t.Context(), phases, plan, &recorder{}, io.Discard); err != nil {
		t.Errorf("gone on: %v", err)
	}
}

// TestMakeRefuses what a reset has partly deleted, and what can't be read.
func TestMakeRefuses(t *testing.T) {
	s := playSite(t)
	if err := errors.Join(s.node.Save(), steps.Steps{Resetting: true}.Save()); err != nil {
		t.Fatal(err)
	}
	if err := RunPhases(t.Context(), MasterPhases(), Plan{Node: s.node}, &recorder{}, io.Discard); err == nil || !strings.Contains(err.Error(), "partly deleted") {
		t.Errorf("%v", err)
	}
	playSite(t)
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	if err := RunPhases(t.Context(), MasterPhases(), Plan{Node: s.node}, &recorder{}, io.Discard); err == nil || !strings.Contains(err.Error(), "connecting to systemd") {
		t.Errorf("%v", err)
	}
}

// TestSameAsBefore: an earlier version has noted the configuration alone.
func TestSameAsBefore(t *testing.T) {
	playSite(t)
	p := Plan{Config: []byte("kind: x\n")}
	if p.sameAsBefore(steps.Steps{}) {
		t.Error("nothing was before")
	}
	roottest.WriteFile(t, node.InitFile, "kind: x\n")
	for before, want := range map[string]bool{"": true, p.digest(): true, "another": false} {
		if got := p.sameAsBefore(steps.Steps{Config: before}); got != want {
			t.Errorf("%q: %v", before, got)
		}
	}
}
