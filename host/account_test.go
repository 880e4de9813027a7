package host

import "testing"

func TestLoginDefs(t *testing.T) {
	h := testHost(t)
	if got := h.LoginDefs("SUB_UID_MIN", 7); got != 7 {
		t.Errorf("without the file: %d", got)
	}
	put(t, h, "/etc/login.defs", "# SUB_UID_MIN 1\nSUB_UID_MIN\t100000\nSUB_UID_COUNT 0x10\nUMASK many\n")
	for key, want := range map[string]uint64{"SUB_UID_MIN": 100000, "SUB_UID_COUNT": 16, "UMASK": 7, "NONE": 7} {
		if got := h.LoginDefs(key, 7); got != want {
			t.Errorf("%s is %d, want %d", key, got, want)
		}
	}
}
