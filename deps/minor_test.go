package deps

import (
	"errors"
	"testing"
)

func TestMinorOf(t *testing.T) {
	for _, c := range []struct{ name, version, want string }{
		{"minor", "1.26", "1.26"},
		{"patch", "1.34.4", "1.34"},
		{"v", "v1.26.3", "1.26"},
		{"unknown", "1.28.1", ""},
		{"prefix of a known one", "1.2", ""},
		{"empty", "", ""},
		{"word", "latest", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := MinorOf(c.version)
			if (c.want == "") != errors.Is(err, ErrUnknownMinor) || m.Version != c.want {
				t.Errorf("MinorOf(%q) = %q, %v", c.version, m.Version, err)
			}
		})
	}
}
