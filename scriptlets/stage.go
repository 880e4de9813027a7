// Package scriptlets is what the package's scriptlets mean: which changes an
// installed podsec-k8s makes to its host, and when.
package scriptlets

import (
	"strconv"

	"github.com/alt-cloud/podsec-k8s/message"
)

// A Stage is what rpm is doing when it calls a scriptlet.
type Stage int

// The stages, by scriptlet and argument: the argument is how many instances
// of the package there will be afterwards. On an upgrade rpm runs the new
// package's post, then the old one's preun and postun.
// Source: rpm's manual, "Scriptlets".
const (
	Install    Stage = iota + 1 // post 1
	Upgrade                     // post 2
	Erase                       // preun 0
	Replaced                    // preun 1: the old instance goes, the new one is in place
	Erased                      // postun 0
	ReplacedBy                  // postun 1
)

// StageOf reads a scriptlet's name and its argument.
func StageOf(scriptlet, argument string) (Stage, error) {
	count, err := strconv.Atoi(argument)
	if err != nil || count < 0 {
		return 0, message.Errorf("scriptlet %s: %q is not a number of instances", scriptlet, argument)
	}
	switch {
	case scriptlet == "post" && count == 1:
		return Install, nil
	case scriptlet == "post" && count > 1:
		return Upgrade, nil
	case scriptlet == "preun" && count == 0:
		return Erase, nil
	case scriptlet == "preun":
		return Replaced, nil
	case scriptlet == "postun" && count == 0:
		return Erased, nil
	case scriptlet == "postun":
		return ReplacedBy, nil
	}
	return 0, message.Errorf("rpm has no scriptlet %s %d", scriptlet, count)
}
