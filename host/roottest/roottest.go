// Package roottest is for tests of what only root can do: take on the ids of
// others, mount, and read files that are closed to all. The kernel gives other
// users no way to play that, and a user namespace maps no second user without
// root's help (user_namespaces(7)), so for them such a test is left out. make
// test and CI run as root, where nothing is left out.
package roottest

import (
	"os"
	"testing"
)

// Need leaves out a test that only root can run.
func Need(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("this takes root: sudo go test")
	}
}
