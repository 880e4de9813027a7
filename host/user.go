package host

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/alt-cloud/podsec-k8s/message"
)

// A User is a system user, with a group of the same name, that nobody logs
// in as. Its home is not made here. Source: useradd(8), groupadd(8).
type User struct {
	Name     string
	UID, GID uint32
	Home     string
	Comment  string
}

type userBefore struct{ User, Group bool }

// Kind names the type in the journal.
func (u User) Kind() string { return "user" }

// Key is the name.
func (u User) Key() string { return u.Name }

// Describe is the line a plan prints.
func (u User) Describe() message.Text {
	return message.Of("create the system user %s, uid %d, gid %d", u.Name, u.UID, u.GID)
}

// accountParts is which files of the account tools name a user and its group.
// A tool that was killed half way leaves only some of them.
type accountParts struct{ Passwd, Shadow, Group, Gshadow bool }

// half reports whether a tool was killed while it made or deleted them.
func (p accountParts) half() bool {
	return p.Passwd != p.Shadow || !p.Passwd && p.Group != p.Gshadow
}

// parts looks for the user and its group. Where a host keeps no such file, or
// it can't be read, the other one says it all.
func (u User) parts(h *Host) (p accountParts, err error) {
	accounts, err := h.Accounts()
	if err != nil {
		return p, err
	}
	groups, err := h.Groups()
	if err != nil {
		return p, err
	}
	p.Passwd = slices.ContainsFunc(accounts, func(a Account) bool { return a.Name == u.Name })
	_, p.Group = groups[u.Name]
	p.Shadow, p.Gshadow = p.Passwd, p.Group
	if lines, err := h.colonLines("/etc/shadow", 9); err == nil {
		p.Shadow = names(lines, u.Name)
	}
	if h.present("/etc/tcb") { // ALT's, a folder for each user. Source: tcb(5)
		p.Shadow = h.present("/etc/tcb/"+u.Name+"/shadow") || p.Shadow && h.present("/etc/shadow")
	}
	if lines, err := h.colonLines("/etc/gshadow", 4); err == nil {
		p.Gshadow = names(lines, u.Name)
	}
	return p, nil
}

func names(lines [][]string, name string) bool {
	return slices.ContainsFunc(lines, func(f []string) bool { return f[0] == name })
}

// HalfMade reports whether an account tool was killed while it made or deleted
// the user.
func (u User) HalfMade(h *Host) (bool, error) {
	p, err := u.parts(h)
	return p.half(), err
}

// Record keeps whether user and group were there before.
func (u User) Record(h *Host) (Before, error) {
	there, err := u.parts(h)
	if err != nil {
		return nil, err
	}
	return before(userBefore{User: there.Passwd, Group: there.Group})
}

// Apply makes the group and the user, as far as they are missing. What a killed
// tool has left of them is deleted first.
func (u User) Apply(ctx context.Context, h *Host) error {
	there, err := u.parts(h)
	if err != nil {
		return err
	}
	if there.half() {
		if err := u.delete(ctx, h, userBefore{}); err != nil {
			return err
		}
		there = accountParts{}
	}
	if !there.Group {
		if err := u.addGroup(ctx, h); err != nil {
			return err
		}
	}
	if there.Passwd {
		return nil
	}
	return u.add(ctx, h)
}

func (u User) addGroup(ctx context.Context, h *Host) error {
	return h.run(ctx, "groupadd", "--system", "--gid", strconv.Itoa(int(u.GID)), u.Name)
}

func (u User) add(ctx context.Context, h *Host) error {
	return h.run(ctx, "useradd", "--system", "--uid", strconv.Itoa(int(u.UID)), "--gid", strconv.Itoa(int(u.GID)),
		"--home-dir", u.Home, "--no-create-home", "--shell", "/sbin/nologin", "--comment", u.Comment, u.Name)
}

// Undo deletes what Apply made; a user that was there before stays, and so does
// one whose cluster could not be put aside.
func (u User) Undo(ctx context.Context, h *Host, b Before) error {
	was, err := decodeBefore[userBefore](b)
	if err != nil {
		return err
	}
	if !was.User && h.present(h.clusterNote()) {
		return WithRemedy(message.Errorf("%s stays, because its cluster could not be moved aside", u.Name),
			"mount %s, install podsec-k8s again and uninstall it; if the cluster is not needed, run podsec-k8s reset in between", u.Home)
	}
	return u.delete(ctx, h, was)
}

