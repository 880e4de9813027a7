package namespace

import (
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// TestHostFoldersAreInOrder: a folder comes before those in it, and what lasts
// is never the host's.
func TestHostFoldersAreInOrder(t *testing.T) {
	seen := map[string][]string{}
	for _, f := range HostFolders() {
		for path := range seen {
			if strings.HasPrefix(path, f.Path+"/") {
				t.Errorf("%s comes after %s", f.Path, path)
			}
		}
		seen[f.Path] = f.Own
	}
	for _, path := range node.Persistent() {
		folder, name := path[:strings.LastIndex(path, "/")], path[strings.LastIndex(path, "/")+1:]
		_, merged := seen[path]
		if own := strings.Join(seen[folder], " ") + " "; !merged && !strings.Contains(own, name+" ") {
			t.Errorf("%s may be the host's", path)
		}
	}
}
