package main

import (
	"errors"
	"strings"
	"testing"
)

// A fullDisk takes a few bytes, and no more.
type fullDisk struct {
	left int
	seen strings.Builder
}

var errFull = errors.New("no space left")

func (f *fullDisk) Write(data []byte) (int, error) {
	if len(data) > f.left {
		return 0, errFull
	}
	f.left -= len(data)
	return f.seen.Write(data)
}

// TestOutputKeepsTheFirstError: what is said after it is not written, for a gap
// would not be seen.
func TestOutputKeepsTheFirstError(t *testing.T) {
	disk := &fullDisk{left: 12}
	p := newPrinter(disk, disk, func(string) string { return "" })
	p.say("%s", "first")
	if err := p.out.fault(); err != nil {
		t.Errorf("a fault before there is one: %v", err)
	}
	p.say("%s", "far too long for what is left")
	p.say("%s", "short")
	if err := p.out.fault(); !errors.Is(err, errFull) || disk.seen.String() != "first\n" {
		t.Errorf("%v, after %q", err, disk.seen.String())
	}
}
