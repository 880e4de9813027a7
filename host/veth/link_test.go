package veth

import "testing"

// TestDefaultRoute finds the way out of the machine, and that there is none.
func TestDefaultRoute(t *testing.T) {
	if device, gateway := DefaultDevice(), defaultGateway().String(); device != "eth0" || gateway != "192.0.2.1" {
		t.Errorf("the default route is by %q, %s", device, gateway)
	}
	machine(t, "route delete default")
	defer machine(t, "route add default via 192.0.2.1")
	if device, gateway := DefaultDevice(), defaultGateway(); device != "" || gateway.IsValid() {
		t.Errorf("no default route is by %q, %s", device, gateway)
	}
}
