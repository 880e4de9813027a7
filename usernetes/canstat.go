package usernetes

import (
	"fmt"
	"os"

	"github.com/alt-cloud/podsec-k8s/host"
)

func canOpen(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return f.Close()
}

func canOpenRead(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return f.Close()
}

func canStat(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// asFault makes any error one with a remedy.
func asFault(err error) *host.Fault {
	if f, ok := err.(*host.Fault); ok { //nolint:errorlint // a wrapped fault keeps its own remedy below
		return f
	}
	return &host.Fault{Err: err}
}

// fault makes a fault of a remedy and a message.
func fault(remedy, format string, args ...any) *host.Fault {
	return &host.Fault{Err: fmt.Errorf(format, args...), Remedy: remedy}
}
