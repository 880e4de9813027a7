package certs

import (
	"slices"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
)

// TestProblems: what has ended is a fault, what ends soon a warning, and what has the
// same remedy is one problem.
func TestProblems(t *testing.T) {
	now := time.Date(2030, 1, 31, 12, 0, 0, 0, time.Local)
	ending := func(name string, keeper Keeper, left time.Duration) Certificate {
		return Certificate{Name: name, Keeper: keeper, Begins: now.Add(left - 365*day), Ends: now.Add(left)}
	}
	elsewhere := ending("front-proxy-client", KeptByKubeadm, day)
	elsewhere.Elsewhere = true
	for _, c := range []struct {
		name             string
		all              []Certificate
		faults, warnings []string
	}{
		{"good", []Certificate{ending("apiserver", KeptByKubeadm, 31*day)}, nil, nil},
		{
			"one soon",
			[]Certificate{ending("apiserver", KeptByKubeadm, day)},
			nil,
			[]string{"1 certificate expires on 2030-02-01 12:00: apiserver ⇒ podsec-k8s certs renew"},
		},
		{
			"two soon",
			[]Certificate{ending("apiserver", KeptByKubeadm, 2*day), ending("/root/.kube/config", KeptByUs, day)},
			nil,
			[]string{"2 certificates expire soon, the first on 2030-02-01 12:00: apiserver, /root/.kube/config ⇒ podsec-k8s certs renew"},
		},
		{"signed elsewhere", []Certificate{elsewhere}, nil, []string{"1 certificate expires on 2030-02-01 12:00: front-proxy-client ⇒ " + string(elsewhereRemedy)}},
		{"an authority", []Certificate{ending("ca", KeptByPerson, day)}, nil, []string{"1 certificate expires on 2030-02-01 12:00: ca ⇒ " + string(authorityRemedy)}},
		{"a late kubelet", []Certificate{ending(KubeletClient, KeptByKubelet, day)}, nil, []string{"1 certificate expires on 2030-02-01 12:00: kubelet-client ⇒ " + string(lateRemedy)}},
		{"a lost kubelet", []Certificate{ending(KubeletClient, KeptByKubelet, -day)}, []string{"1 certificate expired on 2030-01-30 12:00: kubelet-client ⇒ " + string(rejoinRemedy)}, nil},
		{"an unsigned request", []Certificate{ending("kubelet-server", KeptByKubelet, -day)}, []string{"1 certificate expired on 2030-01-30 12:00: kubelet-server ⇒ " + string(approveRemedy)}, nil},
		{
			"some of each",
			[]Certificate{ending("apiserver", KeptByKubeadm, -day), ending("etcd-peer", KeptByKubeadm, day), ending("etcd-server", KeptByKubeadm, -2*day)},
			[]string{"2 certificates have expired, the first on 2030-01-29 12:00: apiserver, etcd-server ⇒ podsec-k8s certs renew"},
			[]string{"1 certificate expires on 2030-02-01 12:00: etcd-peer ⇒ podsec-k8s certs renew"},
		},
		{"unreadable", []Certificate{{Name: "apiserver", Keeper: KeptByKubeadm, Fault: message.Of("it is empty")}}, []string{"the certificate apiserver cannot be read: it is empty ⇒ podsec-k8s certs renew"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			faults, warnings := Problems(c.all, now)
			if got := lines(faults); !slices.Equal(got, c.faults) {
				t.Errorf("faults %q", got)
			}
			if got := lines(warnings); !slices.Equal(got, c.warnings) {
				t.Errorf("warnings %q", got)
			}
		})
	}
}

func lines(all []*host.Fault) (texts []string) {
	for _, f := range all {
		texts = append(texts, f.Error()+" ⇒ "+f.Remedy.String())
	}
	return texts
}
