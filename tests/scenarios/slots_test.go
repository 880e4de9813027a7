package scenarios

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/tests/cache"
)

// slots is how many scenarios this machine runs at a time, those of other labs
// counted: they wait most of their time, but with more of them what has to happen
// within a time does not.
const slots = 4

// longest lists the scenarios that take most time: they begin first, for one that
// begins last ends alone.
func longest() []string { return []string{"TestMaster", "TestWorker", "TestControlPlanes"} }

// parallel lets a scenario run beside others, as soon as there is a slot for it.
func parallel(t *testing.T) {
	t.Helper()
	t.Parallel()
	again := 100 * time.Millisecond
	if !slices.Contains(longest(), t.Name()) {
		again = 3 * time.Second
		time.Sleep(again)
	}
	if err := os.MkdirAll(cache.Dir(), 0o755); err != nil {
		t.Fatal(err)
	}
	for {
		for i := range slots {
			slot, err := os.OpenFile(filepath.Join(cache.Dir(), fmt.Sprintf("slot-%d.lock", i)), os.O_RDWR|os.O_CREATE, 0o600)
			if err != nil {
				t.Fatal(err)
			}
			if unix.Flock(int(slot.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
				t.Cleanup(func() { slot.Close() }) //nolint:errcheck // closing gives the slot back
				return
			}
			slot.Close() //nolint:errcheck // somebody else has it
		}
		time.Sleep(again)
	}
}
