package images

import (
	"bytes"
	"testing"
)

func TestWriteArchiveIsReproducible(t *testing.T) {
	var one, two, other bytes.Buffer
	for _, c := range []struct {
		to      *bytes.Buffer
		program string
	}{{&one, "x"}, {&two, "x"}, {&other, "y"}} {
		if err := WriteArchive(c.to, "r/a:1", "a", []byte(c.program)); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Error("the same program gave two archives")
	}
	if bytes.Equal(one.Bytes(), other.Bytes()) {
		t.Error("two programs gave one archive")
	}
}
