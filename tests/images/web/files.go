package main

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// The file systems that a volume may be on. Source: statfs(2).
const (
	tmpfsMagic   = 0x01021994
	overlayMagic = 0x794c7630
	extMagic     = 0xef53
)

// files is what the program does with files, as a user's program would: read
// one, add a line to one, write a large one, list a folder, or name a path's file
// system.
func files(verb, path string, rest []string) error {
	switch verb {
	case "read":
		data, err := os.ReadFile(path)
		os.Stdout.Write(data) //nolint:errcheck // the caller sees it
		return err
	case "add":
		return addLine(path, rest)
	case "fill":
		return fill(path, rest[0])
	case "list":
		return list(path)
	default:
		return fileSystem(path)
	}
}

func addLine(path string, words []string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(file, words); err != nil {
		return err
	}
	return file.Close()
}

// fill writes a file of some MiB.
func fill(path, size string) error {
	n, err := strconv.Atoi(size)
	if err != nil {
		return err
	}
	return os.WriteFile(path, make([]byte, n<<20), 0o644)
}

func list(path string) error {
	entries, err := os.ReadDir(path)
	for _, e := range entries {
		fmt.Println(e)
	}
	return err
}

func fileSystem(path string) error {
	var s syscall.Statfs_t
	if err := syscall.Statfs(path, &s); err != nil {
		return err
	}
	names := map[int64]string{tmpfsMagic: "tmpfs", overlayMagic: "overlay", extMagic: "ext"}
	name, known := names[s.Type]
	if !known {
		name = fmt.Sprintf("%#x", s.Type)
	}
	_, err := fmt.Println(name)
	return err
}
