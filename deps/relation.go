package deps

import (
	"strings"

	"github.com/cavaliergopher/rpm"
)

// A relation is what a package says of a name: that it requires the name, or
// that it conflicts with it.
type relation struct {
	name    string
	sense   int64 // of rpm's DepFlags; without a comparison it is of all versions
	version string
}

const comparisons = rpm.DepFlagLesser | rpm.DepFlagGreater | rpm.DepFlagEqual

// isSet reports whether a version is ALT's set of a library's symbols, which
// only another set can be compared with.
// Source: rpm 4.13 of ALT, lib/rpmds.c, rpmdsCompareEVR.
func isSet(version string) bool { return strings.HasPrefix(version, "set:") }

// met reports whether a provided name is what the relation speaks of. A name
// without a version meets every relation.
// Source: rpm's lib/rpmds.c, rpmdsCompareIndex.
func (r relation) met(p provide) bool {
	switch {
	case r.name != p.name:
		return false
	case r.sense&comparisons == 0 || p.version == "":
		return true
	case isSet(p.version) || isSet(r.version):
		return p.version == r.version
	}
	switch parseEVR(p.version).against(parseEVR(r.version)) {
	case -1:
		return r.sense&rpm.DepFlagLesser != 0
	case 0:
		return r.sense&rpm.DepFlagEqual != 0
	default:
		return r.sense&rpm.DepFlagGreater != 0
	}
}

// A provide is a name that a package stands for.
type provide struct {
	name    string
	version string // [EPOCH:]VERSION[-RELEASE]; "" stands for all versions
}
