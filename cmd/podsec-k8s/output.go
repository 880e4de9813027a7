package main

import (
	"io"

	"github.com/alt-cloud/podsec-k8s/message"
)

// An output is standard output. It keeps the first error of writing to it: what
// is under way goes on, and the error is told in the end.
type output struct {
	to  io.Writer
	err error
}

// Write says that all is written.
func (o *output) Write(data []byte) (int, error) {
	if o.err == nil {
		_, o.err = o.to.Write(data)
	}
	return len(data), nil
}

// fault returns the fault of an answer that did not arrive.
func (o *output) fault() error {
	if o.err == nil {
		return nil
	}
	return message.Errorf("writing to standard output: %w", o.err)
}
