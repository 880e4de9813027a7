package certs

import (
	"slices"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
)

// Problems says what is wrong with certificates at a moment: faults are of those
// that are of no use any more, warnings of those that end soon. Those of one kind,
// which mostly end together, are one problem.
func Problems(all []Certificate, now time.Time) (faults, warnings []*host.Fault) {
	type kind struct {
		state  State
		remedy message.Format
	}
	var kinds []kind
	of := map[kind][]Certificate{}
	for _, c := range all {
		state := c.StateAt(now)
		if state == Good {
			continue
		}
		k := kind{state, c.remedy(state)}
		if _, known := of[k]; !known {
			kinds = append(kinds, k)
		}
		of[k] = append(of[k], c)
	}
	for _, k := range kinds {
		fault := host.WithRemedy(problem(k.state, of[k]).AsError(), k.remedy)
		if k.state == Ending {
			warnings = append(warnings, fault)
		} else {
			faults = append(faults, fault)
		}
	}
	return faults, warnings
}

// problem says what state certificates are in, with the first of their ends.
func problem(state State, all []Certificate) message.Text {
	var names []message.Text
	for _, c := range all {
		names = append(names, message.Plain(c.Name))
	}
	list := message.List(", ", names...)
	first := slices.MinFunc(all, func(a, b Certificate) int { return a.Ends.Compare(b.Ends) }).Ends.Local().Format("2006-01-02 15:04")
	switch state {
	case Unreadable:
		return message.Of("the certificate %s cannot be read: %s", list, all[0].Fault)
	case Expired:
		return message.Count(len(all), "%d certificate expired on %s: %s", "%d certificates have expired, the first on %s: %s", len(all), first, list)
	case Ending, Good:
	}
	return message.Count(len(all), "%d certificate expires on %s: %s", "%d certificates expire soon, the first on %s: %s", len(all), first, list)
}

// What to do about a certificate, by who keeps it.
const (
	renewRemedy     message.Format = "podsec-k8s certs renew"
	elsewhereRemedy message.Format = "let its certificate authority sign it again, see CERTIFICATES in podsec-k8s(8)"
	authorityRemedy message.Format = "replace the certificate authority, see CERTIFICATES in podsec-k8s(8)"
	lateRemedy      message.Format = "the kubelet should have renewed it; restart it: systemctl restart kubelet; and see: journalctl _SYSTEMD_USER_UNIT=u7s-kubelet.service"
	rejoinRemedy    message.Format = "on a control plane: podsec-k8s certs renew; on a worker, with a token of podsec-k8s token create: podsec-k8s certs renew --token-file FILE"
	approveRemedy   message.Format = "approve the kubelet's request on a control plane: podsec-k8s kubectl get csr"
)

func (c Certificate) remedy(state State) message.Format {
	switch {
	case c.Elsewhere:
		return elsewhereRemedy
	case c.Keeper == KeptByPerson:
		return authorityRemedy
	case c.Keeper != KeptByKubelet:
		return renewRemedy
	case c.Name != KubeletClient:
		return approveRemedy
	case state == Ending:
		return lateRemedy
	}
	return rejoinRemedy
}
