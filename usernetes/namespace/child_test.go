package namespace

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/wait"
)

// TestPrepareAwaitsRootlessKit: no mount is changed while RootlessKit is still at
// work on the namespaces.
func TestPrepareAwaitsRootlessKit(t *testing.T) {
	playNode(t)
	if err := os.Remove(ChildPIDFile()); err != nil {
		t.Fatal(err)
	}
	mounts := func() string {
		data, err := os.ReadFile("/proc/self/mountinfo")
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	before := mounts()
	short, cancel := context.WithTimeout(t.Context(), 2*wait.Debounce)
	defer cancel()
	_, err := prepare(short, aNode(node.SlirpMode), func(error) {})
	if err == nil || !strings.Contains(err.Error(), "child_pid") {
		t.Errorf("prepared before RootlessKit was: %v", err)
	}
	if after := mounts(); after != before {
		t.Errorf("mounts were changed:\n%swas:\n%s", after, before)
	}
}
