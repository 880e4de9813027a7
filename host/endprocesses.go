package host

import (
	"cmp"
	"context"
	"strconv"
	"strings"

	"github.com/alt-cloud/podsec-k8s/message"
)

// endProcesses ends what runs under ids that are going to be taken back: an id
// that is given to somebody else must not have a process. What can't be ended
// is a fault, and keeps the user and its ids from being taken back.
func (j *journal) endProcesses(ctx context.Context, records []*record) error {
	h := j.host
	user, made, ranges, err := idsOf(records)
	if err != nil || h.Kill == nil || !made && len(ranges) == 0 {
		return err
	}
	ours, err := h.idsToEnd(user, made, ranges)
	if err != nil {
		return err
	}
	if made {
		defer h.freeze(user.UID)()
	}
	left, err := h.Kill(ctx, ours)
	if err != nil || len(left) == 0 {
		return err
	}
	var names, numbers []string
	for _, p := range left[:min(len(left), 10)] {
		names, numbers = append(names, p.String()), append(numbers, strconv.Itoa(p.PID))
	}
	if len(left) > len(names) {
		names = append(names, "…")
	}
	remedy := message.Of("kill -9 %s, or restart the machine; then install podsec-k8s and uninstall it again", strings.Join(numbers, " "))
	if made {
		remedy = message.Of("kill -9 %s, or restart the machine; then install podsec-k8s and uninstall it again, or: userdel %s; rm -r %s %s",
			strings.Join(numbers, " "), user.Name, user.Home, h.State)
	}
	stay := message.Count(len(left), "user %s, its home directory and its ids stay, because %d process does not end: %s",
		"user %s, its home directory and its ids stay, because %d processes do not end: %s", user.Name, len(left), strings.Join(names, ", "))
	return &Fault{Err: stay.AsError(), Remedy: remedy}
}

// idsOf reads the user that records tell of, whether it was made here, and the
// ranges that it was given.
func idsOf(records []*record) (u User, made bool, ranges []SubIDRange, err error) {
	for _, r := range records {
		change, err := r.change()
		if err != nil {
			return u, false, nil, err
		}
		switch change := change.(type) {
		case User:
			was, err := decodeBefore[userBefore](r.Before)
			if err != nil {
				return u, false, nil, err
			}
			u, made = change, !was.User
		case SubIDs:
			ranges = append(ranges, change.ranges()...)
			u.Name = cmp.Or(u.Name, change.User)
		}
	}
	return u, made, ranges, nil
}
