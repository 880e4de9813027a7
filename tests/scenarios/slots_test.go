package scenarios

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

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
	for {
		for i := range slots {
			unlock, err := cache.TryLock(fmt.Sprintf("slot-%d", i))
			if err == nil {
				t.Cleanup(unlock)
				return
			}
			if !errors.Is(err, cache.ErrLocked) {
				t.Fatal(err)
			}
		}
		time.Sleep(again)
	}
}
