package people

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi/played"
)

// TestSign: a request is approved and signed, recorded, and deleted.
func TestSign(t *testing.T) {
	c := playCluster(t)
	r, key := newRequest(t, "ops", "dev", "ops")
	cert, err := Sign(t.Context(), c.Client(), r)
	if err != nil {
		t.Fatal(err)
	}
	until, err := r.Check(cert, c.Access().CA, key, time.Now())
	if left := time.Until(until); err != nil || left > time.Hour || left < 50*time.Minute {
		t.Errorf("until %s, %v", until, err)
	}
	want := []string{"DELETE " + requests, "POST " + requests, "PATCH " + request1 + "/approval", "DELETE " + request1, "POST " + recordPlace}
	if got := c.calls(); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	spec := c.Sent()[1].Body["spec"].(map[string]any) //nolint:forcetypeassert // a test
	if spec["signerName"] != signer || spec["expirationSeconds"] != 3600.0 || len(spec["usages"].([]any)) != 1 {
		t.Errorf("%v", spec)
	}
	all, err := users(t.Context(), c.Client())
	if err != nil || len(all) != 1 || all[0].Name != "anna" || !all[0].Until().Equal(until) || !slices.Equal(all[0].Groups(time.Now()), []string{"dev", "ops"}) {
		t.Errorf("%+v, %v", all, err)
	}
}

// TestSignAgain: a certificate more is recorded beside the first one, and one that
// has ended goes.
func TestSignAgain(t *testing.T) {
	c := playCluster(t)
	now := time.Now()
	c.hasUsers(User{Name: "anna", Certificates: []Certificate{{[]string{"old"}, now, now.Add(-time.Hour)}, {[]string{"ops"}, now, now.Add(5 * time.Hour)}}}, User{Name: "boris"})
	r, _ := newRequest(t, "dev")
	if _, err := Sign(t.Context(), c.Client(), r); err != nil {
		t.Fatal(err)
	}
	all, err := users(t.Context(), c.Client())
	if err != nil || len(all) != 2 || len(all[0].Certificates) != 2 || !slices.Equal(all[0].Groups(now), []string{"dev", "ops"}) || !all[0].Until().Equal(now.Add(5*time.Hour)) {
		t.Errorf("%+v, %v", all, err)
	}
}

// TestSignRefused: what keeps a certificate from being signed is told, and nothing
// stays of the request.
func TestSignRefused(t *testing.T) {
	for _, one := range []struct {
		name, want string
		set        func(c *cluster, r *Request)
		deleted    bool // the request was made
	}{
		{"revoked", "was revoked on 2026-01-02", func(c *cluster, _ *Request) {
			c.hasUsers(User{Name: "anna", Revoked: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)})
		}, false},
		{"of another user", "for another user", func(_ *cluster, r *Request) { r.Name = "boris" }, false},
		{"of another group", "for another user", func(_ *cluster, r *Request) { r.Groups = []string{"system:masters"} }, false},
		{"no request", "not a certificate request", func(_ *cluster, r *Request) { r.CSR = nil }, false},
		{"no record", "500", func(c *cluster, _ *Request) { c.Refuses("GET "+recordPath, http.StatusInternalServerError) }, false},
		{"not taken", "403", func(c *cluster, _ *Request) { c.Refuses("POST "+requests, http.StatusForbidden) }, false},
		{"not approved", "403", func(c *cluster, _ *Request) { c.Refuses("PATCH "+request1+"/approval", http.StatusForbidden) }, true},
		{"denied", "Denied ByPolicy no", func(c *cluster, _ *Request) {
			c.Answers("PATCH "+request1+"/approval", func(played.Sent) any {
				c.Has(request1, `{"status":{"conditions":[{"type":"Denied","reason":"ByPolicy","message":"no"}]}}`)
				return nil
			})
		}, true},
		{"revoked meanwhile", "was revoked", func(c *cluster, _ *Request) {
			c.SignRequests(c.t, func(*x509.Certificate) { c.hasUsers(User{Name: "anna", Revoked: time.Now()}) })
		}, true},
		{"others write", "others change it", func(c *cluster, _ *Request) { c.Refuses("POST "+recordPlace, http.StatusConflict) }, true},
	} {
		t.Run(one.name, func(t *testing.T) {
			c := playCluster(t)
			r, _ := newRequest(t, "dev")
			one.set(c, &r)
			cert, err := Sign(t.Context(), c.Client(), r)
			if err == nil || !strings.Contains(err.Error(), one.want) {
				t.Errorf("%q, %v", cert, err)
			}
			if got := c.called("DELETE " + request1); got != one.deleted {
				t.Errorf("deleted: %v; %q", got, c.calls())
			}
		})
	}
}

// TestCheck: root takes no other certificate than the one it asked for.
func TestCheck(t *testing.T) {
	for name, spoil := range map[string]func(c *x509.Certificate){
		"another user":        func(c *x509.Certificate) { c.Subject = subjectOf("boris", "dev") },
		"other groups":        func(c *x509.Certificate) { c.Subject = subjectOf("anna", "dev", "system:masters") },
		"valid for too long":  func(c *x509.Certificate) { c.NotAfter = time.Now().Add(2 * time.Hour) },
		"expired":             func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Second) },
		"more than a client":  func(c *x509.Certificate) { c.ExtKeyUsage = append(c.ExtKeyUsage, x509.ExtKeyUsageServerAuth) },
		"than a client":       func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true },
		"more than a client ": func(c *x509.Certificate) { c.ExtKeyUsage = nil },
	} {
		c := playCluster(t)
		c.SignRequests(t, spoil)
		r, key := newRequest(t, "dev")
		cert, err := Sign(t.Context(), c.Client(), r)
		if err != nil {
			t.Fatal(name, err)
		}
		if _, err := r.Check(cert, c.Access().CA, key, time.Now()); err == nil || !strings.Contains(err.Error(), strings.TrimSpace(name)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	c := playCluster(t)
	r, key := newRequest(t, "dev")
	cert, err := Sign(t.Context(), c.Client(), r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Check(cert, otherCA(t), key, time.Now()); err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("of another authority: %v", err)
	}
	if _, err := r.Check(cert, c.Access().CA, newKey(t), time.Now()); err == nil || !strings.Contains(err.Error(), "another key") {
		t.Errorf("for another key: %v", err)
	}
	for _, text := range [][]byte{nil, []byte("x"), append(slices.Clone(cert), cert...), append(slices.Clone(cert), "# more"...)} {
		if _, err := r.Check(text, c.Access().CA, key, time.Now()); err == nil || !strings.Contains(err.Error(), "not one certificate") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// otherCA is the authority of another cluster.
func otherCA(t *testing.T) []byte {
	t.Helper()
	key := newKey(t)
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
