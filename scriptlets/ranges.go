package scriptlets

import (
	"errors"
	"math"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
)

// checkIDs is the finding that the ids of the node's user are others', too. It
// has the name of the preflight check that counts them.
const checkIDs = "subordinate-ids"

// An idTable is the subordinate ids of one kind, and who else has ids.
type idTable struct {
	path   string         // of the file
	kind   string         // such as "uid"
	ranges []host.IDRange // of everybody
	people []host.IDRange // users or groups, an id each
}

// readIDs reads the tables of both kinds.
func readIDs(h *host.Host) (uids, gids idTable, err error) {
	uids, gids = idTable{path: "/etc/subuid", kind: "uid"}, idTable{path: "/etc/subgid", kind: "gid"}
	accounts, errAccounts := h.Accounts()
	groups, errGroups := h.Groups()
	var errUID, errGID error
	uids.ranges, errUID = h.SubIDRanges(uids.path)
	gids.ranges, errGID = h.SubIDRanges(gids.path)
	for _, a := range accounts {
		uids.people = append(uids.people, host.IDRange{Owner: a.Name, Start: uint64(a.UID), Count: 1})
		gids.people = append(gids.people, host.IDRange{Owner: a.Name, Start: uint64(a.GID), Count: 1})
	}
	for name, gid := range groups {
		gids.people = append(gids.people, host.IDRange{Owner: name, Start: uint64(gid), Count: 1})
	}
	return uids, gids, errors.Join(errAccounts, errGroups, errUID, errGID)
}

// taken lists all ids that somebody has.
func (t idTable) taken() []host.IDRange {
	return append(append([]host.IDRange{}, t.ranges...), t.people...)
}

// shared returns a fault when ids of the node's user are somebody else's, or
// his twice: containers could change the files of that user, and he theirs.
func (t idTable) shared(uid uint32) *host.Fault {
	ours := func(r host.IDRange) bool { return r.Of(Admin, uid) }
	remedy := message.Of("assign other ids to them; or, if no node has used these, remove the line of %s from %s and run podsec-k8s host apply; see subuid(5)", Admin, t.path)
	for i, own := range t.ranges {
		if !ours(own) || own.Count == 0 {
			continue
		}
		if own.Start > math.MaxUint32-own.Count {
			return &host.Fault{Err: message.Errorf("%s has subordinate %ss up to %d in %s: no id can be so high", Admin, t.kind, own.Start+own.Count-1, t.path), Remedy: remedy}
		}
		for j, other := range t.ranges {
			switch {
			case i == j || !overlap(own, other):
			case !ours(other):
				return &host.Fault{Err: message.Errorf("subordinate %ss of %s, %d to %d in %s, also belong to %s", t.kind, Admin, own.Start, own.Start+own.Count-1, t.path, other.Owner), Remedy: remedy}
			default:
				return &host.Fault{Err: message.Errorf("%s has the same subordinate %ss twice in %s: %d to %d", Admin, t.kind, t.path, own.Start, own.Start+own.Count-1), Remedy: remedy}
			}
		}
		for _, person := range t.people {
			if overlap(own, person) {
				return &host.Fault{Err: message.Errorf("the subordinate %ss of %s, %d to %d in %s, include that of %s, %d", t.kind, Admin, own.Start, own.Start+own.Count-1, t.path, person.Owner, person.Start), Remedy: remedy}
			}
		}
	}
	return nil
}

func overlap(a, b host.IDRange) bool {
	return a.Count > 0 && b.Count > 0 && a.Start <= last(b) && b.Start <= last(a)
}

// last is the last id of a range that has some.
func last(r host.IDRange) uint64 {
	if r.Count-1 > math.MaxUint64-r.Start {
		return math.MaxUint64
	}
	return r.Start + r.Count - 1
}
