package host

import (
	"encoding/json"
	"slices"

	"github.com/alt-cloud/podsec-k8s/message"
)

// A kind is a type of change as the journal has it.
type kind struct {
	name   string
	decode func(data []byte) (Change, error)
}

// kinds lists every kind of change that the journal may hold.
func kinds() []kind {
	return append(userKinds(),
		of[File](), of[Link](), of[Linger](), of[Sysctl](), of[Modules](), of[Control](), of[Reload](), of[Stopped](), of[Ended]())
}

// userKinds lists the kinds of what a user is made of, in the order in which
// they are undone: its logs, its home with the cluster, then what comes back in its
// place, its ids, then the user.
func userKinds() []kind {
	return []kind{of[LogFolder](), of[HomeOwner](), of[HomeFolder](), of[SetAside](), of[SubIDs](), of[User](), of[AccountFile]()}
}

// of makes a kind of a type.
func of[C Change]() kind {
	var zero C
	return kind{zero.Kind(), func(data []byte) (Change, error) {
		var c C
		err := json.Unmarshal(data, &c)
		return c, err
	}}
}

// kindIndex is the place of a kind in a list, or negative.
func kindIndex(kinds []kind, name string) int {
	return slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })
}

// decodeChange makes a change of its JSON.
func decodeChange(name string, data []byte) (Change, error) {
	all := kinds()
	at := kindIndex(all, name)
	if at < 0 {
		return nil, message.Errorf("a newer podsec-k8s made a change of the kind %q", name)
	}
	return all[at].decode(data)
}
