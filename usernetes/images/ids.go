package images

import (
	"errors"
	"regexp"
	"strconv"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// NodeIDs is how many user and group ids there are in the namespaces of a
// node, from 0 on.
type NodeIDs struct{ UIDs, GIDs uint64 }

// idUnit is what numbers of ids are rounded up to: the ids of one image.
const idUnit = 65536

// An IDFault is an id that the node does not have, and who asks for it.
type IDFault struct {
	What  string // such as "container web, runAsUser 70000"
	Need  uint64 // how many ids would do; 0 when that is not known
	Never bool   // no number of them would do
}

// WantsIDs reports whether a message of the kubelet is about an id that the
// node's user namespace does not have.
// Source: containers/storage's pkg/archive; chown(2), setgroups(2), "EINVAL".
func WantsIDs(message string) bool {
	lower := strings.ToLower(message)
	if strings.Contains(lower, "potentially insufficient uids or gids") {
		return true
	}
	for _, call := range []string{"chown", "setgroups", "setresuid", "setresgid", "setuid", "setgid"} {
		if strings.Contains(lower, call) && strings.Contains(lower, "invalid argument") {
			return true
		}
	}
	return false
}

// IDsIn finds how many ids would do for what a message of wantsIDs says; 0 when
// it names none.
func IDsIn(message string) (need uint64) {
	for _, match := range namedIDs.FindAllStringSubmatch(message, -1) {
		for _, digits := range match[1:] {
			if id, err := strconv.ParseUint(digits, 10, 32); err == nil {
				need = max(need, id+1)
			}
		}
	}
	return need
}

// namedIDs matches how containers/storage and crun name ids.
var namedIDs = regexp.MustCompile(`(?:requested (\d+):|set\w+ to )(\d+)`)

// Text says what is wrong in plain words.
func (f IDFault) Text(n node.Node, have NodeIDs) message.Text {
	return message.Of("node %s has the user and group ids 0 to %d; these are requested and missing: %s", n.Name, min(have.UIDs, have.GIDs)-1, f.What)
}

// Remedy says what to do. The number of ids is rounded up to a multiple of
// what a pod's image is made for.
func (f IDFault) Remedy() message.Text {
	if f.Never {
		return message.Of("remove hostUsers: all pods of this node are already in its user namespace, where root is not root of the machine")
	}
	if f.Need > node.MaxSubIDs {
		return message.Of("no node can have so many ids: use lower ids in the pod")
	}
	count := max(f.Need, 2*idUnit)                     // twice the default where nothing is known
	count = (count - 1 + idUnit - 1) / idUnit * idUnit // id 0 is the node's user itself
	return message.Of("on this node, set SUBORDINATE_IDS=%d or more in /etc/podsec-k8s/node.conf, then: podsec-k8s host apply; "+host.RestartNode, count)
}

// WithIDRemedy adds to an error what to do when it is about such ids.
func WithIDRemedy(err error) error {
	var failed *host.CommandError
	if !errors.As(err, &failed) || !WantsIDs(failed.Stderr) {
		return err
	}
	return &host.Fault{Err: err, Remedy: IDFault{Need: IDsIn(failed.Stderr)}.Remedy()}
}
