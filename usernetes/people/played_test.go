package people

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509/pkix"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi/played"
)

// A cluster plays the API of one that keeps the record, and signs requests.
type cluster struct {
	*played.API
	t *testing.T
}

// request1 is the request that it makes.
const request1 = requests + "/played"

func playCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{played.Start(t), t}
	keep := func(s played.Sent) any { c.Has(recordPath, s.Body); return s.Body }
	c.Answers("POST "+recordPlace, keep)
	c.Answers("PUT "+recordPath, keep)
	c.SignRequests(t, nil)
	return c
}

// calls lists what was asked for, and is to change something.
func (c *cluster) calls() (all []string) {
	for _, s := range c.Sent() {
		all = append(all, s.Call)
	}
	return all
}

func (c *cluster) called(call string) bool { return slices.Contains(c.calls(), call) }

// hasUsers puts users on record.
func (c *cluster) hasUsers(users ...User) {
	data := map[string]string{}
	for _, u := range users {
		text, err := json.Marshal(u)
		if err != nil {
			c.t.Fatal(err)
		}
		data[u.Name] = string(text)
	}
	c.Has(recordPath, map[string]any{"metadata": map[string]any{"resourceVersion": "7"}, "data": data})
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// newRequest is anna's, with the key of it.
func newRequest(t *testing.T, groups ...string) (Request, *ecdsa.PrivateKey) {
	t.Helper()
	key := newKey(t)
	r, err := NewRequest("anna", groups, time.Hour, key)
	if err != nil {
		t.Fatal(err)
	}
	return r, key
}

// subjectOf is what a certificate says of its owner.
func subjectOf(name string, groups ...string) pkix.Name {
	return pkix.Name{CommonName: name, Organization: groups}
}
