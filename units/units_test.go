package units

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestUnitsArePartOfTheNode: by PartOf= and Requires= the package links each unit
// to what starts it. So each is part of one target, but for the node's own, and
// none is named in the file of what starts it. The kubelet, which kubeadm starts
// alone, brings CRI-O.
func TestUnitsArePartOfTheNode(t *testing.T) {
	wants := map[string][]string{Kubelet: {CRIO}}
	for _, file := range userUnits(t) {
		name := filepath.Base(file)
		part := setting(t, name, "PartOf")
		if name == Target && part != nil || name != Target && !slices.Equal(part, []string{Target}) && !slices.Equal(part, []string{Master}) {
			t.Errorf("%s is part of %q", name, part)
		}
		if got := setting(t, name, "Wants"); !slices.Equal(got, wants[name]) {
			t.Errorf("%s wants %q", name, got)
		}
	}
}

// TestProgramsInTheNodeRequireIt: what a unit stops or runs in the namespaces needs
// them, and starts after them.
func TestProgramsInTheNodeRequireIt(t *testing.T) {
	inside := 0
	for _, file := range userUnits(t) {
		name := filepath.Base(file)
		words := append(setting(t, name, "ExecStart"), setting(t, name, "ExecStop")...)
		if !slices.Contains(words, "stop") && !slices.Contains(words, "enter") {
			continue
		}
		inside++
		if !slices.Equal(setting(t, name, "Requires"), []string{RootlessKit}) || !slices.Contains(setting(t, name, "After"), RootlessKit) {
			t.Errorf("%s does not require %s", name, RootlessKit)
		}
	}
	if inside < 5 {
		t.Errorf("only %d units run something in the node", inside)
	}
}

// TestDropInHasWhatTheUnitHas: the drop-in takes back all settings, so it has
// to make those of the guard again.
func TestDropInHasWhatTheUnitHas(t *testing.T) {
	dropIn := Settings(GuardDropIn(640))
	for key, values := range Settings(GuardUnit()) {
		if !slices.Equal(dropIn[key], values) {
			t.Errorf("%s is %q in the unit and %q in the drop-in", key, values, dropIn[key])
		}
	}
	for _, want := range []string{"After=user@640.service", "Environment=XDG_RUNTIME_DIR=/run/user/640", "PrivateNetwork=no"} {
		if !strings.Contains(GuardDropIn(640), want+"\n") {
			t.Errorf("the drop-in lacks %s", want)
		}
	}
}

func TestSettings(t *testing.T) {
	got := Settings("[Unit]\nUser=x\n[Service]\nUser=a\n# Group=b\n;Group=c\nExecStart=/bin/a\nExecStart=\nExecStart=+/bin/b c=d\nExecStop=\nEnvironment=A=1\nEnvironment=B=2\n")
	want := map[string][]string{"User": {"a"}, "ExecStart": {"/bin/b c=d"}, "Environment": {"A=1", "B=2"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// setting returns the values of a setting that may be repeated, sorted.
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

// TestConditionsNameTheState: the state is where it is, whatever home the
// node's user has.
func TestConditionsNameTheState(t *testing.T) {
	for _, file := range userUnits(t) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "%h") {
			t.Errorf("%s depends on the home of the user", file)
		}
	}
}

// TestUnitsEndBeforeSystemdGivesUp: what does not end in time is killed by the
// unit's own ExecStop, for systemd calls its own killing a failure.
func TestUnitsEndBeforeSystemdGivesUp(t *testing.T) {
	for _, file := range userUnits(t) {
		name := filepath.Base(file)
		for _, seconds := range stopSeconds(t, name) {
			limit, err := strconv.Atoi(setting(t, name, "TimeoutStopSec")[0])
			if err != nil || seconds+1 >= limit {
				t.Errorf("%s waits %d s, and systemd %d s: %v", name, seconds, limit, err)
			}
			if !slices.Equal(setting(t, name, "SuccessExitStatus"), []string{"SIGKILL"}) {
				t.Errorf("%s counts its own killing as a failure", name)
			}
		}
	}
}

// stopSeconds returns how long each ExecStop of a unit waits.
func stopSeconds(t *testing.T, unit string) (all []int) {
	t.Helper()
	for _, word := range setting(t, unit, "ExecStop") {
		if seconds, err := strconv.Atoi(word); err == nil {
			all = append(all, seconds)
		}
	}
	return all
}

func userUnits(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("user/u7s*")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d units, %v", len(files), err)
	}
	return files
}
