package staticpod

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"
	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

const (
	// logPiece is how many bytes of a line go into one record; longer lines
	// are parted, as container runtimes do.
	logPiece = 16 << 10
	// maxWaiting is how many bytes of records are kept until the stand-in's
	// container has a log.
	maxWaiting = 256 << 10
	// logGC is how much garbage, in percent of what is in use, there may be:
	// a node has several of these processes.
	logGC = 20
	// logInterval is how often such a log is looked for.
	logInterval = time.Second
)

// LogComponent carries what a component prints to the journal, line by line
// as it is, and into the log of its stand-in's container, from where kubectl
// logs and log collectors have it. The component's standard output is the
// standard input here, its standard error is descriptor 3. It ends when both
// have ended, and by no signal before: the last lines of a program say most.
func LogComponent(name string) error {
	signal.Ignore(unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGPIPE)
	debug.SetGCPercent(logGC)
	n, err := node.LoadNode()
	if err != nil {
		return err
	}
	log := &containerLog{folder: func() string { return standInLogs(name, n) }, since: namespacesSince(), unit: name}
	defer log.end()
	var streams sync.WaitGroup
	for stream, from := range map[string]*os.File{"stdout": os.Stdin, "stderr": os.NewFile(3, "stderr")} {
		streams.Go(func() { copyLines(stream, from, os.Stderr, log) })
	}
	streams.Wait()
	return nil
}

// copyLines copies a stream to the journal and to a container's log. What
// can't be written to one still goes to the other.
func copyLines(stream string, from io.Reader, journal io.Writer, log *containerLog) {
	lines := bufio.NewReaderSize(from, logPiece)
	for {
		piece, err := lines.ReadSlice('\n')
		if len(piece) > 0 {
			_, _ = journal.Write(piece)                                            // nobody is left to be told
			log.add(record(time.Now(), stream, piece, err == bufio.ErrBufferFull)) //nolint:errorlint // ReadSlice returns it bare
		}
		if err != nil && err != bufio.ErrBufferFull { //nolint:errorlint // as above
			return
		}
	}
}

// record is one line, or a part of one, in the form of container logs.
// Source: the Kubernetes design "CRI: Log management".
func record(at time.Time, stream string, piece []byte, partial bool) []byte {
	tag := "F"
	if partial {
		tag = "P"
	}
	piece = bytes.TrimSuffix(piece, []byte("\n"))
	head := at.UTC().Format("2006-01-02T15:04:05.000000000Z07:00") + " " + stream + " " + tag + " "
	return append(append(append(make([]byte, 0, len(head)+len(piece)+1), head...), piece...), '\n')
}

// A containerLog writes records to the newest log file in a folder. The
// kubelet renames the file when it is large, and the container runtime then
// makes a new one; a container that is started again has another.
type containerLog struct {
	folder func() string // where the file is to be; "" as long as nobody knows
	since  time.Time     // files made before are of containers that are gone
	unit   string        // the component, for what is said of lost records

	sync.Mutex
	file    *os.File
	path    string    // of the folder that file is in
	changed time.Time // when an entry of the folder changed last, before file was looked for
	settled bool      // file is the newest one of the folder
	waiting [][]byte  // records from before there was a file
	bytes   int       // of waiting
	lost    int       // records that are only in the journal
	torn    bool      // the last record was written in part
	ended   bool
}

// add writes a record, or keeps it until it can be written.
func (l *containerLog) add(record []byte) {
	l.Lock()
	defer l.Unlock()
	if l.open(); l.file != nil {
		l.flush()
		l.write(record)
		return
	}
	if len(l.waiting) == 0 {
		go l.retry()
	}
	l.waiting, l.bytes = append(l.waiting, record), l.bytes+len(record)
	for l.bytes > maxWaiting {
		l.bytes -= len(l.waiting[0])
		l.waiting = l.waiting[1:]
		l.lost++
	}
}

// retry looks for the file until the records that wait for it are written.
func (l *containerLog) retry() {
	for {
		time.Sleep(logInterval)
		if l.tryFlush() {
			return
		}
	}
}

// tryFlush reports whether nothing waits any more.
func (l *containerLog) tryFlush() bool {
	l.Lock()
	defer l.Unlock()
	if l.open(); l.file != nil {
		l.flush()
	}
	return len(l.waiting) == 0 || l.ended
}

