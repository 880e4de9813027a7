package host

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
)

// TestEveryKindIsKnown: the journal knows each type that is a change, by a name
// of its own.
func TestEveryKindIsKnown(t *testing.T) {
	var known, names []string
	for _, k := range kinds() {
		change, err := k.decode([]byte("{}"))
		if err != nil {
			t.Fatal(err)
		}
		known, names = append(known, reflect.TypeOf(change).Name()), append(names, k.name)
		if change.Kind() != k.name {
			t.Errorf("%q makes a change of kind %q", k.name, change.Kind())
		}
	}
	slices.Sort(known)
	if types := changeTypes(t); !slices.Equal(types, known) {
		t.Errorf("the changes are %q, and the journal knows %q", types, known)
	}
	slices.Sort(names)
	if once := slices.Compact(slices.Clone(names)); !slices.Equal(once, names) {
		t.Errorf("a name is two kinds': %q", names)
	}
}

// changeTypes lists the types of the package that can be undone, sorted.
func changeTypes(t *testing.T) (types []string) {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv != nil && f.Name.Name == "Undo" {
				types = append(types, f.Recv.List[0].Type.(*ast.Ident).Name)
			}
		}
	}
	slices.Sort(types)
	return types
}
