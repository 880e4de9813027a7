// Package arrows shows that lint holds the arrows between the program's folders:
// each import that goes up is planted, and has to be found.
package arrows

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/alt-cloud/podsec-k8s"

// A folder, and what it may not know, in the words of docs/design.md.
type folder struct {
	path  string
	above []string
}

// rooms are those of usernetes, the lowest first.
var rooms = []string{
	"wait", "document", "hostfs", "node", "kubeapi", "people", "membership", "portdriver", "namespace", "kubeadm", "audit", "staticpod",
	"images", "netpolicy", "ports", "services", "preflight", "steps", "etcd", "certs", "backup", "upgrade", "status", "guard",
}

// folders lists who may not know whom: a room none above itself, the parts of the
// program none above and none beside.
func folders() []folder {
	var usernetes []string
	for _, room := range rooms {
		usernetes = append(usernetes, "usernetes/"+room)
	}
	usernetes = append(usernetes, "usernetes")
	all := []folder{
		{"message", append([]string{"host", "units", "deps", "scriptlets"}, usernetes...)},
		{"host", append([]string{"units", "deps", "scriptlets", "host/veth", "host/gate", "host/firewall"}, usernetes...)},
		{"host/veth", append([]string{"units", "deps", "scriptlets"}, usernetes...)},
		{"host/gate", append([]string{"units", "deps", "scriptlets"}, usernetes...)},
		{"units", append([]string{"host", "deps", "scriptlets"}, usernetes...)},
		{"deps", append([]string{"units", "scriptlets"}, usernetes...)},
		{"scriptlets", append([]string{"deps"}, usernetes...)},
	}
	for i, room := range usernetes {
		all = append(all, folder{room, append([]string{"scriptlets"}, usernetes[i+1:]...)})
	}
	return all
}

// TestEveryRoomIsKnown: a new room gets its place among the others.
func TestEveryRoomIsKnown(t *testing.T) {
	entries, err := os.ReadDir("../../usernetes")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		sources, _ := filepath.Glob(filepath.Join("../../usernetes", entry.Name(), "*.go"))
		if len(sources) > 0 && !slices.Contains(rooms, entry.Name()) {
			t.Errorf("usernetes/%s has no place among the rooms, here and in .golangci.yml", entry.Name())
		}
	}
}

// TestLintBites: an import that goes up is found in every folder. It is planted in
// a test of another package, which may import anything as far as Go is concerned.
func TestLintBites(t *testing.T) {
	lint := os.Getenv("PODSEC_K8S_LINT")
	if lint == "" {
		t.Fatal("PODSEC_K8S_LINT names no golangci-lint: run make lint")
	}
	root := checkout(t)
	for _, f := range folders() {
		var text strings.Builder
		fmt.Fprintf(&text, "package %s_test\n\nimport (\n", filepath.Base(f.path))
		for _, above := range f.above {
			fmt.Fprintf(&text, "\t_ %q\n", module+"/"+above)
		}
		text.WriteString(")\n")
		if err := os.WriteFile(filepath.Join(root, f.path, "planted_test.go"), []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := exec.CommandContext(t.Context(), lint, "run", "--allow-parallel-runners", "--enable-only", "depguard", "--max-issues-per-linter", "0", "--max-same-issues", "0", "./...")
	run.Dir = root
	var out bytes.Buffer
	run.Stdout, run.Stderr = &out, &out
	if err := run.Run(); err == nil {
		t.Fatalf("lint finds nothing:\n%s", out.String())
	}
	for _, f := range folders() {
		for i, above := range f.above {
			found := fmt.Sprintf("%s/planted_test.go:%d:2: import '%s/%s' is not allowed", f.path, i+4, module, above)
			if !strings.Contains(out.String(), found) {
				t.Errorf("%s may import %s", f.path, above)
			}
		}
	}
	if t.Failed() {
		t.Log(out.String())
	}
}

// checkout copies the sources that git knows, and those that are new.
func checkout(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	copying := exec.CommandContext(t.Context(), "sh", "-c", `git ls-files -z --cached --others --exclude-standard -- . ':!tests' | xargs -0 sh -c 'for f; do [ ! -f "$f" ] || cp --parents "$f" "$0"; done' `+root)
	copying.Dir = "../.."
	if out, err := copying.CombinedOutput(); err != nil {
		t.Fatalf("copying the sources: %v\n%s", err, out)
	}
	return root
}
