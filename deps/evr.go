package deps

import (
	"cmp"
	"strings"
)

// An evr is the version of a package: epoch, version and release.
type evr struct{ epoch, version, release string }

// parseEVR reads [EPOCH:]VERSION[-RELEASE]. ALT's own suffixes, a distribution
// tag and a build time as in "2:5.10.82-alt1:p10+290646.100.3.1@1638544255",
// say where a package came from, not which is newer, and are dropped.
func parseEVR(text string) evr {
	var e evr
	if epoch, rest, ok := strings.Cut(text, ":"); ok && strings.Trim(epoch, "0123456789") == "" {
		e.epoch, text = epoch, rest
	}
	e.version, e.release, _ = strings.Cut(text, "-")
	if end := strings.IndexAny(e.release, ":@"); end >= 0 {
		e.release = e.release[:end]
	}
	return e
}

func (e evr) String() string {
	text := e.version
	if e.epoch != "" && e.epoch != "0" {
		text = e.epoch + ":" + text
	}
	if e.release != "" {
		text += "-" + e.release
	}
	return text
}

// compare returns -1, 0 or 1 when e is an older, the same or a newer build
// than o, as apt and rpm order the builds of one package. An absent epoch is
// 0; a release counts only where both have one.
// Source: rpm's lib/rpmvercmp.c, rpmVersionCompare.
func (e evr) compare(o evr) int {
	if c := compareVersions("0"+e.epoch, "0"+o.epoch); c != 0 {
		return c
	}
	if c := compareVersions(e.version, o.version); c != 0 || e.release == "" || o.release == "" {
		return c
	}
	return compareVersions(e.release, o.release)
}

// against returns -1, 0 or 1 when a provided version is below, at or above
// the one that a dependency names, as ALT's rpm and apt have it. An epoch that
// the dependency does not name is ignored, and so is a release; those that the
// provided version lacks put it below.
// Source: rpm 4.13 of ALT, lib/rpmds.c, rpmdsCompareEVR with
// _rpmds_nopromote = 0. Other distributions have 1 there.
func (e evr) against(named evr) int {
	switch {
	case e.epoch != "" && named.epoch != "":
		if c := compareVersions(e.epoch, named.epoch); c != 0 {
			return c
		}
	case compareVersions("0"+named.epoch, "0") > 0:
		return -1
	}
	if c := compareVersions(e.version, named.version); c != 0 || named.release == "" {
		return c
	}
	if e.release == "" {
		return -1
	}
	return compareVersions(e.release, named.release)
}

// compareVersions orders two versions as rpm does: runs of digits as numbers,
// runs of letters as words, "~" before everything, "^" right after the end
// of the string. cavaliergopher/rpm's own knows no "^".
// Source: rpm's rpmio/rpmvercmp.c.
func compareVersions(a, b string) int {
	for {
		a, b = skipSeparators(a), skipSeparators(b)
		if a == "" && b == "" {
			return 0
		}
		if c := cmp.Compare(rank(a), rank(b)); c != 0 {
			return c
		}
		var one, two string
		one, a = segment(a)
		two, b = segment(b)
		if c := compareSegments(one, two); c != 0 {
			return c
		}
	}
}

// rank orders what a version goes on with.
func rank(s string) int {
	switch {
	case s == "":
		return 1
	case s[0] == '~':
		return 0
	case s[0] == '^':
		return 2
	case isDigit(rune(s[0])):
		return 4
	default:
		return 3
	}
}

// segment cuts the first run of digits, of letters, or the one sign.
func segment(s string) (first, rest string) {
	end := 1
	if isAlnum(rune(s[0])) {
		digits := isDigit(rune(s[0]))
		for end < len(s) && isAlnum(rune(s[end])) && isDigit(rune(s[end])) == digits {
			end++
		}
	}
	return s[:end], s[end:]
}

// compareSegments compares two runs of one kind.
func compareSegments(one, two string) int {
	if !isDigit(rune(one[0])) {
		return strings.Compare(one, two)
	}
	one, two = strings.TrimLeft(one, "0"), strings.TrimLeft(two, "0")
	return cmp.Or(cmp.Compare(len(one), len(two)), strings.Compare(one, two))
}

func skipSeparators(s string) string {
	return strings.TrimLeftFunc(s, func(r rune) bool { return r != '~' && r != '^' && !isAlnum(r) })
}

func isDigit(r rune) bool { return '0' <= r && r <= '9' }

func isAlnum(r rune) bool { return isDigit(r) || 'a' <= r|0x20 && r|0x20 <= 'z' }
