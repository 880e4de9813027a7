package host

// A Process is one that could not be ended.
type Process struct {
	PID  int
	Name string // in a form that can be printed
}
