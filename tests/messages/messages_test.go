// Package messages holds the texts of the program and its catalogues together.
package messages

import (
	"context"
	"fmt"
	"go/ast"
	"go/constant"
	"go/types"
	"io"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"syscall"
	"testing"

	"github.com/leonelquinteros/gotext"

	"github.com/alt-cloud/podsec-k8s/tests/sources"
)

const (
	module = "github.com/alt-cloud/podsec-k8s"
	po     = "../../cmd/podsec-k8s/russian.po"
)

// said lists the texts that the program can say: every constant of the type
// message.Format, wherever it is.
func said(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, pkg := range sources.Load(t) {
		for _, file := range pkg.Syntax {
			ast.Inspect(file, func(n ast.Node) bool {
				e, ok := n.(ast.Expr)
				if !ok {
					return true
				}
				value := pkg.TypesInfo.Types[e]
				if value.Value == nil || !isFormat(value.Type) {
					return true
				}
				if text := constant.StringVal(value.Value); hasWords(text) {
					texts[text] = fmt.Sprint(pkg.Fset.Position(e.Pos()))
				}
				return false
			})
		}
	}
	return texts
}

func isFormat(t types.Type) bool {
	named, ok := t.(*types.Named)
	return ok && named.Obj().Name() == "Format" && named.Obj().Pkg() != nil && named.Obj().Pkg().Path() == module+"/message"
}

var (
	verb   = regexp.MustCompile(`%[-+# 0]*[0-9]*(\.[0-9]+)?[a-zA-Z%]`)
	letter = regexp.MustCompile(`[a-zA-Z]`)
)

// hasWords reports whether a text has more than verbs and punctuation.
func hasWords(text string) bool { return letter.MatchString(verb.ReplaceAllString(text, "")) }

// ofSystem lists the texts of errors that packages of Go say for the system.
func ofSystem() map[string]bool {
	all := map[string]bool{}
	for _, err := range []error{context.DeadlineExceeded, context.Canceled, fs.ErrNotExist, fs.ErrPermission, fs.ErrExist, io.ErrUnexpectedEOF} {
		all[err.Error()] = true
	}
	for number := range 134 { // as many as the kernel has. Source: errno(3)
		all[syscall.Errno(number).Error()] = true
	}
	return all
}

func catalogue(t *testing.T) map[string]*gotext.Translation {
	t.Helper()
	data, err := os.ReadFile(po)
	if err != nil {
		t.Fatal(err)
	}
	file := gotext.NewPo()
	file.Parse(data)
	all := maps.Clone(file.GetDomain().GetTranslations())
	delete(all, "")
	return all
}

// TestEveryTextIsTranslated: the catalogue has the texts that the program can say,
// each of them, and no other.
func TestEveryTextIsTranslated(t *testing.T) {
	texts, translations, system := said(t), catalogue(t), ofSystem()
	ofProgram := 0
	for text := range translations {
		switch {
		case texts[text] != "":
			ofProgram++
		case !system[text]:
			t.Errorf("nothing says %q", text)
		}
	}
	for text, where := range texts {
		if translations[text] == nil || translations[text].Trs[0] == "" {
			t.Errorf("no Russian for %q, at %s", text, where)
		}
	}
	t.Logf("%d texts in the code, %d in the catalogue, and %d of the system", len(texts), ofProgram, len(translations)-ofProgram)
}

// TestVerbs: a translation takes the same arguments in the same order.
func TestVerbs(t *testing.T) {
	for english, translation := range catalogue(t) {
		for _, form := range translation.Trs {
			if a, b := verb.FindAllString(english, -1), verb.FindAllString(form, -1); !slices.Equal(a, b) {
				t.Errorf("%q has %q, %q has %q", english, a, form, b)
			}
		}
	}
}
