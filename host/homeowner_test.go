package host

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestKeptClusterOfOtherIDs: a cluster that stayed in its file system is not
// given to a user with other ids, also subordinate ones: its files are not
// theirs. With all of them, and more, it is.
func TestKeptClusterOfOtherIDs(t *testing.T) {
	const home = "/var/lib/u7s-admin"
	folder := HomeFolder{Path: home, UID: uint32(os.Getuid()), GID: uint32(os.Getgid()), SubUIDs: 165536, SubGIDs: 165536, More: []SubIDRange{{300000, 300000, 10}}}
	for name, c := range map[string]struct {
		ids  string
		fits bool
	}{
		"same":        {`"SubUIDs":165536,"SubGIDs":165536,"More":[{"UIDStart":300000,"GIDStart":300000,"Count":10}]`, true},
		"fewer":       {`"SubUIDs":165536,"SubGIDs":165536`, true},
		"other uids":  {`"SubUIDs":100000,"SubGIDs":165536`, false},
		"other gids":  {`"SubUIDs":165536,"SubGIDs":100000`, false},
		"other range": {`"SubUIDs":165536,"SubGIDs":165536,"More":[{"UIDStart":400000,"GIDStart":300000,"Count":10}]`, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := testHost(t)
			put(t, h, home+"/state", "")
			put(t, h, h.savedFile(), `{"UID":`+strconv.Itoa(int(folder.UID))+`,"GID":`+strconv.Itoa(int(folder.GID))+`,`+c.ids+`,"Place":"`+home+`","Was":{}}`)
			before := tree(t, h)
			err := HomeOwner{folder}.Apply(t.Context(), h)
			if c.fits {
				if err != nil || !h.present(h.clusterNote()) {
					t.Errorf("it is not taken back: %v", err)
				}
				return
			}
			var f *Fault
			if !errors.As(err, &f) || !strings.Contains(f.Remedy.String(), "rm -r "+h.path(h.savedDir())) {
				t.Errorf("got %v", err)
			}
			sameTree(t, before, tree(t, h))
		})
	}
}
