package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"testing"
)

// TestEveryQuestionIsAnswered: each question and task of the sources is in the table
// of what u7s-admin does, once, and answers there under its own name.
func TestEveryQuestionIsAnswered(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var asked, answered []string
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec: // var NAME = question[…]{…}
				if len(n.Values) == 1 {
					if literal, ok := n.Values[0].(*ast.CompositeLit); ok && slices.Contains([]string{"question", "task"}, generic(literal.Type)) {
						asked = append(asked, n.Names[0].Name)
					}
				}
			case *ast.CompositeLit: // {Name: NAME.name, Action: … NAME.serve(…) …}
				if name := owner(n, "name"); name != "" {
					answered = append(answered, name)
					if served := owner(n, "serve"); served != name {
						t.Errorf("%s is answered by %s", name, served)
					}
				}
			}
			return true
		})
	}
	slices.Sort(asked)
	slices.Sort(answered)
	if len(asked) == 0 || !slices.Equal(asked, answered) {
		t.Errorf("asked are %q, answered %q", asked, answered)
	}
}

// owner is what a row of a table takes a field or method of, such as X of X.serve.
// It is "" where there is no such one, or a table is around it.
func owner(row *ast.CompositeLit, field string) (name string) {
	ast.Inspect(row, func(n ast.Node) bool {
		if _, below := n.(*ast.CompositeLit); below && n != ast.Node(row) {
			return false
		}
		if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == field {
			if x, ok := s.X.(*ast.Ident); ok {
				name = x.Name
			}
		}
		return true
	})
	return name
}

// generic is the name of a generic type that has its types.
func generic(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.IndexExpr:
		return generic(e.X)
	case *ast.IndexListExpr:
		return generic(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}
