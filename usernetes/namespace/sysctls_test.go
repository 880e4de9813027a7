package namespace

import (
	"os"
	"testing"
)

// TestSysctls: what pods need is set, and set again.
func TestSysctls(t *testing.T) {
	const forward = "/proc/sys/net/ipv4/ip_forward"
	for name, set := range map[string]func() error{
		"set": setSysctls, "mended": mendSysctls, "as it is": mendSysctls,
	} {
		if name != "as it is" {
			if err := os.WriteFile(forward, []byte("0"), 0); err != nil {
				t.Fatal(err)
			}
		}
		if err := set(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if value, err := os.ReadFile(forward); err != nil || string(value) != "1\n" {
			t.Errorf("%s: %q, %v", name, value, err)
		}
	}
}
