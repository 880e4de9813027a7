package usernetes

import (
	"net/netip"
	"testing"
)

// TestReaddressed: an address is changed where it stands alone.
func TestReaddressed(t *testing.T) {
	from, to := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("198.51.100.20")
	for text, want := range map[string]string{
		"":                          "",
		"192.0.2.1":                 "198.51.100.20",
		"192.0.2.1,192.0.2.1":       "198.51.100.20,198.51.100.20",
		"https://192.0.2.1:6443/":   "https://198.51.100.20:6443/",
		"m1=https://192.0.2.1:2380": "m1=https://198.51.100.20:2380",
		"The address is 192.0.2.1.": "The address is 198.51.100.20.",
		"192.0.2.10 192.0.2.1":      "192.0.2.10 198.51.100.20",
		"1192.0.2.1":                "1192.0.2.1",
		"10.192.0.2.1":              "10.192.0.2.1",
		"192.0.2.1.5":               "192.0.2.1.5",
		"192.0.2.1/24":              "192.0.2.1/24",
		"https://192.0.2.1/path":    "https://198.51.100.20/path",
	} {
		if got := string(readdressed([]byte(text), from, to)); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
		if got := string(readdressed([]byte(text), from, from)); got != text {
			t.Errorf("%q is %q", text, got)
		}
	}
}

// FuzzReaddressed: what is changed there and back again is as it was, where the other
// address was not there before.
func FuzzReaddressed(f *testing.F) {
	f.Add("a 192.0.2.1 b")
	f.Fuzz(func(t *testing.T, text string) {
		from, to := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("198.51.100.20")
		if string(readdressed([]byte(text), to, from)) != text {
			return // it was
		}
		if again := string(readdressed(readdressed([]byte(text), from, to), to, from)); again != text {
			t.Errorf("%q is %q", text, again)
		}
	})
}
