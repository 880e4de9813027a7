package host

import (
	"context"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/message"
)

// An Interrupt is the cause of a context that a signal has ended. It wraps
// context.Canceled.
type Interrupt struct{ Signal unix.Signal }

// Error names the signal.
func (i *Interrupt) Error() string { return i.Say().String() }

// Say is Error in any language.
func (i *Interrupt) Say() message.Text {
	return message.Of("interrupted by %s", unix.SignalName(i.Signal))
}

// Unwrap returns context.Canceled.
func (i *Interrupt) Unwrap() error { return context.Canceled }

// CatchInterrupts returns a context that the first signal which asks this
// process to end cancels, with an *Interrupt as its cause. Until stop is called
// further ones do nothing. A hangup stays ignored where it was ignored before.
// Source: signal(7); nohup(1).
func CatchInterrupts(ctx context.Context) (caught context.Context, stop func()) {
	asks := []os.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGQUIT}
	if !signal.Ignored(unix.SIGHUP) {
		asks = append(asks, unix.SIGHUP)
	}
	return CatchSignals(ctx, asks...)
}

// CatchSignals returns a context that the first of some signals cancels, with an
// *Interrupt as its cause. Until stop is called further ones do nothing.
func CatchSignals(ctx context.Context, some ...os.Signal) (caught context.Context, stop func()) {
	caught, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, some...)
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
