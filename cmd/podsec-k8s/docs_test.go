package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A checkout is what documents may name: files and folders, functions, and
// targets of make.
type checkout struct {
	root    string
	names   map[string]bool // of files, without their folders
	funcs   map[string]bool
	targets map[string]bool
}

var (
	makeTarget = regexp.MustCompile(`(?m)^([a-z]+):`)
	goFunc     = regexp.MustCompile(`(?m)^func (?:\([^)]*\) )?(\w+)`)
)

// readCheckout reads the checkout at root.
func readCheckout(t *testing.T, root string) checkout {
	t.Helper()
	c := checkout{root, map[string]bool{}, map[string]bool{}, map[string]bool{}}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && slices.Contains([]string{".git", "dist", "vendor"}, entry.Name()) {
			return fs.SkipDir
		}
		if entry.IsDir() {
			return nil
		}
		c.names[entry.Name()] = true
		if filepath.Ext(path) == ".go" {
			return collect(c.funcs, goFunc, path)
		}
		return nil
	})
	if err == nil {
		err = collect(c.targets, makeTarget, filepath.Join(root, "Makefile"))
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// collect adds what an expression finds in a file.
func collect(to map[string]bool, find *regexp.Regexp, path string) error {
	data, err := os.ReadFile(path)
	for _, found := range find.FindAllStringSubmatch(string(data), -1) {
		to[found[1]] = true
	}
	return err
}

var (
	codeBlock  = regexp.MustCompile("(?ms)^```[a-z]*\n(.*?)^```$")
	codeSpan   = regexp.MustCompile("`([^`\n]+)`")
	linkTarget = regexp.MustCompile(`\]\(([^)#:]+)\)`)

	pathForm     = regexp.MustCompile(`^[\w.*-]+(/[\w.*-]+)*/?$`)
	fileName     = regexp.MustCompile(`^[\w.-]+\.(go|md|mod|sum|yml|yaml|po|sh|spec|service|socket|target|conf|txtar)$`)
	functionCall = regexp.MustCompile(`^(\w+)\(\)$`)

	comment     = regexp.MustCompile(`(?m)(^|\s)#.*$`)
	makeCall    = regexp.MustCompile(`(?m)(?:^|&& |; |=\S+ )make ([a-z]+)`)
	testName    = regexp.MustCompile(`\b(?:Test|Benchmark|Fuzz)[A-Z]\w*`)
	packagePath = regexp.MustCompile(`(?:^|\s)(\./[\w/-]+)`)
)

// missing lists what a document in a folder names and the checkout has not. Code
// is what is in backquotes: spans, and blocks.
func (c checkout) missing(folder, text string) (all []string) {
	code := ""
	for _, block := range codeBlock.FindAllStringSubmatch(text, -1) {
		code += block[1]
	}
	prose := codeBlock.ReplaceAllString(text, "")
	for _, span := range codeSpan.FindAllStringSubmatch(prose, -1) {
		code += span[1] + "\n"
		if !c.has(span[1]) {
			all = append(all, span[1])
		}
	}
	for _, link := range linkTarget.FindAllStringSubmatch(prose, -1) {
		if !c.exists(filepath.Join(folder, link[1])) {
			all = append(all, link[1])
		}
	}
	return append(all, c.missingInCode(comment.ReplaceAllString(code, ""))...)
}

// missingInCode looks at commands and names anywhere in code.
func (c checkout) missingInCode(code string) (all []string) {
	for _, call := range makeCall.FindAllStringSubmatch(code, -1) {
		if !c.targets[call[1]] {
			all = append(all, "make "+call[1])
		}
	}
	for _, name := range testName.FindAllString(code, -1) {
		if !c.funcs[name] {
			all = append(all, name)
		}
	}
	for line := range strings.Lines(code) {
		module := "."
		if strings.Contains(line, "go -C tests ") {
			module = "tests"
		}
		for _, path := range packagePath.FindAllStringSubmatch(line, -1) {
			if !c.exists(filepath.Join(module, path[1])) {
				all = append(all, path[1])
			}
		}
	}
	return all
}

// has reports whether a text in backquotes is none that the checkout has to
// have, or one that it has: a path, the name of a file, or a call of a function.
func (c checkout) has(text string) bool {
	if call := functionCall.FindStringSubmatch(text); call != nil {
		return c.funcs[call[1]]
	}
	switch {
	case strings.Contains(text, "/") && pathForm.MatchString(text):
		return c.exists(text)
	case fileName.MatchString(text):
		return c.names[text]
	default:
		return true
	}
}

// exists reports whether there is a file or folder at a path from the top, which
// may have wildcards.
func (c checkout) exists(path string) bool {
	found, err := filepath.Glob(filepath.Join(c.root, path))
	return err == nil && len(found) > 0
}

// TestDocumentsNameWhatExists: what the documents for contributors name is there.
func TestDocumentsNameWhatExists(t *testing.T) {
	c := readCheckout(t, "../..")
	for _, path := range []string{"README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/design.md"} {
		data, err := os.ReadFile(filepath.Join(c.root, path))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range c.missing(filepath.Dir(path), string(data)) {
			t.Errorf("%s names %q, and there is none", path, name)
		}
	}
}

// TestMissingNamesAreFound: each kind of name that a document may have is looked
// for.
func TestMissingNamesAreFound(t *testing.T) {
	c := readCheckout(t, "../..")
	for _, one := range []struct {
		name, text string
		want       []string
	}{
		{"a file", "see `host/plan.go` and `host/plam.go`", []string{"host/plam.go"}},
		{"a folder", "`host/` `hots/`", []string{"hots/"}},
		{"a wildcard", "`units/user/*.service` `units/user/*.servant`", []string{"units/user/*.servant"}},
		{"a name without its folder", "`kubelet.service` `kubelett.service`", []string{"kubelett.service"}},
		{"a function", "`exitStatus()` `exitStatute()`", []string{"exitStatute()"}},
		{"a test", "`TestMissingNamesAreFound` `TestNameless`", []string{"TestNameless"}},
		{"a test in a command", "```\ngo test -run '^TestNameless$/^1$' ./host\n```\n", []string{"TestNameless"}},
		{"a target", "`make up` `make sure`", []string{"make sure"}},
		{"targets in a block", "```sh\nmake up   # make believe\nLAB=x make sure\n```\n", []string{"make sure"}},
		{"a package in a command", "`go run ./rpm --help` `go run ./rpn`", []string{"./rpn"}},
		{"a package of the tests", "`go -C tests test ./scenarios ./scenes`", []string{"./scenes"}},
		{"a link", "[a](../README.md) [b](REDME.md) [c](https://example.org/x)", []string{"REDME.md"}},
		{"what is no name of ours", "`/etc/hosts` `net.ipv4.ip_forward` `--flag=a/b c` and/or make sure", nil},
	} {
		t.Run(one.name, func(t *testing.T) {
			if got := c.missing("docs", one.text); !slices.Equal(got, one.want) {
				t.Errorf("got %q, want %q", got, one.want)
			}
		})
	}
}
