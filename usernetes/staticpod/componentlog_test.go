package staticpod

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var logTime = time.Date(2026, 1, 2, 3, 4, 5, 60, time.FixedZone("", 3600))

func TestRecord(t *testing.T) {
	for _, c := range []struct {
		piece   string
		partial bool
		want    string
	}{
		{"a line\n", false, "2026-01-02T02:04:05.000000060Z stdout F a line\n"},
		{"\n", false, "2026-01-02T02:04:05.000000060Z stdout F \n"},
		{"half", true, "2026-01-02T02:04:05.000000060Z stdout P half\n"},
		{"the last words", false, "2026-01-02T02:04:05.000000060Z stdout F the last words\n"},
	} {
		if got := string(record(logTime, "stdout", []byte(c.piece), c.partial)); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// logFolder is a folder as the kubelet makes one for a container's logs.
type logFolder struct {
	*testing.T
	path string
}

func newLogFolder(t *testing.T) logFolder { return logFolder{t, t.TempDir()} }

func (f logFolder) make(name string) {
	f.Helper()
	if err := os.WriteFile(filepath.Join(f.path, name), nil, 0o600); err != nil {
		f.Fatal(err)
	}
}

// texts returns what the records of a file say.
func (f logFolder) texts(name string) string {
	f.Helper()
	data, err := os.ReadFile(filepath.Join(f.path, name))
	if err != nil {
		f.Fatal(err)
	}
	var all []string
	for line := range strings.Lines(string(data)) {
		if fields := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 4); len(fields) == 4 {
			all = append(all, fields[3])
		}
	}
	return strings.Join(all, "|")
}

func (f logFolder) log() *containerLog {
	return &containerLog{folder: func() string { return f.path }, unit: "etcd"}
}

func (f logFolder) want(name, want string) {
	f.Helper()
	if got := f.texts(name); got != want {
		f.Errorf("%s has %q, want %q", name, got, want)
	}
}

func add(l *containerLog, text string) { l.add(record(logTime, "stderr", []byte(text), false)) }

func TestCopyLines(t *testing.T) {
	f := newLogFolder(t)
	f.make("0.log")
	long := strings.Repeat("x", logPiece)
	text := "first\n" + long + "yz\nlast"
	var journal bytes.Buffer
	copyLines("stdout", strings.NewReader(text), &journal, f.log())
	if journal.String() != text {
		t.Error("the journal has another text")
	}
	f.want("0.log", "first|"+long+"|yz|last")
	data, _ := os.ReadFile(filepath.Join(f.path, "0.log"))
	if n := bytes.Count(data, []byte(" stdout P ")); n != 1 {
		t.Errorf("%d partial records, want one", n)
	}
}

// TestLogBeforeTheContainer: what was printed before there is a log is in it
// afterwards, in order.
func TestLogBeforeTheContainer(t *testing.T) {
	f := newLogFolder(t)
	l := f.log()
	add(l, "one")
	add(l, "two")
	f.make("0.log")
	add(l, "three")
	f.want("0.log", "one|two|three")

	l = newLogFolder(t).log()
	add(l, "never seen")
	l.end() // no file, and nobody waits for one
}

func TestLogWaitingIsBounded(t *testing.T) {
	f := newLogFolder(t)
	l := f.log()
	for range 3 * maxWaiting / logPiece {
		add(l, strings.Repeat("x", logPiece))
	}
	add(l, "newest")
	if l.bytes > maxWaiting {
		t.Errorf("%d bytes wait", l.bytes)
	}
	f.make("0.log")
	l.end()
	if got := f.texts("0.log"); !strings.Contains(got, "lines are missing here") || !strings.HasSuffix(got, "|newest") {
		t.Errorf("got %.200q", got)
	}
}

// TestLogRotation: as the kubelet does it, by renaming the file and having
// another made.
func TestLogRotation(t *testing.T) {
	f := newLogFolder(t)
	f.make("0.log")
	l := f.log()
	add(l, "one")
	if err := os.Rename(filepath.Join(f.path, "0.log"), filepath.Join(f.path, "0.log.20260102-030405")); err != nil {
		t.Fatal(err)
	}
	add(l, "two")
	f.make("0.log")
	add(l, "three")
	f.want("0.log.20260102-030405", "one|two")
	f.want("0.log", "three")
	f.make("1.log") // the container was started again
	add(l, "four")
	f.want("1.log", "four")
	f.make("notes.log")
	add(l, "five")
	f.want("1.log", "four|five")
}

// TestLogOfAnotherPod: when the manifest has changed, the stand-in is another
// pod, and the old one's folder goes.
func TestLogOfAnotherPod(t *testing.T) {
	old, young := newLogFolder(t), newLogFolder(t)
	old.make("0.log")
	young.make("0.log")
	l := old.log()
	add(l, "one")
	l.folder = func() string { return young.path }
	add(l, "two")
	old.want("0.log", "one|two")
	if err := os.RemoveAll(old.path); err != nil {
		t.Fatal(err)
	}
	add(l, "three")
	young.want("0.log", "three")
}

// TestLogOfAnEarlierRun: a log from before the namespaces is of a container
// that is gone.
func TestLogOfAnEarlierRun(t *testing.T) {
	f := newLogFolder(t)
	f.make("0.log")
	l := f.log()
	l.since = time.Now().Add(time.Hour)
	add(l, "one")
	f.want("0.log", "")
	l.since = time.Time{}
	add(l, "two")
	f.want("0.log", "one|two")
}

// TestLogOnAFullDisk: the program goes on, and the log says what it lacks.
func TestLogOnAFullDisk(t *testing.T) {
	f := newLogFolder(t)
	if err := os.Symlink("/dev/full", filepath.Join(f.path, "0.log")); err != nil {
		t.Fatal(err)
	}
	l := f.log()
	copyLines("stderr", strings.NewReader("one\ntwo\n"), io.Discard, l)
	f.make("1.log")
	add(l, "three")
	if got := f.texts("1.log"); !strings.HasPrefix(got, "2 lines are missing here") || !strings.HasSuffix(got, "|three") {
		t.Errorf("got %q", got)
	}
}

// TestLogAfterATornRecord: half a record, as a full disk leaves it, spoils no
// other one.
func TestLogAfterATornRecord(t *testing.T) {
	f := newLogFolder(t)
	f.make("0.log")
	l := f.log()
	add(l, "one")
	l.torn, l.lost = true, 1
	add(l, "two")
	data, _ := os.ReadFile(filepath.Join(f.path, "0.log"))
	lines := strings.Split(string(data), "\n")
	if len(lines) != 5 || lines[1] != "" || !strings.Contains(lines[2], "1 lines are missing") || !strings.HasSuffix(lines[3], "two") {
		t.Errorf("got %q", lines)
	}
}
