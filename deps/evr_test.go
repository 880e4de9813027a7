package deps

import (
	"testing"

	"github.com/cavaliergopher/rpm"
)

func TestParseEVR(t *testing.T) {
	for _, c := range []struct {
		name, text, want string
		epoch            string
	}{
		{"plain", "1.26.3-alt1", "1.26.3-alt1", ""},
		{"without release", "1.26.3", "1.26.3", ""},
		{"epoch", "1:249.17-alt2", "1:249.17-alt2", "1"},
		{"zero epoch", "0:3.5.9-alt1", "3.5.9-alt1", "0"},
		{"tag of p10", "4.8.28-alt1:p10+299225.100.2.1", "4.8.28-alt1", ""},
		{"tag and build time", "2.38.1-alt1:p10+309135.100.3.1@1667910705", "2.38.1-alt1", ""},
		{"epoch, tag and build time", "4:8.2.5019-alt1:p10+300891.100.2.1@1654002425", "4:8.2.5019-alt1", "4"},
		{"tag of sisyphus", "2.6-alt1:sisyphus+279071.100.1.1@1626374685", "2.6-alt1", ""},
		{"release of a backport", "16.13-alt0.p10.1", "16.13-alt0.p10.1", ""},
		{"set of symbols", "set:kgXYZ", "set:kgXYZ", ""},
		{"empty", "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := parseEVR(c.text); got.String() != c.want || got.epoch != c.epoch {
				t.Errorf("%q is %q with epoch %q, want %q and %q", c.text, got, got.epoch, c.want, c.epoch)
			}
		})
	}
}

// TestCompare has versions of ALT packages, and what rpm 4.18 says of them.
func TestCompare(t *testing.T) {
	for _, c := range []struct {
		name, a, b string
		want       int
	}{
		{"equal", "1.26.3-alt1", "1.26.3-alt1", 0},
		{"patch", "1.26.3-alt1", "1.26.15-alt1", -1},
		{"minor", "1.34.4-alt1", "1.26.15-alt1", 1},
		{"release", "1.26.3-alt1", "1.26.3-alt2", -1},
		{"release of a backport", "16.13-alt0.p10.1", "16.13-alt1", -1},
		{"backports", "1.27.1-alt0.p10.1", "1.27.1-alt0.p10.2", -1},
		{"old style backport", "5.10.1-alt0.M80P.1", "5.10.1-alt1", -1},
		{"one lacks a release", "1.26.3", "1.26.3-alt2", 0},
		{"one lacks a release, bound above", "1.27-alt1", "1.27", 0},
		{"epoch", "1:249.17-alt2", "252.4-alt1", 1},
		{"zero epoch", "0:3.5.9-alt1", "3.5.9-alt1", 0},
		{"tags do not count", "2.6-alt1:sisyphus+279071.100.1.1@1626374685", "2.6-alt1:p10+299225.100.2.1", 0},
		{"kernels", "2:5.10.82-alt1:p10+290646.100.3.1@1638544255", "2:5.10.102-alt1:p10+295939.100.1.1@1645810219", -1},
		{"leading zero", "055-alt3", "55-alt3", 0},
		{"date", "20220202-alt1", "1.26-alt1", 1},
		{"snapshot", "1.0.2.0.5.ga1b2c3d-alt1", "1.0.2-alt1", 1},
		{"java release", "1.1-alt1_8jpp11", "1.1-alt1_7jpp11", 1},
		{"letters are older than numbers", "1.0a-alt1", "1.0.1-alt1", -1},
		{"longer is newer", "1.26", "1.26.0", -1},
		{"candidate", "1.27~rc1-alt1", "1.27-alt1", -1},
		{"candidates", "1.27~rc1", "1.27~rc2", -1},
		{"snapshot after a release", "1.27^git1", "1.27", 1},
		{"snapshot before the next", "1.27^git1", "1.27.1", -1},
		{"caret and tilde", "1.27~rc1^git1", "1.27~rc1", 1},
		{"separators", "1_26+3", "1.26.3", 0},
		{"huge numbers", "1.99999999999999999999999", "1.99999999999999999999998", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := parseEVR(c.a), parseEVR(c.b)
			if got, back := a.compare(b), b.compare(a); got != c.want || back != -c.want {
				t.Errorf("%s against %s: %d and %d, want %d", c.a, c.b, got, back, c.want)
			}
		})
	}
}

// TestLibraryIgnoresCarets is why versions are not compared by
// cavaliergopher/rpm: when it fails, ours can go.
func TestLibraryIgnoresCarets(t *testing.T) {
	if rpm.CompareVersions("1.27^git1", "1.27a") == compareVersions("1.27^git1", "1.27a") {
		t.Error("cavaliergopher/rpm knows ^ now")
	}
}

func FuzzCompareVersions(f *testing.F) {
	f.Add("1.26.3", "1.26~rc1", "1.26^a")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		ab, ba := compareVersions(a, b), compareVersions(b, a)
		if ab != -ba || compareVersions(a, a) != 0 {
			t.Errorf("%q and %q: %d and %d", a, b, ab, ba)
		}
		if ab <= 0 && compareVersions(b, c) <= 0 && compareVersions(a, c) > 0 {
			t.Errorf("%q, %q and %q have no order", a, b, c)
		}
	})
}
