package scriptlets

import (
	"cmp"
	"context"
	"errors"
	"os"
	"slices"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/units"
)

// Wanted is what the site's settings ask of the host.
type Wanted struct {
	SubIDs uint64 // how many subordinate ids of each kind the node's user is to have
	Reader string // the group that may read the audit log; "" for none
}

// GatherFacts looks at the host, for what is wanted of it.
func GatherFacts(h *host.Host, w Wanted) (Facts, error) {
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
	if f.More, err = pickMore(h, f, made, saved, w.SubIDs); err != nil {
		return f, err
	}
	f.Back = saved != nil && saved.Fits(f.home())
	if f.Readers, err = findGroup(h, w.Reader); err != nil {
		return f, err
	}
	_, err = os.Stat(h.Root + "/usr/sbin/control")
	f.Control = err == nil
	if f.Home, err = h.Home(Home); err != nil {
		return f, message.Errorf("checking the home directory: %w", err)
	}
	if f.Kubelet, err = lookAtKubelet(context.Background(), h); err != nil {
		return f, err
	}
	all, err := host.Made(h)
	if err != nil {
		return f, err
	}
	if comesFirst(all) && slices.ContainsFunc(accounts, func(a host.Account) bool { return a.Name == Admin }) {
		f.Scripts = lookForScripts(h, f)
		if err := f.Scripts.possible(h); err != nil {
			return f, err
		}
	}
	if len(all) > 0 {
		return f, nil
	}
	return f, refusals(h, f)
}

// findGroup looks for the group that the site has named.
func findGroup(h *host.Host, name string) (Group, error) {
	if name == "" {
		return Group{}, nil
	}
	groups, err := h.Groups()
	gid, there := groups[name]
	return Group{Name: name, GID: gid, Missing: !there}, err
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
	return 0, host.NewFault("delete system users that are no longer needed: userdel NAME",
		"no system user id is free between 100 and %d", top)
}

// madeRange returns the ranges that an earlier run of podsec-k8s gave out.
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
	if made != nil && made.Count > 0 {
		return made.UIDStart, made.GIDStart, false, nil
	}
	uidTable, gidTable, err := readIDs(h)
	if err != nil {
		return 0, 0, false, err
	}
	subUIDs, subGIDs := uidTable.taken(), gidTable.taken()
	uids, hasUIDs := ownRange(subUIDs)
	gids, hasGIDs := ownRange(subGIDs)
	if hasUIDs && hasGIDs {
		return uids, gids, true, nil
	}
	if saved != nil && savedFree(subUIDs, subGIDs, saved) {
		return saved.SubUIDs, saved.SubGIDs, false, nil
	}
	minUID, minGID := h.LoginDefs("SUB_UID_MIN", 100000), h.LoginDefs("SUB_GID_MIN", 100000)
	uids, errUID := host.FreeRange(subUIDs, minUID, units.SubIDCount)
	gids, errGID := host.FreeRange(subGIDs, minGID, units.SubIDCount)
	if err := cmp.Or(errUID, errGID); err != nil { // each is the same
		return 0, 0, false, noRoom(units.SubIDCount, err)
	}
	return uids, gids, false, nil
}

func noRoom(count uint64, err error) *host.Fault {
	return host.WithRemedy(message.Errorf("reserving subordinate ids for %s: %w", Admin, err),
		"free %d ids in /etc/subuid and /etc/subgid, see subuid(5), or use fewer: SUBORDINATE_IDS in /etc/podsec-k8s", count)
}

