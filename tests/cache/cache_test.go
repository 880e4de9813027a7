package cache

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestGetMakesOncePerInput(t *testing.T) {
	t.Setenv("PODSEC_K8S_CACHE", t.TempDir())
	made := 0
	fill := func(_ context.Context, dir string) error {
		made++
		return os.WriteFile(filepath.Join(dir, "x"), nil, 0o600)
	}
	for _, inputs := range [][]string{{"a"}, {"a"}, {"b"}} {
		dir, err := Get(t.Context(), "thing", inputs, fill)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(dir, "x")); err != nil {
			t.Error(err)
		}
	}
	if made != 2 {
		t.Errorf("made %d times, want 2", made)
	}
}

func TestGetForgetsWhatFailed(t *testing.T) {
	t.Setenv("PODSEC_K8S_CACHE", t.TempDir())
	broken := errors.New("broken")
	fail := true
	fill := func(_ context.Context, dir string) error {
		if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
			t.Errorf("not an empty folder: %v, %v", entries, err)
		}
		if err := os.WriteFile(filepath.Join(dir, "x"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if fail {
			return broken
		}
		return nil
	}
	if _, err := Get(t.Context(), "thing", nil, fill); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	fail = false
	if _, err := Get(t.Context(), "thing", nil, fill); err != nil {
		t.Error(err)
	}
}

func TestKeyTellsInputsApart(t *testing.T) {
	if Key("k", "ab", "c") == Key("k", "a", "bc") {
		t.Error("inputs run into one another")
	}
}

func TestTryLock(t *testing.T) {
	t.Setenv("PODSEC_K8S_CACHE", filepath.Join(t.TempDir(), "new"))
	unlock, err := TryLock("a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := TryLock("a"); !errors.Is(err, ErrLocked) {
		t.Errorf("got %v", err)
	}
	unlock()
	for _, name := range []string{"a", "b"} {
		if _, err := TryLock(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
