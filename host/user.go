package host

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
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
func (u User) Describe() string {
	return fmt.Sprintf("make the system user %s, uid %d, gid %d", u.Name, u.UID, u.GID)
}

// there tells whether user and group are there.
func (u User) there(h *Host) (userBefore, error) {
	accounts, err := h.Accounts()
	if err != nil {
		return userBefore{}, err
	}
	groups, err := h.Groups()
	if err != nil {
		return userBefore{}, err
	}
	_, group := groups[u.Name]
	return userBefore{
		User:  slices.ContainsFunc(accounts, func(a Account) bool { return a.Name == u.Name }),
		Group: group,
	}, nil
}

// Record keeps whether user and group were there before.
func (u User) Record(h *Host) (Before, error) {
	there, err := u.there(h)
	if err != nil {
		return nil, err
	}
	return before(there)
}

// Apply makes the group and the user, as far as they are missing.
func (u User) Apply(ctx context.Context, h *Host) error {
	there, err := u.there(h)
	if err != nil {
		return err
	}
	if !there.Group {
		if err := h.run(ctx, "groupadd", "--system", "--gid", strconv.Itoa(int(u.GID)), u.Name); err != nil {
			return err
		}
	}
	if there.User {
		return nil
	}
	return h.run(ctx, "useradd", "--system", "--uid", strconv.Itoa(int(u.UID)), "--gid", strconv.Itoa(int(u.GID)),
		"--home-dir", u.Home, "--no-create-home", "--shell", "/sbin/nologin", "--comment", u.Comment, u.Name)
}

// Undo deletes what Apply made; a user that was there before stays.
func (u User) Undo(ctx context.Context, h *Host, b Before) error {
	was, err := decodeBefore[userBefore](b)
	if err != nil {
		return err
	}
	now, err := u.there(h)
	if err != nil {
		return err
	}
	if now.User && !was.User {
		if err := h.run(ctx, "userdel", u.Name); err != nil {
			return err
		}
	}
	if now, err = u.there(h); err != nil || !now.Group || was.Group { // userdel may take the group along
		return err
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

// A SubIDRange is Count uids from UIDStart on, and as many gids from GIDStart
// on.
type SubIDRange struct{ UIDStart, GIDStart, Count uint64 }

// Kind names the type in the journal.
func (s SubIDs) Kind() string { return "subids" }

// Key is the user.
func (s SubIDs) Key() string { return s.User }

// Describe is the line a plan prints.
func (s SubIDs) Describe() string {
	var texts []string
	for _, r := range s.ranges() {
		texts = append(texts, fmt.Sprintf("%d subordinate uids from %d and gids from %d", r.Count, r.UIDStart, r.GIDStart))
	}
	return fmt.Sprintf("give %s %s", s.User, strings.Join(texts, ", and "))
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
		h.note("the node has its new subordinate ids once it is restarted: systemctl restart kubelet")
	}
	return err
}

// Undo takes the ranges away again, not those that the user has beside them.
func (s SubIDs) Undo(ctx context.Context, h *Host, _ Before) error {
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
