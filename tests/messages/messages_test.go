// Package messages holds the texts of the program and its catalogues together.
package messages

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/types"
	"maps"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/leonelquinteros/gotext"
	"golang.org/x/tools/go/types/typeutil"

	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/tests/sources"
)

const (
	module = "github.com/alt-cloud/podsec-k8s"
	po     = "../../cmd/podsec-k8s/russian.po"
)

// said lists the texts that the program can say: every constant of the type
// message.Format, wherever it is. plurals has the second form of those that
// message.Count is called with, by the first.
func said(t *testing.T) (texts, plurals map[string]string) {
	t.Helper()
	texts, plurals = map[string]string{}, map[string]string{}
	for _, pkg := range sources.Load(t) {
		for _, file := range pkg.Syntax {
			ast.Inspect(file, func(n ast.Node) bool {
				e, ok := n.(ast.Expr)
				if !ok {
					return true
				}
				if call, ok := e.(*ast.CallExpr); ok && isCount(pkg.TypesInfo, call) {
					plurals[constantOf(pkg.TypesInfo, call.Args[1])] = constantOf(pkg.TypesInfo, call.Args[2])
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
	return texts, plurals
}

func isCount(info *types.Info, call *ast.CallExpr) bool {
	f := typeutil.StaticCallee(info, call)
	return f != nil && f.FullName() == module+"/message.Count"
}

// constantOf returns the text of a constant, or "" for what is none.
func constantOf(info *types.Info, e ast.Expr) string {
	if value := info.Types[e].Value; value != nil {
		return constant.StringVal(value)
	}
	return ""
}

func isFormat(t types.Type) bool {
	named, ok := t.(*types.Named)
	return ok && named.Obj().Name() == "Format" && named.Obj().Pkg() != nil && named.Obj().Pkg().Path() == module+"/message"
}

var letter = regexp.MustCompile(`[a-zA-Z]`)

// hasWords reports whether a text has more than verbs and punctuation.
func hasWords(text string) bool { return letter.MatchString(message.Verb.ReplaceAllString(text, "")) }

// ofSystem lists the texts of the system's errors.
func ofSystem() map[string]bool {
	all := map[string]bool{}
	for _, err := range message.SystemErrors() {
		all[err.Error()] = true
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
// each of them, and no other; and those with plural forms as they are said.
func TestEveryTextIsTranslated(t *testing.T) {
	texts, plurals := said(t)
	translations, system := catalogue(t), ofSystem()
	ofProgram, ofCatalogue := 0, map[string]string{}
	for text, translation := range translations {
		if translation.PluralID != "" {
			ofCatalogue[text] = translation.PluralID
			delete(texts, translation.PluralID)
		}
	}
	for text := range translations {
		switch {
		case texts[text] != "":
			ofProgram++
		case !system[text]:
			t.Errorf("nothing says %q", text)
		}
	}
	if !maps.Equal(plurals, ofCatalogue) {
		t.Errorf("plural forms: the code has %q, the catalogue %q", plurals, ofCatalogue)
	}
	for text, where := range texts {
		if translations[text] == nil || !complete(translations[text]) {
			t.Errorf("no Russian for %q, at %s", text, where)
		}
	}
	t.Logf("%d texts in the code, %d in the catalogue, and %d of the system; %d of them have plural forms", len(texts), ofProgram, len(translations)-ofProgram, len(plurals))
}

// complete reports whether a translation has all forms: one, or three of a text
// with a number. Source: gettext's manual, "Plural forms", Russian.
func complete(translation *gotext.Translation) bool {
	forms := 1
	if translation.PluralID != "" {
		forms = 3
	}
	return len(translation.Trs) == forms && !slices.Contains(slices.Collect(maps.Values(translation.Trs)), "")
}

// TestVerbs: a translation takes the same arguments in the same order, and so does
// each plural form.
func TestVerbs(t *testing.T) {
	for english, translation := range catalogue(t) {
		forms := slices.Collect(maps.Values(translation.Trs))
		if translation.PluralID != "" {
			forms = append(forms, translation.PluralID)
		}
		for _, form := range forms {
			if a, b := message.Verb.FindAllString(english, -1), message.Verb.FindAllString(form, -1); !slices.Equal(a, b) {
				t.Errorf("%q has %q, %q has %q", english, a, form, b)
			}
		}
	}
}