// pickMore takes the further ranges of an earlier run or of a cluster that was
// kept, and adds one when the user has fewer ids than are wanted. It lies
// behind all of the user's: ids in use keep their place, in whatever order the
// ranges are read. Fewer ids than before are never asked for: files may belong
// to them.
func pickMore(h *host.Host, f Facts, made *host.SubIDs, saved *host.Saved, wanted uint64) ([]host.SubIDRange, error) {
	var more []host.SubIDRange
	switch {
	case made != nil:
		more = made.More
	case saved != nil && !f.HasRange && saved.SubUIDs == f.SubUIDs && saved.SubGIDs == f.SubGIDs:
		more = saved.More
	}
	ours := more
	if !f.HasRange {
		ours = append([]host.SubIDRange{{UIDStart: f.SubUIDs, GIDStart: f.SubGIDs, Count: units.SubIDCount}}, more...)
	}
	uidTable, gidTable, err := readIDs(h)
	if err != nil {
		return nil, err
	}
	uids := gatherIDs(f, uidTable, ours, func(r host.SubIDRange) uint64 { return r.UIDStart })
	gids := gatherIDs(f, gidTable, ours, func(r host.SubIDRange) uint64 { return r.GIDStart })
	have := min(uids.count, gids.count)
	if have >= wanted {
		return more, nil
	}
	next := host.SubIDRange{Count: wanted - have}
	var errUID, errGID error
	next.UIDStart, errUID = host.FreeRange(uids.taken, uids.end, next.Count)
	next.GIDStart, errGID = host.FreeRange(gids.taken, gids.end, next.Count)
	if err := errors.Join(errUID, errGID); err != nil {
		return nil, noRoom(next.Count, err)
	}
	return append(slices.Clone(more), next), nil
}

// idsOf is what a file of subordinate ids says, with our own ranges.
type idsOf struct {
	taken []host.IDRange // everyone's, and who has an id of these
	count uint64         // how many the node's user has
	end   uint64         // the first id behind all of the user's
}

func gatherIDs(f Facts, table idTable, ours []host.SubIDRange, start func(host.SubIDRange) uint64) (ids idsOf) {
	ranges := slices.Clone(table.ranges)
	for _, r := range ours {
		if own := (host.IDRange{Owner: Admin, Start: start(r), Count: r.Count}); !slices.Contains(ranges, own) {
			ranges = append(ranges, own)
		}
	}
	for _, r := range ranges {
		if r.Of(Admin, f.User.UID) {
			ids.count += r.Count
			ids.end = max(ids.end, r.Start+r.Count)
		}
	}
	ids.taken = append(ranges, table.people...)
	return ids
}

// savedFree reports whether nobody has the ids of a kept cluster.
func savedFree(subUIDs, subGIDs []host.IDRange, saved *host.Saved) bool {
	for _, r := range append([]host.SubIDRange{{UIDStart: saved.SubUIDs, GIDStart: saved.SubGIDs, Count: units.SubIDCount}}, saved.More...) {
		if !free(subUIDs, r.UIDStart, r.Count) || !free(subGIDs, r.GIDStart, r.Count) {
			return false
		}
	}
	return true
}

func ownRange(ranges []host.IDRange) (uint64, bool) {
	at := slices.IndexFunc(ranges, func(r host.IDRange) bool { return r.Owner == Admin && r.Count >= units.SubIDCount })
	if at < 0 {
		return 0, false
	}
	return ranges[at].Start, true
}

func free(ranges []host.IDRange, start, count uint64) bool {
	found, err := host.FreeRange(ranges, start, count)
	return err == nil && found == start
}

// lookForScripts looks for what their package has, and what is left of it when it
// was removed, of a machine that has their user. A kubelet of the machine's own
// keeps its files.
// Source: ALT's podsec.spec 1.1, "%files k8s"; its podsec-u7s-kubeadm.
func lookForScripts(h *host.Host, f Facts) (s Scripts) {
	s.Found = len(existing(h, "/usr/libexec/podsec/u7s", "/etc/podsec/u7s", "/var/lib/podsec/u7s", scriptsLink)) > 0
	if !s.Found {
		return s
	}
	s.Home = len(existing(h, Home)) > 0
	s.Links = existing(h, scriptsLink)
	if f.Kubelet.Own == "" {
		s.Files = slices.Concat(nodeTraces(h), existing(h, "/etc/kubernetes/admin.conf", "/etc/kubernetes/super-admin.conf",
			"/etc/kubernetes/controller-manager.conf", "/etc/kubernetes/scheduler.conf", "/etc/kubernetes/bootstrap-kubelet.conf",
			"/etc/kubernetes/manifests/kube-flannel.yml"))
	}
	return s
}