// delete deletes the user and the group, but what was there before. A line that
// only the shadow files have goes by making the rest of it again: no tool
// deletes it alone.
func (u User) delete(ctx context.Context, h *Host, was userBefore) error {
	now, err := u.parts(h)
	if err != nil {
		return err
	}
	if !was.User && now.Shadow && !now.Passwd {
		if !now.Group {
			err = u.addGroup(ctx, h)
		}
		if err == nil {
			err = u.add(ctx, h)
		}
		now.Passwd = true
	}
	if err == nil && !was.User && now.Passwd {
		err = h.run(ctx, "userdel", u.Name)
	}
	if err != nil {
		return err
	}
	if now, err = u.parts(h); err != nil || was.Group { // userdel may take the group along
		return err
	}
	if now.Gshadow && !now.Group {
		if err := u.addGroup(ctx, h); err != nil {
			return err
		}
		now.Group = true
	}
	if !now.Group {
		return nil
	}
	return h.run(ctx, "groupdel", u.Name)
}

// SubIDs are ranges of subordinate ids for a user: Count uids from UIDStart
// on, and as many gids from GIDStart on, and further ranges behind them, in the
// order in which they were given. A Count of 0 means: the user's first range is
// not ours. Source: subuid(5), usermod(8).
type SubIDs struct {
	User               string
	UIDStart, GIDStart uint64
	Count              uint64
	More               []SubIDRange `json:",omitempty"`
}

// Kind names the type in the journal.
func (s SubIDs) Kind() string { return "subids" }

// Key is the user.
func (s SubIDs) Key() string { return s.User }

// Describe is the line a plan prints.
func (s SubIDs) Describe() message.Text {
	var texts []string
	for _, r := range s.ranges() {
		texts = append(texts, fmt.Sprintf("%d, uid %d, gid %d", r.Count, r.UIDStart, r.GIDStart))
	}
	return message.Of("assign subordinate ids to %s: %s", s.User, strings.Join(texts, ", "))
}

// ranges lists all that are ours.
func (s SubIDs) ranges() []SubIDRange {
	if s.Count == 0 {
		return s.More
	}
	return append([]SubIDRange{{s.UIDStart, s.GIDStart, s.Count}}, s.More...)
}

// Record has nothing to keep: the range itself says what is ours.
func (s SubIDs) Record(*Host) (Before, error) { return before(nil) }

// Apply adds the ranges that are missing. A node that runs has them once its
// namespaces are made anew.
func (s SubIDs) Apply(ctx context.Context, h *Host) error {
	changed, err := s.change(ctx, h, "--add", false)
	if err == nil && changed && h.present(h.clusterNote()) {
		h.note("the node gets its new subordinate ids when it is restarted: " + RestartNode)
	}
	return err
}

// Undo takes the ranges away again, not those that the user has beside them. They
// wait with a cluster that stayed where it is, for it has files of theirs.
func (s SubIDs) Undo(ctx context.Context, h *Host, _ Before) error {
	if h.present(h.clusterNote()) {
		h.note("the subordinate ids of %s stay, because files of its cluster belong to them", s.User)
		return errWaits
	}
	_, err := s.change(ctx, h, "--del", true)
	return err
}

// change runs usermod for each range and file whose having of it is as given.
func (s SubIDs) change(ctx context.Context, h *Host, verb string, having bool) (changed bool, err error) {
	for _, r := range s.ranges() {
		for _, file := range []struct {
			path, flag string
			start      uint64
		}{{"/etc/subuid", "-subuids", r.UIDStart}, {"/etc/subgid", "-subgids", r.GIDStart}} {
			there, err := h.SubIDRanges(file.path)
			if err != nil {
				return changed, err
			}
			if slices.Contains(there, IDRange{s.User, file.start, r.Count}) != having {
				continue
			}
			ids := fmt.Sprintf("%d-%d", file.start, file.start+r.Count-1)
			if err := h.run(ctx, "usermod", verb+file.flag, ids, s.User); err != nil {
				return changed, err
			}
			changed = true
		}
	}
	return changed, nil
}
