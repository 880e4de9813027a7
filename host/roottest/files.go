package roottest

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// WriteFile makes a file that its owner can also run, and the folders above it.
func WriteFile(t testing.TB, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o700)); err != nil {
		t.Fatal(err)
	}
}
