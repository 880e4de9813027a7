package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// spoken lists what the program says to people, as the sources have it: the
// remedies of faults, the messages of preflight, and what say prints. An
// expression between texts counts as one verb.
func spoken(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, folder := range []string{"*.go", "../../host/*.go", "../../scriptlets/*.go", "../../usernetes/*.go", "../../usernetes/*/*.go", "../../deps/*.go"} {
		files, err := filepath.Glob(folder)
		if err != nil || len(files) == 0 {
			t.Fatalf("no sources in %s: %v", folder, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(parsed, func(n ast.Node) bool {
				all = append(all, spokenIn(n)...)
				return true
			})
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func spokenIn(n ast.Node) []string {
	switch n := n.(type) {
	case *ast.KeyValueExpr:
		if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Remedy" {
			return text(n.Value)
		}
	case *ast.CallExpr:
		name := ""
		switch f := n.Fun.(type) {
		case *ast.Ident:
			name = f.Name
		case *ast.SelectorExpr:
			name = f.Sel.Name
		}
		switch {
		case (name == "say" || name == "aside") && len(n.Args) > 0:
			return text(n.Args[0])
		case name == "misuse" && len(n.Args) == 1:
			return text(n.Args[0])
		case (name == "NewFault" || name == "NewMisuse" || name == "misuse") && len(n.Args) > 1:
			return append(text(n.Args[0]), text(n.Args[1])...)
		}
	}
	return nil
}

// text returns a text literal, a concatenation, or the format of a Sprintf.
func text(e ast.Expr) []string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if s, err := strconv.Unquote(e.Value); err == nil {
			return []string{s}
		}
	case *ast.BinaryExpr:
		left, right := text(e.X), text(e.Y)
		return []string{one(left) + one(right)}
	case *ast.CallExpr:
		if f, ok := e.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "Sprintf" {
			return text(e.Args[0])
		}
	}
	return nil
}

func one(texts []string) string {
	if len(texts) == 1 {
		return texts[0]
	}
	return "%s"
}

var letters = regexp.MustCompile(`[a-z]{3}`)

func TestEverythingSaidIsTranslated(t *testing.T) {
	c := catalogue{russian()}
	said := spoken(t)
	if len(said) < 40 {
		t.Fatalf("only %d messages found", len(said))
	}
	for _, phase := range []string{"namespaces", "runtime", "images", "control-plane", "network", "ready", "join", "worker-network", "worker-ready"} {
		said = append(said, phaseTitle(phase))
	}
	for _, message := range said {
		if !letters.MatchString(verbs.ReplaceAllString(message, "")) {
			continue
		}
		if _, ok := c.pairs[message]; !ok {
			t.Errorf("no Russian for %q", message)
		}
	}
}

func TestTranslationsHaveTheSameVerbs(t *testing.T) {
	for english, other := range russian() {
		if a, b := verbs.FindAllString(english, -1), verbs.FindAllString(other, -1); !slices.Equal(a, b) {
			t.Errorf("%q has %q, %q has %q", english, a, other, b)
		}
	}
}

func TestCatalogueFor(t *testing.T) {
	for _, c := range []struct {
		name string
		env  map[string]string
		want string
	}{
		{"nothing set", nil, "remedy"},
		{"Russian", map[string]string{"LANG": "ru_RU.UTF-8"}, "что делать"},
		{"LC_ALL wins", map[string]string{"LANG": "ru_RU.UTF-8", "LC_ALL": "C"}, "remedy"},
		{"LC_MESSAGES wins over LANG", map[string]string{"LANG": "C", "LC_MESSAGES": "ru"}, "что делать"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := catalogueFor(func(key string) string { return c.env[key] }).text("remedy"); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestTextIsTranslatedWithItsValues(t *testing.T) {
	c := catalogue{map[string]string{"taken on %s: %s": "занято на %s: %s", "taken %d": "взято %d"}}
	for english, want := range map[string]string{
		"taken on 192.0.2.1: 6443/tcp": "занято на 192.0.2.1: 6443/tcp",
		"taken 12":                     "взято 12",
		"taken":                        "taken",
	} {
		if got := c.text(english); got != want {
			t.Errorf("%q: %q, want %q", english, got, want)
		}
	}
}
