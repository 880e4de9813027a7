package certs

import (
	"testing"
	"time"
)

func TestStateAt(t *testing.T) {
	now := time.Date(2030, 1, 31, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name   string
		keeper Keeper
		life   time.Duration
		left   time.Duration
		want   State
		days   int
	}{
		{"new", KeptByKubeadm, 365 * day, 365 * day, Good, 365},
		{"a second more than 30 days", KeptByKubeadm, 365 * day, 30*day + time.Second, Good, 30},
		{"30 days", KeptByKubeadm, 365 * day, 30 * day, Ending, 30},
		{"an hour", KeptByKubeadm, 365 * day, time.Hour, Ending, 0},
		{"its last moment", KeptByKubeadm, 365 * day, 0, Ending, 0},
		{"over for a second", KeptByKubeadm, 365 * day, -time.Second, Expired, -1},
		{"over for a day", KeptByKubeadm, 365 * day, -day, Expired, -1},
		{"over for a year", KeptByKubeadm, 365 * day, -365 * day, Expired, -365},
		{"an authority", KeptByPerson, 3650 * day, 29 * day, Ending, 29},
		{"the kubelet's, of a year", KeptByKubelet, 365 * day, 36 * day, Good, 36},
		{"the kubelet's, of a year, not made anew", KeptByKubelet, 365 * day, 29 * day, Ending, 29},
		{"the kubelet's, of ten days", KeptByKubelet, 10 * day, 2 * day, Good, 2},
		{"the kubelet's, of ten days, not made anew", KeptByKubelet, 10 * day, day, Ending, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			cert := Certificate{Keeper: c.keeper, Begins: now.Add(c.left - c.life), Ends: now.Add(c.left)}
			if got := cert.StateAt(now); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if got := cert.DaysLeft(now); got != c.days {
				t.Errorf("got %d days, want %d", got, c.days)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	good := Certificate{Name: "apiserver", Path: pki + "apiserver.crt", Keeper: KeptByKubeadm, Subject: "CN=kube-apiserver", Authority: "CN=kubernetes"}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(*Certificate){
		"another name":     func(c *Certificate) { c.Name = "x" },
		"another path":     func(c *Certificate) { c.Path = "/etc/shadow" },
		"another keeper":   func(c *Certificate) { c.Keeper = KeptByUs },
		"an escape":        func(c *Certificate) { c.Subject = "\x1b[2J" },
		"a second line":    func(c *Certificate) { c.Authority = "CN=a\nb" },
		"bytes of no text": func(c *Certificate) { c.Authority = "\u202e" },
	} {
		bad := good
		spoil(&bad)
		if bad.Check() == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
