package units

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestNamespacesWantWhatNeedsThem: a service that could not start for want of
// the namespaces starts with them, and the targets start each as well.
func TestNamespacesWantWhatNeedsThem(t *testing.T) {
	files, err := filepath.Glob("user/u7s-*.service")
	if err != nil {
		t.Fatal(err)
	}
	var need []string
	for _, file := range files {
		if name := filepath.Base(file); slices.Contains(setting(t, name, "Requires"), RootlessKit) {
			need = append(need, name)
		}
	}
	if !slices.Contains(need, Kubelet) {
		t.Fatalf("the kubelet needs no namespaces, only %q do", need)
	}
	if wanted := setting(t, RootlessKit, "Wants"); !slices.Equal(wanted, need) {
		t.Errorf("%s wants %q, and %q need it", RootlessKit, wanted, need)
	}
	started := append(setting(t, Target, "Wants"), setting(t, Master, "Wants")...)
	for _, name := range need {
		if !slices.Contains(started, name) {
			t.Errorf("neither %s nor %s wants %s", Target, Master, name)
		}
	}
}

// setting gives the values of a setting that may be repeated, sorted.
func setting(t *testing.T, unit, key string) (values []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("user", unit))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if list, found := strings.CutPrefix(line, key+"="); found {
			values = append(values, strings.Fields(list)...)
		}
	}
	slices.Sort(values)
	return values
}
