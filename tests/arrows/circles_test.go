package arrows

import (
	"go/ast"
	"go/types"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"

	"github.com/alt-cloud/podsec-k8s/tests/sources"
)

// A graph has, for each file of a package, the files that it refers to.
type graph map[string]map[string]bool

// TestNoCircles: in no package do files refer to each other in a circle, so each
// can be read with those below it alone.
func TestNoCircles(t *testing.T) {
	all := sources.Load(t)
	for _, pkg := range all {
		if circle := references(pkg).circle(); len(circle) > 0 {
			t.Errorf("%s: files refer to each other: %s", pkg.PkgPath, strings.Join(circle, ", "))
		}
	}
	t.Logf("%d packages", len(all))
}

// references finds which file uses a function, type, variable, constant, method or
// field of which other one.
func references(pkg *packages.Package) graph {
	g := graph{}
	for _, file := range pkg.Syntax {
		from := filepath.Base(pkg.Fset.Position(file.Package).Filename)
		g[from] = map[string]bool{}
		ast.Inspect(file, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			if !ok {
				return true
			}
			used := pkg.TypesInfo.Uses[id]
			if used == nil || used.Pkg() != pkg.Types || !outlives(used, pkg.Types) {
				return true
			}
			if to := filepath.Base(pkg.Fset.Position(used.Pos()).Filename); to != from {
				g[from][to] = true
			}
			return true
		})
	}
	return g
}

// outlives reports whether an object is one of its package, not of a function.
func outlives(o types.Object, pkg *types.Package) bool {
	switch o := o.(type) {
	case *types.Func:
		return true
	case *types.Var:
		return o.IsField() || o.Parent() == pkg.Scope()
	default:
		return o.Parent() == pkg.Scope()
	}
}

// circle returns files that refer to each other, directly or by others; nil when
// none do. What nothing refers to, and what refers to nothing, is in no circle.
func (g graph) circle() []string {
	left := maps.Clone(g)
	for {
		at := slices.IndexFunc(slices.Sorted(maps.Keys(left)), func(file string) bool {
			return !slices.ContainsFunc(slices.Collect(maps.Keys(left[file])), func(to string) bool { return left[to] != nil })
		})
		if at < 0 {
			return slices.Sorted(maps.Keys(left))
		}
		delete(left, slices.Sorted(maps.Keys(left))[at])
	}
}
