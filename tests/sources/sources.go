// Package sources reads the program's packages, with what their names stand for.
package sources

import (
	"testing"

	"golang.org/x/tools/go/packages"
)

// Load reads all packages of the program. It is called in a folder of tests/.
func Load(t testing.TB) []*packages.Package {
	t.Helper()
	all, err := packages.Load(&packages.Config{Dir: "../..", Mode: packages.LoadSyntax | packages.NeedDeps}, "./...")
	if err != nil {
		t.Fatal(err)
	}
	for _, pkg := range all {
		if len(pkg.Errors) > 0 {
			t.Fatal(pkg.Errors)
		}
	}
	return all
}