// end writes what waits, if there is a file by now.
func (l *containerLog) end() {
	l.tryFlush()
	l.Lock()
	defer l.Unlock()
	l.ended = true
}

func (l *containerLog) flush() {
	for _, record := range l.waiting {
		l.write(record)
	}
	l.waiting, l.bytes = nil, 0
}

// write appends a record. One that the disk has no room for is lost here,
// and the next one that is written comes after a line of its own about it.
func (l *containerLog) write(record []byte) {
	if l.lost > 0 {
		record = append(l.lossRecord(), record...)
	}
	if l.torn {
		record = append([]byte("\n"), record...)
	}
	n, err := l.file.Write(record)
	if err == nil {
		l.lost, l.torn = 0, false
		return
	}
	l.lost++
	l.torn = n > 0 || l.torn
}

func (l *containerLog) lossRecord() []byte {
	text := fmt.Sprintf("%d lines are missing here; they are in the journal: journalctl _SYSTEMD_USER_UNIT=u7s-%s.service", l.lost, l.unit)
	return record(time.Now(), "stderr", []byte(text), false)
}

// open makes file the newest log of the folder. One that was renamed is
// written to until there is a new one.
func (l *containerLog) open() {
	path := l.path
	info, err := os.Stat(path)
	if path == "" || errors.Is(err, fs.ErrNotExist) {
		l.close() // the pod is gone, if there was one
		if path = l.folder(); path == "" {
			return
		}
		info, err = os.Stat(path)
	}
	if err != nil || l.settled && info.ModTime().Equal(l.changed) {
		return
	}
	newest := newestLog(path)
	if newest != "" && madeBefore(newest, l.since) {
		newest = ""
	}
	if newest == "" {
		l.settled = false
		return
	}
	// No O_CREATE: the file is the container runtime's.
	file, err := os.OpenFile(newest, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return
	}
	l.close()
	l.file, l.path, l.changed, l.settled = file, path, info.ModTime(), true
}

func (l *containerLog) close() {
	if l.file != nil {
		l.file.Close() //nolint:errcheck // each write has told its own faults
	}
	l.file, l.path, l.settled = nil, "", false
}

// newestLog returns the log of a container's newest run: N.log, N being how
// often the container was started again.
func newestLog(folder string) (newest string) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return ""
	}
	highest := -1
	for _, entry := range entries {
		number, isLog := strings.CutSuffix(entry.Name(), ".log")
		if n, err := strconv.Atoi(number); isLog && err == nil && n > highest {
			highest, newest = n, filepath.Join(folder, entry.Name())
		}
	}
	return newest
}

// madeBefore reports whether a file was made before a time. A file system
// that keeps no such time counts as no. Source: statx(2).
func madeBefore(path string, since time.Time) bool {
	var s unix.Statx_t
	if unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_BTIME, &s) != nil || s.Mask&unix.STATX_BTIME == 0 {
		return false
	}
	return time.Unix(s.Btime.Sec, int64(s.Btime.Nsec)).Before(since)
}

// namespacesSince returns when the node's namespaces were made; no container
// is older. The zero time says that it is not known.
func namespacesSince() time.Time {
	info, err := os.Stat(filepath.Join(node.RootlessKitDir(), "child_pid"))
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// standInLogs returns the folder of the logs of a stand-in's container, ""
// when there is no stand-in. Source: the kubelet's BuildPodLogsDirectory.
func standInLogs(name string, n node.Node) string {
	data, err := host.ReadFile(standInFile(name))
	if err != nil {
		return ""
	}
	var pod struct {
		Metadata struct {
			Name      string `yaml:"name"`
			Namespace string `yaml:"namespace"`
			UID       string `yaml:"uid"`
		} `yaml:"metadata"`
	}
	if yaml.Unmarshal(data, &pod) != nil || pod.Metadata.UID == "" {
		return ""
	}
	folder := pod.Metadata.Namespace + "_" + mirrorName(pod.Metadata.Name, n) + "_" + pod.Metadata.UID
	return node.StatePath(filepath.Join("/var/log/pods", folder, name))
}

// mirrorName is the name that a static pod has in the cluster.
// Source: the kubelet's generatePodName.
func mirrorName(pod string, n node.Node) string { return pod + "-" + strings.ToLower(n.Name) }
