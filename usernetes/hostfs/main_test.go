package hostfs

import (
	"os"
	"runtime"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
)

// TestMain gives the tests mounts of their own. The first thread is kept from
// becoming the view's: spread reads the mounts of /proc/self, which are those of
// that thread.
func TestMain(m *testing.M) {
	runtime.LockOSThread()
	roottest.EnterOwn()
	os.Exit(m.Run())
}
