package gate

import (
	"bytes"
	"testing"
	"time"
)

// TestLast: what was printed before time was over is carried, also what the kernel has
// not handed on by then.
func TestLast(t *testing.T) {
	for range 1000 {
		master, slave, err := openPTY()
		if err != nil {
			t.Fatal(err)
		}
		if err := master.SetReadDeadline(time.Now().Add(-time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := slave.WriteString("printed"); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		s := carry(master, &out, false, nil)
		<-s.done
		if err := s.err; err != nil || out.String() != "printed" {
			t.Errorf("%q, %v", out.String(), err)
		}
		master.Close() //nolint:errcheck // the test is over
		slave.Close()  //nolint:errcheck // the test is over
	}
}
