package preflight

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// TestJoinChecks asks a server of the test's own: the clock of a machine
// can't be set in a test.
func TestJoinChecks(t *testing.T) {
	for _, c := range []struct {
		name    string
		version string
		status  int
		ahead   time.Duration
		fails   []string
	}{
		{"as it should be", "v1.26.9", http.StatusOK, 0, nil},
		{"keeps its version to itself", "v1.34.4", http.StatusUnauthorized, 0, nil},
		{"another minor", "v1.34.4", http.StatusOK, 0, []string{"version-skew"}},
		{"its clock is ahead", "v1.26.9", http.StatusOK, time.Hour, []string{"clock"}},
		{"its clock is behind", "v1.26.9", http.StatusOK, -48 * time.Hour, []string{"clock"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Date", time.Now().Add(c.ahead).UTC().Format(http.TimeFormat))
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(`{"gitVersion":"` + c.version + `"}`))
			}))
			defer server.Close()
			facts := Facts{Cluster: askCluster(t.Context(), server.Client(), strings.TrimPrefix(server.URL, "https://"))}
			if got := failedJoinChecks(t, facts); !slices.Equal(got, c.fails) {
				t.Errorf("failed %q, want %q", got, c.fails)
			}
		})
	}
}

func TestClusterUnreachable(t *testing.T) {
	facts := Facts{Cluster: ClusterFacts{Endpoint: "192.0.2.1:6443", Err: http.ErrHandlerTimeout}}
	if got := failedJoinChecks(t, facts); !slices.Equal(got, []string{"cluster"}) {
		t.Errorf("failed %q", got)
	}
}

// failedJoinChecks names those of a join's own checks that fail.
func failedJoinChecks(t *testing.T, f Facts) (failed []string) {
	t.Helper()
	for _, finding := range Run(JoinChecks()[len(Checks()):], f, node.Node{Kubernetes: "v1.26.3"}, nil) {
		if finding.Fault == nil {
			continue
		}
		failed = append(failed, finding.Check)
		if finding.Fault.Remedy.Empty() {
			t.Errorf("%s has no remedy", finding.Check)
		}
	}
	return failed
}

// TestFilesOfTheCluster: a worker has no apiserver, whose files the cluster's
// configuration names.
func TestFilesOfTheCluster(t *testing.T) {
	f := Facts{Cluster: ClusterFacts{Config: kubeadm.Config{
		kubeadm.KindCluster: {"apiServer": document.Document{"extraArgs": document.Document{"audit-policy-file": "/srv/audit.yaml"}}},
		kubeadm.KindKubelet: {"tlsCertFile": "/srv/kubelet.crt"},
	}}}
	for _, p := range []struct {
		port int
		want string
	}{
		{0, "KubeletConfiguration tlsCertFile"},
		{node.APIPort, "KubeletConfiguration tlsCertFile, apiServer.extraArgs audit-policy-file"},
	} {
		var by []string
		for _, fact := range f.WithFiles(node.Node{APIPort: p.port}, nil).Files {
			by = append(by, fact.By)
		}
		if got := strings.Join(by, ", "); got != p.want {
			t.Errorf("got %q, want %q", got, p.want)
		}
	}
}
