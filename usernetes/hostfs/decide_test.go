package hostfs

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestDecide(t *testing.T) {
	one, two := identity{1, 1}, identity{1, 2}
	own := identity{9, 9} // of the node's own entry
	host := func(k kind) *hostEntry { return &hostEntry{kind: k, id: one} }
	node := func(k kind, r role, hollow bool, seen identity) *nodeEntry {
		return &nodeEntry{kind: k, role: r, hollow: hollow, id: own, seen: seen}
	}
	linkTo := func(target string) *hostEntry { return &hostEntry{kind: link, target: target} }
	copyOf := func(target string, r role) *nodeEntry {
		return &nodeEntry{kind: link, target: target, role: r, hollow: true}
	}
	for _, c := range []struct {
		name  string
		entry string // "x" when empty
		host  *hostEntry
		node  *nodeEntry
		do    []action
		clash bool
	}{
		{name: "the host has it", host: host(folder), do: []action{add}},
		{name: "the host has a link", host: linkTo("/a"), do: []action{add}},
		{name: "only the node has it", node: node(folder, content, false, own)},
		{name: "the node has an empty file of a pod's", node: node(file, content, true, own)},
		{name: "mounted", host: host(folder), node: node(folder, stub, true, one)},
		{name: "replaced by rename", host: host(file), node: node(file, stub, true, two), do: []action{cover}},
		{name: "left of a run that was killed", host: host(folder), node: node(folder, stub, true, own), do: []action{cover}},
		{name: "a folder in place of a file", host: host(folder), node: node(file, stub, true, two), do: []action{renew}},
		{name: "a socket in place of a file", host: host(socket), node: node(file, stub, true, two), do: []action{renew}},
		{name: "gone", node: node(folder, stub, true, two), do: []action{remove}},
		{name: "gone, and a container has put data there", node: node(folder, stub, false, two), do: []action{release}},
		{name: "a container has put data below the mount", host: host(folder), node: node(folder, stub, false, one), do: []action{release}, clash: true},

		{name: "both have data", host: host(folder), node: node(folder, content, false, own), clash: true},
		{name: "both have it, the node's is empty, pods run", host: host(folder), node: node(folder, content, true, own), clash: true},
		{name: "the node's is empty at the start", host: host(folder), node: node(folder, bare, true, own), do: []action{cover}},
		{name: "the node's empty one is covered", host: host(folder), node: node(folder, bare, true, one)},
		{name: "the node's empty one is no place for a file", host: host(file), node: node(folder, bare, true, own), clash: true},
		{name: "the host has a file now", host: host(file), node: node(folder, bare, true, two), do: []action{uncover}, clash: true},
		{name: "what covered it is gone", node: node(folder, bare, true, two), do: []action{uncover}},
		{name: "nothing has covered it", node: node(folder, bare, true, own)},

		{name: "the same link", host: linkTo("/a"), node: copyOf("/a", stub)},
		{name: "another link", host: linkTo("/b"), node: copyOf("/a", stub), do: []action{renew}},
		{name: "the link is gone", node: copyOf("/a", stub), do: []action{remove}},
		{name: "the node's own link is the same", host: linkTo("/a"), node: copyOf("/a", content)},
		{name: "the node's own link is another", host: linkTo("/b"), node: copyOf("/a", content), clash: true},
		{name: "a folder in place of a link", host: host(folder), node: copyOf("/a", stub), do: []action{renew}},

		{name: "the node's alone", entry: "own", host: host(folder)},
		{name: "the node's alone, with data", entry: "own", host: host(folder), node: node(folder, content, false, own)},
		{name: "the node's alone since an upgrade", entry: "own", host: host(folder), node: node(folder, stub, true, own), do: []action{remove}},
	} {
		t.Run(c.name, func(t *testing.T) {
			entry := c.entry
			if entry == "" {
				entry = "x"
			}
			onHost, inNode := map[string]hostEntry{}, map[string]nodeEntry{}
			if c.host != nil {
				onHost[entry] = *c.host
			}
			if c.node != nil {
				inNode[entry] = *c.node
			}
			steps, both := decide(func(name string) bool { return name == "own" }, onHost, inNode)
			var do []action
			for _, s := range steps {
				do = append(do, s.do)
			}
			if !reflect.DeepEqual(do, c.do) {
				t.Errorf("does %v, want %v", do, c.do)
			}
			if (len(both) == 1) != c.clash {
				t.Errorf("clash %v, want %v", both, c.clash)
			}
		})
	}
}

func TestDecideIsInOrder(t *testing.T) {
	onHost := map[string]hostEntry{"b": {}, "a": {}, "c": {}}
	steps, _ := decide(func(string) bool { return false }, onHost, nil)
	if want := []step{{"a", add}, {"b", add}, {"c", add}}; !reflect.DeepEqual(steps, want) {
		t.Errorf("got %v, want %v", steps, want)
	}
}

func TestBounded(t *testing.T) {
	few := map[string]hostEntry{"a": {kind: file}}
	if shown, left := bounded(few); len(shown) != 1 || left != 0 {
		t.Errorf("few: %d shown, %d left", len(shown), left)
	}
	many := map[string]hostEntry{"zzz": {kind: folder}}
	for i := range limit + 4 {
		many[fmt.Sprintf("file%05d", i)] = hostEntry{kind: file}
	}
	shown, left := bounded(many)
	if len(shown) != limit || left != 5 {
		t.Errorf("many: %d shown, %d left", len(shown), left)
	}
	if _, ok := shown["zzz"]; !ok {
		t.Error("a folder is left out for files")
	}
}

func TestOwns(t *testing.T) {
	all := []Folder{{Path: "/etc", Own: []string{"cni"}}, {Path: "/etc/kubernetes"}, {Path: "/opt"}}
	for name, want := range map[string]bool{
		"cni": true, "kubernetes": true, draft: true, "passwd": false, "opt": false, "kubernetes2": false,
	} {
		if got := all[0].owns(name, all); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	if nested(all[0], all) || !nested(all[1], all) || nested(all[2], all) {
		t.Error("only /etc/kubernetes is in another's mount")
	}
}

// TestTooMany: beyond the limit the first names are seen, and the rest told of.
func TestTooMany(t *testing.T) {
	all := map[string]hostEntry{}
	for i := range limit + 2 {
		all[fmt.Sprintf("%06d", i)] = hostEntry{}
	}
	shown, left := bounded(all)
	if _, last := shown[fmt.Sprintf("%06d", limit-1)]; len(shown) != limit || left != 2 || !last {
		t.Errorf("%d are shown, %d left", len(shown), left)
	}
	if p := tooMany(Folder{Path: "/srv"}, left); !strings.HasSuffix(p.Fault.String(), "the node does not see 2 of them") {
		t.Errorf("%+v", p)
	}
	if p := clash(Folder{Path: "/run"}, "x"); !strings.Contains(p.Remedy.String(), "is in memory") {
		t.Errorf("%+v", p)
	}
}
