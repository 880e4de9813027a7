package node

import "testing"

// TestUnmeasured: a disk can be measured, what is made up by the kernel can't.
func TestUnmeasured(t *testing.T) {
	if fault := unmeasured(t.TempDir()); fault != nil {
		t.Errorf("%v", fault)
	}
	for _, path := range []string{"/proc", "/sys", "/no such place"} {
		if fault := unmeasured(path); fault == nil {
			t.Errorf("%s can be measured", path)
		}
	}
}
