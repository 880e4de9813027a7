package upgrade

import (
	"cmp"
	"regexp"
	"strconv"

	"github.com/alt-cloud/podsec-k8s/message"
)

// A Version is one of Kubernetes, such as v1.34.4.
type Version struct {
	Major, Minor, Patch int
	pre                 string // of a version before a release, such as -rc.1
}

var versionForm = regexp.MustCompile(`^v([0-9]{1,4})\.([0-9]{1,4})\.([0-9]{1,4})(-[0-9A-Za-z.-]{1,40})?(\+[0-9A-Za-z.-]{1,60})?$`)

// ParseVersion reads a version. Source: semver.org, with Kubernetes' v before it.
func ParseVersion(text string) (v Version, err error) {
	parts := versionForm.FindStringSubmatch(text)
	if parts == nil {
		return v, message.Errorf("%q is not a version of Kubernetes such as v1.34.4", text)
	}
	for i, number := range []*int{&v.Major, &v.Minor, &v.Patch} {
		*number, _ = strconv.Atoi(parts[i+1]) // up to four digits
	}
	v.pre = parts[4]
	return v, nil
}

// Compare is negative where v is older than another version. Of one patch, what comes
// before the release is older.
func (v Version) Compare(other Version) int {
	return cmp.Or(v.CompareMinor(other), cmp.Compare(v.Patch, other.Patch), comparePre(v.pre, other.pre))
}

// CompareMinor is Compare by the minor alone.
func (v Version) CompareMinor(other Version) int {
	return cmp.Or(cmp.Compare(v.Major, other.Major), cmp.Compare(v.Minor, other.Minor))
}

// comparePre compares the ends of two versions of one patch; none is the newest.
func comparePre(a, b string) int {
	switch {
	case a == b:
		return 0
	case a == "":
		return 1
	case b == "":
		return -1
	default:
		return cmp.Compare(a, b)
	}
}

// SameMinor reports whether both are of one minor.
func (v Version) SameMinor(other Version) bool {
	return v.CompareMinor(other) == 0
}
