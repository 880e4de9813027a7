package usernetes

import (
	"bytes"
	"net/netip"
)

// readdressed is a text in which another address stands wherever one stands alone:
// 192.0.2.1 is neither in 192.0.2.10 nor in the network 192.0.2.1/24. So it changes
// manifests, kubeconfigs and kubeadm's configurations, and nothing else of them.
func readdressed(text []byte, from, to netip.Addr) []byte {
	was := []byte(from.String())
	var all []byte
	for {
		before, after, found := bytes.Cut(text, was)
		all = append(all, before...)
		switch {
		case !found:
			return all
		case endsInAddress(all) || goesOnAsAddress(after):
			all = append(all, was...)
		default:
			all = append(all, to.String()...)
		}
		text = after
	}
}

// endsInAddress reports whether a text ends in the middle of an address or a name.
func endsInAddress(text []byte) bool {
	return len(text) > 0 && (isDigit(text[len(text)-1]) || text[len(text)-1] == '.')
}

// goesOnAsAddress reports whether what follows belongs to another address, or makes a
// network of it.
func goesOnAsAddress(text []byte) bool {
	if len(text) > 0 && isDigit(text[0]) {
		return true
	}
	return len(text) > 1 && (text[0] == '.' || text[0] == '/') && isDigit(text[1])
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
