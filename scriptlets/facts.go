package scriptlets

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/alt-cloud/podsec-k8s/host"
)

// subIDCount is how many subordinate ids of each kind a node needs.
// Source: the Kubernetes documentation on rootless nodes.
const subIDCount = 65536

// Facts is what a plan for a host depends on.
type Facts struct {
	User     host.Account // the node's user, or what it is going to be
	SubUIDs  uint64       // start of its subordinate uids
	SubGIDs  uint64       // start of its subordinate gids
	HasRange bool         // the user had large enough ranges before podsec-k8s
	Control  bool         // the host has ALT's control(8)
}

// GatherFacts looks at the host.
func GatherFacts(h *host.Host) (Facts, error) {
	var f Facts
	accounts, err := h.Accounts()
	if err != nil {
		return f, err
	}
	saved, err := h.SavedIDs()
	if err != nil {
		return f, err
	}
	if f.User, err = pickUser(h, accounts, saved); err != nil {
		return f, err
	}
	made, err := madeRange(h)
	if err != nil {
		return f, err
	}
	if f.SubUIDs, f.SubGIDs, f.HasRange, err = pickRanges(h, made, saved); err != nil {
		return f, err
	}
	_, err = os.Stat(h.Root + "/usr/sbin/control")
	f.Control = err == nil
	return f, nil
}

// pickUser takes the user that is there, else the ids of a cluster that was
// kept, else the highest free ids of system users.
func pickUser(h *host.Host, accounts []host.Account, saved *host.Saved) (host.Account, error) {
	for _, a := range accounts {
		if a.Name == Admin {
			return a, nil
		}
	}
	groups, err := h.Groups()
	if err != nil {
		return host.Account{}, err
	}
	taken := map[uint32]bool{}
	for _, a := range accounts {
		taken[a.UID] = true
	}
	for name, gid := range groups {
		taken[gid] = taken[gid] || name != Admin
	}
	user := host.Account{Name: Admin, Home: Home}
	if saved != nil && !taken[saved.UID] && !taken[saved.GID] {
		user.UID, user.GID = saved.UID, saved.GID
		return user, nil
	}
	id, err := freeSystemID(h, taken)
	user.UID, user.GID = id, id
	if gid, ok := groups[Admin]; ok {
		user.GID = gid
	}
	return user, err
}

func freeSystemID(h *host.Host, taken map[uint32]bool) (uint32, error) {
	top := uint32(h.LoginDefs("SYS_UID_MAX", 999))
	for id := top; id >= 100; id-- {
		if !taken[id] {
			return id, nil
		}
	}
	return 0, &host.Fault{
		Err:    fmt.Errorf("no system user id is free from 100 to %d", top),
		Remedy: "delete system users that nothing needs any more: userdel NAME",
	}
}

// madeRange gives the ranges that an earlier run of podsec-k8s gave out.
func madeRange(h *host.Host) (*host.SubIDs, error) {
	made, err := host.Made(h)
	if err != nil {
		return nil, err
	}
	for _, change := range made {
		if ids, ok := change.(host.SubIDs); ok {
			return &ids, nil
		}
	}
	return nil, nil
}

// pickRanges takes the ranges of an earlier run, else those that the user
// has, else those of a cluster that was kept, else free ones.
func pickRanges(h *host.Host, made *host.SubIDs, saved *host.Saved) (uids, gids uint64, has bool, err error) {
	if made != nil {
		return made.UIDStart, made.GIDStart, false, nil
	}
	subUIDs, err := h.SubIDRanges("/etc/subuid")
	if err != nil {
		return 0, 0, false, err
	}
	subGIDs, err := h.SubIDRanges("/etc/subgid")
	if err != nil {
		return 0, 0, false, err
	}
	uids, hasUIDs := ownRange(subUIDs)
	gids, hasGIDs := ownRange(subGIDs)
	if hasUIDs && hasGIDs {
		return uids, gids, true, nil
	}
	if saved != nil && free(subUIDs, saved.SubUIDs) && free(subGIDs, saved.SubGIDs) {
		return saved.SubUIDs, saved.SubGIDs, false, nil
	}
	minUID, minGID := h.LoginDefs("SUB_UID_MIN", 100000), h.LoginDefs("SUB_GID_MIN", 100000)
	uids, errUID := host.FreeRange(subUIDs, minUID, subIDCount)
	gids, errGID := host.FreeRange(subGIDs, minGID, subIDCount)
	if err := errors.Join(errUID, errGID); err != nil {
		return 0, 0, false, &host.Fault{
			Err:    fmt.Errorf("reserving subordinate ids for %s: %w", Admin, err),
			Remedy: "make room for 65536 ids in /etc/subuid and /etc/subgid, see subuid(5)",
		}
	}
	return uids, gids, false, nil
}

func ownRange(ranges []host.IDRange) (uint64, bool) {
	at := slices.IndexFunc(ranges, func(r host.IDRange) bool { return r.Owner == Admin && r.Count >= subIDCount })
	if at < 0 {
		return 0, false
	}
	return ranges[at].Start, true
}

func free(ranges []host.IDRange, start uint64) bool {
	found, err := host.FreeRange(ranges, start, subIDCount)
	return err == nil && found == start
}
