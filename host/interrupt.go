package host

import (
	"context"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// An Interrupt is the cause of a context that a signal has ended. It wraps
// context.Canceled.
type Interrupt struct{ Signal unix.Signal }

// Error names the signal.
func (i *Interrupt) Error() string { return "interrupted by " + unix.SignalName(i.Signal) }

// Unwrap returns context.Canceled.
func (i *Interrupt) Unwrap() error { return context.Canceled }

// CatchInterrupts returns a context that the first signal which asks this
// process to end cancels, with an *Interrupt as its cause. Until stop is called
// further ones do nothing. A hangup stays ignored where it was ignored before.
// Source: signal(7); nohup(1).
func CatchInterrupts(ctx context.Context) (caught context.Context, stop func()) {
	caught, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 1)
	for _, s := range []unix.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGQUIT, unix.SIGHUP} {
		if s != unix.SIGHUP || !signal.Ignored(s) {
			signal.Notify(signals, s)
		}
	}
	go func() {
		select {
		case s := <-signals:
			number, _ := s.(unix.Signal)
			cancel(&Interrupt{number})
		case <-caught.Done():
		}
	}()
	return caught, func() { signal.Stop(signals); cancel(nil) }
}
